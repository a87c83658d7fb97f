"""The ledger's transitions on a real SQLite file."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from kbsync.errors import LedgerBusy, LedgerError
from kbsync.ledger import Adoptee, Job, Ledger
from kbsync.ledger.schema import migrations
from kbsync.ledger.store import MIGRATIONS, Access, Store
from kbsync.model import (
    Drop,
    Intent,
    Key,
    Part,
    Put,
    Record,
    Remote,
    Seen,
    Skip,
    Skipped,
    Stamp,
    State,
    Version,
    Want,
)

KEY = Key("docs", "a.md")
STAMP = Stamp(10, 1_000, 1_001, 7, 1)
A, B = Version("a" * 64, "r1"), Version("b" * 64, "r1")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.db") as opened:
        yield opened


def remote(document: str) -> Remote:
    return Remote("ds", document, f"name of {document}", "batch")


def want(ledger: Ledger, key: Key = KEY, stamp: Stamp = STAMP, reason: str = "new") -> None:
    ledger.observe([Put(Seen(key, stamp), reason)], 1.0)


def claim(ledger: Ledger, now: float = 2.0) -> Job:
    job = ledger.claim(now, ["docs"])
    assert job is not None
    return job


def row(ledger: Ledger, key: Key = KEY) -> Record:
    record = ledger.record(key)
    assert record is not None
    return record


def bring_live(ledger: Ledger, document: str = "doc-a", version: Version = A) -> None:
    want(ledger)
    ledger.sent(claim(ledger), remote(document), version, STAMP, 3.0)
    assert ledger.indexed(KEY, remote(document), 1, 4.0)


def leftovers(ledger: Ledger) -> list[str]:
    return [row[0] for row in ledger.store.rows("SELECT document_id FROM leftovers ORDER BY 1")]


def test_first_version(ledger: Ledger) -> None:
    """A new file goes pending, sending, indexing, completed, and its document becomes live."""
    want(ledger)
    assert row(ledger).state is State.PENDING
    job = claim(ledger)
    assert row(ledger).state is State.SENDING
    assert ledger.intend(job, "ds", "name")
    assert row(ledger).intent == Intent("ds", "name")
    ledger.sent(job, remote("doc-a"), A, STAMP, 3.0)
    assert (row(ledger).state, row(ledger).coming, row(ledger).intent) == (
        State.INDEXING,
        remote("doc-a"),
        None,
    )
    assert ledger.indexed(KEY, remote("doc-a"), 2, 4.0)
    record = row(ledger)
    assert (record.state, record.live, record.coming) == (State.COMPLETED, remote("doc-a"), None)
    assert record.version == A


def test_replacement_keeps_the_old_version_live(ledger: Ledger) -> None:
    """The old document is on the way out only once the new one answers."""
    bring_live(ledger)
    want(ledger, stamp=STAMP._replace(mtime_ns=5_000), reason="modified")
    ledger.sent(claim(ledger), remote("doc-b"), B, STAMP, 6.0)
    assert row(ledger).live == remote("doc-a")
    assert leftovers(ledger) == []
    ledger.indexed(KEY, remote("doc-b"), 1, 7.0)
    assert row(ledger).live == remote("doc-b")
    assert leftovers(ledger) == ["doc-a"]


def test_an_edit_during_sending_is_not_lost(ledger: Ledger) -> None:
    """A result of an older generation is kept as a document and never marks the row done."""
    want(ledger)
    job = claim(ledger)
    want(ledger, stamp=STAMP._replace(mtime_ns=9_000), reason="modified")
    assert row(ledger).state is State.SENDING
    assert ledger.claim(3.0, ["docs"]) is None
    ledger.sent(job, remote("doc-a"), A, STAMP, 4.0)
    record = row(ledger)
    assert (record.state, record.coming) == (State.PENDING, remote("doc-a"))
    ledger.sent(claim(ledger), remote("doc-b"), B, STAMP, 5.0)
    assert row(ledger).state is State.INDEXING
    assert leftovers(ledger) == ["doc-a"]


def test_back_to_the_live_version(ledger: Ledger) -> None:
    """A -> B -> A in a hurry ends by dropping B and keeping A."""
    bring_live(ledger)
    want(ledger, stamp=STAMP._replace(mtime_ns=5_000))
    ledger.sent(claim(ledger), remote("doc-b"), B, STAMP, 6.0)
    want(ledger, stamp=STAMP._replace(mtime_ns=7_000))
    ledger.unchanged(claim(ledger), A, STAMP, 8.0)
    record = row(ledger)
    assert (record.state, record.live, record.coming) == (State.COMPLETED, remote("doc-a"), None)
    assert leftovers(ledger) == ["doc-b"]


def test_indexed_while_the_file_was_looked_at(ledger: Ledger) -> None:
    """A version that is finished while its file is compared with it is not waited for any more."""
    want(ledger)
    ledger.sent(claim(ledger), remote("doc-a"), A, STAMP, 3.0)
    want(ledger, stamp=STAMP._replace(mtime_ns=5_000))
    job = claim(ledger)
    ledger.indexed(KEY, remote("doc-a"), 1, 4.0)

    ledger.still_indexing(job, A, STAMP, 5.0)

    assert row(ledger).state is State.PENDING
    ledger.unchanged(claim(ledger), A, STAMP, 6.0)
    assert (row(ledger).state, row(ledger).live) == (State.COMPLETED, remote("doc-a"))


@pytest.mark.parametrize("judged", ["unchanged", "still_indexing"])
def test_indexed_while_its_file_is_read(ledger: Ledger, judged: str) -> None:
    """What was said of documents that are not those of the row any more does not count."""
    bring_live(ledger, "doc-a", A)
    want(ledger)
    ledger.sent(claim(ledger), remote("doc-b"), B, STAMP, 5.0)
    want(ledger)
    job = claim(ledger)
    ledger.indexed(KEY, remote("doc-b"), 1, 6.0)
    getattr(ledger, judged)(job, A if judged == "unchanged" else B, STAMP, 7.0)
    record = row(ledger)
    assert (record.state, record.live, record.coming) == (State.PENDING, remote("doc-b"), None)
    ledger.unchanged(claim(ledger), B, STAMP, 8.0)
    assert row(ledger).state is State.COMPLETED


def test_a_document_in_use_again_is_no_leftover(ledger: Ledger) -> None:
    """A document that a create overwrote in place is taken off the list of those that must go."""
    bring_live(ledger)
    want(ledger)
    ledger.sent(claim(ledger), remote("doc-b"), B, STAMP, 6.0)
    ledger.indexed(KEY, remote("doc-b"), 1, 7.0)
    assert leftovers(ledger) == ["doc-a"]
    want(ledger)
    ledger.sent(claim(ledger), remote("doc-a"), A, STAMP, 8.0)
    assert leftovers(ledger) == []


def test_a_part_that_was_adopted_since_it_was_found(ledger: Ledger) -> None:
    """An audit whose list is older than an adoption does not add what the row has already."""
    parts = [
        Remote("ds", f"part {letter}", f"a [3fa9c1d2e5b7-{letter * 8}-part].md") for letter in "abc"
    ]
    found = Adoptee(KEY, None, None, (), described=True, parts=tuple(map(Part, parts[:2])))
    ledger.adopt(KEY.folder, "ds", [found], [], 1.0)
    assert not ledger.orphan(KEY, parts[1], 2.0)
    assert ledger.orphan(KEY, parts[2], 3.0)
    assert [part.remote for part in row(ledger).parts] == parts


def test_an_update_in_place_leaves_nothing_over(ledger: Ledger) -> None:
    """When the new version has the old document's id, nothing is deleted."""
    bring_live(ledger)
    want(ledger)
    ledger.sent(claim(ledger), remote("doc-a"), B, STAMP, 6.0)
    ledger.indexed(KEY, remote("doc-a"), 1, 7.0)
    assert leftovers(ledger) == []
    assert row(ledger).live == remote("doc-a")


def test_a_leftover_being_deleted_keeps_its_file_from_being_sent(ledger: Ledger) -> None:
    """Deleting an old document and sending the same file never run side by side."""
    bring_live(ledger)
    want(ledger)
    ledger.sent(claim(ledger), remote("doc-b"), B, STAMP, 6.0)
    ledger.indexed(KEY, remote("doc-b"), 1, 7.0)
    want(ledger)
    leftover = ledger.take_leftover(8.0, ["docs"])
    assert leftover is not None
    assert ledger.claim(9.0, ["docs"]) is None
    ledger.leftover_gone(leftover)
    claim(ledger)
    assert ledger.take_leftover(10.0, ["docs"]) is None


def test_gone_while_its_document_is_indexed(ledger: Ledger) -> None:
    """A file that is not there to be read keeps its document followed: it may only have moved."""
    want(ledger)
    ledger.sent(claim(ledger), remote("doc-a"), A, STAMP, 3.0)
    want(ledger, reason="touched")
    ledger.lose(claim(ledger), 4.0)
    assert [flight.remote for flight in ledger.in_flight(["docs"])] == [remote("doc-a")]
    assert ledger.indexed(KEY, remote("doc-a"), 1, 5.0)
    want(ledger, reason="touched")
    ledger.lose(claim(ledger), 6.0)
    assert row(ledger).state is State.COMPLETED


def test_rejected_by_indexing(ledger: Ledger) -> None:
    """A failed indexing parks the version and leaves the one before live."""
    bring_live(ledger)
    want(ledger)
    ledger.sent(claim(ledger), remote("doc-b"), B, STAMP, 6.0)
    assert ledger.rejected(KEY, remote("doc-b"), "no text", 7.0)
    record = row(ledger)
    assert (record.state, record.error, record.live) == (State.FAILED, "no text", remote("doc-a"))
    assert record.parked == B
    assert [trouble.reason for trouble in ledger.troubles("docs")] == ["no text"]


def test_retry(ledger: Ledger) -> None:
    """`retry` makes a parked version sendable again."""
    want(ledger)
    ledger.park(claim(ledger), "refused", A, STAMP, 3.0)
    assert row(ledger).parked == A
    assert ledger.retry("docs", ["other.md"], 4.0) == 0
    assert ledger.retry("docs", None, 4.0) == 1
    assert (row(ledger).state, row(ledger).parked) == (State.PENDING, None)


def test_deletion(ledger: Ledger) -> None:
    """A dropped file's row goes once its documents are deleted, not before."""
    bring_live(ledger)
    ledger.observe([Drop(KEY, "gone")], 5.0)
    job = claim(ledger)
    assert job.record.want is Want.ABSENT
    ledger.dropped(job)
    assert ledger.record(KEY) is None


def test_a_file_that_comes_back_while_it_is_deleted(ledger: Ledger) -> None:
    """Its document is deleted, its row stays and is sent again."""
    bring_live(ledger)
    ledger.observe([Drop(KEY, "gone")], 5.0)
    job = claim(ledger)
    want(ledger)
    ledger.dropped(job)
    record = row(ledger)
    assert (record.state, record.want, record.live) == (State.PENDING, Want.PRESENT, None)


def test_a_drop_of_what_was_never_sent(ledger: Ledger) -> None:
    """A file that vanishes before it was sent leaves the ledger without any work."""
    want(ledger)
    ledger.observe([Drop(KEY, "gone")], 5.0)
    assert ledger.record(KEY) is None


def test_recovery_keeps_the_intent(ledger: Ledger, tmp_path: Path) -> None:
    """After a crash a claimed row is due again and knows which document to look for."""
    want(ledger)
    ledger.intend(claim(ledger), "ds", "name")
    ledger.close()
    with Ledger.open(tmp_path / "ledger.db") as again:
        assert again.recover() == 1
        assert row(again).state is State.PENDING
        assert claim(again).record.intent == Intent("ds", "name")


def test_another_dataset_sends_everything(ledger: Ledger) -> None:
    """Binding a folder to another dataset makes its completed files due again."""
    bring_live(ledger)
    ledger.bind("docs", "/docs", "KB", "ds", 1.0)
    assert row(ledger).state is State.COMPLETED
    ledger.bind("docs", "/docs", "Other", "ds-2", 2.0)
    assert row(ledger).state is State.PENDING
    assert row(ledger).live == remote("doc-a")


def test_skips(ledger: Ledger) -> None:
    """An unsendable file is skipped, or failed when an older version of it still answers."""
    ledger.observe([Skip(Skipped(KEY, STAMP, "an empty file"))], 1.0)
    assert (row(ledger).state, row(ledger).error) == (State.SKIPPED, "an empty file")
    bring_live(ledger)
    ledger.observe([Skip(Skipped(KEY, STAMP, "an empty file"))], 5.0)
    assert row(ledger).state is State.FAILED
    assert "still answers" in (row(ledger).error or "")
    assert row(ledger).live == remote("doc-a")


def test_order_of_work(ledger: Ledger) -> None:
    """Puts come before drops, small files before large ones, and later tries wait."""
    bring_live(ledger)
    ledger.observe([Drop(KEY, "gone")], 5.0)
    for size in (300, 20, 100):
        want(ledger, Key("docs", f"{size}.md"), STAMP._replace(size=size))
    first = claim(ledger)
    assert first.key.path == "20.md"
    ledger.postpone(first, "busy", 50.0)
    assert [claim(ledger).key.path for _ in range(3)] == ["100.md", "300.md", "a.md"]
    assert ledger.claim(49.0, ["docs"]) is None
    assert ledger.next_due(["docs"]) == 50.0
    assert claim(ledger, 51.0).key.path == "20.md"


def test_taking_work_reads_no_more_rows_the_more_there_are(ledger: Ledger) -> None:
    """What is next is found by an index, without sorting: a first sync has all rows pending.

    So is what has no metadata yet: other settings have all of them written again.
    """
    said: list[str] = []
    with ledger.store.transaction() as db:
        db.set_trace_callback(said.append)
    want(ledger)
    ledger.claim(2.0, ["docs", "other"])
    ledger.take_leftover(2.0, ["docs", "other"])
    ledger.undescribed("docs")
    queries = [text for text in said if text.startswith("SELECT") and "LIMIT 1" in text]
    assert len(queries) == 3
    for query in queries:
        steps = [str(step[3]) for step in ledger.store.rows(f"EXPLAIN QUERY PLAN {query}")]
        assert steps
        assert [step for step in steps if "TEMP B-TREE" in step or "INDEX" not in step] == [
            step for step in steps if "SUBQUERY" in step or "PRIMARY KEY" in step
        ]


def test_an_intent_waits_for_the_disk(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was intended is written and then synchronised before anybody may act on it."""
    synchronised: list[tuple[str, object]] = []
    really = os.fsync

    def fsync(descriptor: int) -> None:
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as other:
            (name,) = other.execute("SELECT intent_name FROM files").fetchone()
        file = Path(f"/proc/self/fd/{descriptor}").readlink().name
        synchronised.append((file, name))
        really(descriptor)

    want(ledger)
    job = claim(ledger)
    monkeypatch.setattr(os, "fsync", fsync)
    assert ledger.intend(job, "ds", "a name")
    assert ("ledger.db-wal", "a name") in synchronised


def test_names_that_are_not_utf8(ledger: Ledger) -> None:
    """A name of raw bytes is kept as bytes and comes back the same."""
    key = Key("docs", "caf\udce9.md")
    want(ledger, key, STAMP._replace(inode=2**64 - 1))
    assert row(ledger, key).stamp == STAMP._replace(inode=2**64 - 1)
    stored = ledger.store.rows("SELECT path FROM files")
    assert stored == [(b"caf\xe9.md",)]
    assert ledger.everything("docs").keys() == {key.path}


def test_a_root_with_a_large_inode(ledger: Ledger) -> None:
    """Inodes that some network file systems give, of 64 bits, are kept whole."""
    identity = (2**64 - 2, 2**63)
    ledger.scanned("docs", "/docs", "Docs", identity, None, 1.0)
    ledger.scanned("docs", "/docs", "Docs", None, None, 2.0)
    folder = ledger.folder("docs")
    assert folder is not None
    assert folder.identity == identity


def test_settled_and_unsettled_are_all(ledger: Ledger) -> None:
    """Every row is either settled under its path's recipe or told to be looked at."""
    bring_live(ledger)
    want(ledger, Key("docs", "new.md"))
    ledger.observe([Skip(Skipped(Key("docs", "e.md"), STAMP, "an empty file"))], 1.0)
    known = {name: dict(ledger.known("docs", always(name))) for name in ("r1", "r2")}
    assert known["r1"] == {"a.md": STAMP, "new.md": STAMP, "e.md": None}
    assert known["r2"] == {"a.md": None, "new.md": STAMP, "e.md": None}
    assert set(dict(ledger.known("docs", None)).values()) == {None}
    assert ledger.everything("docs").keys() == {"a.md", "new.md", "e.md"}


def test_a_file_that_was_never_sent_is_not_forgotten(ledger: Ledger) -> None:
    """A row that failed before anything was sent is among those that a plan is made from."""
    want(ledger)
    ledger.park(claim(ledger), "it cannot be read", None, STAMP, 3.0)
    assert list(ledger.known("docs", always("r1"))) == [("a.md", None)]


def always(recipe: str) -> Callable[[str], str]:
    return lambda _: recipe


def test_only_one_writer(ledger: Ledger, tmp_path: Path) -> None:
    """A second writer is refused, also from another process; a reader is not."""
    with pytest.raises(LedgerBusy, match="another kbsync"):
        Ledger.open(tmp_path / "ledger.db")
    code = (
        "import sys; from pathlib import Path; from kbsync.ledger import Ledger\n"
        "Ledger.open(Path(sys.argv[1]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "ledger.db")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "LedgerBusy" in result.stderr
    want(ledger)
    with Ledger.open(tmp_path / "ledger.db", readonly=True) as reader:
        assert reader.counts("docs")[State.PENDING] == 1


def test_all_migrations_are_known(tmp_path: Path) -> None:
    """The names that a ledger is checked against are those of the schema, in order."""
    with closing(Database(memory=True)) as empty:
        assert tuple(one.name for one in migrations.pending(empty)) == MIGRATIONS


def test_a_ledger_without_parts(tmp_path: Path) -> None:
    """A ledger from before files could be in parts is taken on: nothing in it is another file."""
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as connection:
        old = Database(connection)
        migrations.apply(old, stop_before="parts")
        connection.execute(
            "INSERT INTO files (folder, path, want, state, generation, live_dataset, live_document,"
            " live_name, sha256, recipe, changed_at) VALUES ('docs', 'a.md', 'present',"
            " 'completed', 4, 'd', 'one', 'name', 'abc', 'r', 1.0)"
        )
        connection.commit()

    with Ledger.open(path) as ledger:
        record = ledger.record(Key("docs", "a.md"))
        assert ledger.counts("docs")[State.COMPLETED] == 1

    assert record is not None
    assert (record.parts, record.generation, record.live) == ((), 4, Remote("d", "one", "name"))


def test_a_newer_ledger_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    """A ledger with a migration we do not know is refused and not touched."""
    ledger.close()
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('kbsync', 'from_the_future', 'later')"
        )
    with pytest.raises(LedgerError, match=r"newer kbsync .*from_the_future"):
        Ledger.open(path)


def test_foreign_and_damaged_files(tmp_path: Path) -> None:
    """Another program's database, a text file and a cut ledger are refused by name."""
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE mine (x)")
    with pytest.raises(LedgerError, match="not a kbsync ledger"):
        Ledger.open(other)
    text = tmp_path / "text.db"
    text.write_text("no database at all, " * 100)
    with pytest.raises(
        LedgerError, match=r"text.db: this file is not a kbsync ledger; not touched"
    ):
        Ledger.open(text)


def test_an_unwritable_place(tmp_path: Path) -> None:
    """A ledger whose directory cannot be made is one clear error."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(LedgerError, match="set `ledger` to a file in a directory"):
        Ledger.open(tmp_path / "file" / "sub" / "ledger.db")


def test_a_copy_opens(ledger: Ledger, tmp_path: Path) -> None:
    """A closed ledger is one file that can be copied and opened elsewhere."""
    bring_live(ledger)
    ledger.close()
    shutil.copy(tmp_path / "ledger.db", tmp_path / "copy.db")
    with Ledger.open(tmp_path / "copy.db") as copy:
        assert row(copy).state is State.COMPLETED


def test_a_row_that_waits_for_a_clock_set_back(ledger: Ledger) -> None:
    """Work that was put off by a clock that was ahead is due at once; what is put off, is not."""
    want(ledger)
    ledger.postpone(claim(ledger, now=10_000.0), "busy", 10_900.0)
    assert ledger.claim(9_000.0, ["docs"]) is None
    claim(ledger, now=7_000.0)


def test_the_clock_is_set_back(ledger: Ledger) -> None:
    """What waits goes on waiting for as long as it would have."""
    want(ledger)
    ledger.postpone(claim(ledger, now=10_000.0), "busy", 10_100.0)
    ledger.clock_set_back(500.0)
    assert ledger.next_due(["docs"]) == 9_600.0


@pytest.mark.parametrize("access", ["work", "visit", "read"])
def test_a_ledger_on_a_network_file_system(tmp_path: Path, access: Access) -> None:
    """It is refused before anything is made there, and it is said what to do."""
    (tmp_path / "share").mkdir()
    (tmp_path / "link").symlink_to("share")
    share = tmp_path.resolve() / "share"
    table = f"1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:9 / {share} rw - nfs4 filer:/x rw\n"
    with pytest.raises(LedgerError) as raised:
        Store(tmp_path / "link/below/ledger.db", access, mountinfo=lambda: table)
    assert f"{share} is nfs4, a network file system" in str(raised.value)
    assert "set `ledger` to a file on a local disk" in str(raised.value)
    assert list(share.iterdir()) == []
    Store(tmp_path / "local.db", mountinfo=lambda: table).close()
    Store(tmp_path / "root.db", mountinfo=lambda: "1 0 0:9 / / rw - 9p source rw\n").close()


def test_what_begins_to_answer_while_the_old_one_is_shelved_is_shelved_too(ledger: Ledger) -> None:
    """A newer version that is indexed meanwhile takes the place of the one that was disabled."""
    bring_live(ledger)
    want(ledger, stamp=STAMP._replace(size=11), reason="modified")
    ledger.sent(claim(ledger), remote("doc-b"), B, STAMP, 5.0)
    ledger.observe([Drop(KEY, "gone")], 6.0)
    job = claim(ledger)
    ledger.indexed(KEY, remote("doc-b"), 1, 7.0)
    ledger.shelve(job, "disabled", None, 8.0)
    again = claim(ledger)
    assert again.record.live == remote("doc-b")
    assert again.record.shelved is None
    ledger.shelve(again, "disabled", None, 9.0)
    assert (row(ledger).state, row(ledger).shelved) == (State.COMPLETED, "disabled")
