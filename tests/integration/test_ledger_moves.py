"""The ledger's rows when files are moved, on a real SQLite file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kbsync.ledger import Job, Ledger
from kbsync.model import (
    Change,
    Drop,
    Key,
    Move,
    Put,
    Record,
    Remote,
    Seen,
    Stamp,
    State,
    Version,
    Want,
)

STAMP = Stamp(10, 1_000, 1_001, 7, 1)
MOVED = STAMP._replace(ctime_ns=2_000)
VERSION = Version("a" * 64, "r1")
A, B, C = (Key("docs", f"{name}.md") for name in "abc")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.db") as opened:
        yield opened


def remote(document: str) -> Remote:
    return Remote("ds", document, f"name of {document}", "batch")


def claim(ledger: Ledger, now: float = 2.0) -> Job:
    job = ledger.claim(now, ["docs", "other"])
    assert job is not None
    return job


def row(ledger: Ledger, key: Key) -> Record:
    record = ledger.record(key)
    assert record is not None
    return record


def send(ledger: Ledger, key: Key, document: str) -> None:
    ledger.observe([Put(Seen(key, STAMP), "new")], 1.0)
    ledger.sent(claim(ledger), remote(document), VERSION, STAMP, 3.0)


def bring_live(ledger: Ledger, key: Key, document: str) -> None:
    send(ledger, key, document)
    assert ledger.indexed(key, remote(document), 3, 4.0)
    record = ledger.record(key)
    assert record is not None
    ledger.describe([record], [document])


def move(ledger: Ledger, *pairs: tuple[Key, Key], edited: bool = False) -> None:
    ledger.observe([Move(old, Seen(new, MOVED), edited) for old, new in pairs], 5.0)


def leftovers(ledger: Ledger) -> list[str]:
    return [row[0] for row in ledger.store.rows("SELECT document_id FROM leftovers ORDER BY 1")]


def test_a_completed_row(ledger: Ledger) -> None:
    """The document, its version and its segments go along; its metadata is to be written again."""
    bring_live(ledger, A, "doc")
    assert ledger.undescribed("docs") == []
    move(ledger, (A, B))
    assert ledger.record(A) is None
    moved = row(ledger, B)
    assert (moved.state, moved.live, moved.version) == (State.COMPLETED, remote("doc"), VERSION)
    assert moved.stamp == MOVED
    details = ledger.details(B)
    assert details is not None
    assert (details.reason, details.segments, details.described) == ("moved from a.md", 3, False)
    assert [record.key for record in ledger.undescribed("docs")] == [B]


def test_while_it_is_indexed(ledger: Ledger) -> None:
    """A row moved while its document is indexed is completed at its new place."""
    send(ledger, A, "doc")
    move(ledger, (A, B))
    assert [(one.key, one.remote) for one in ledger.in_flight(["docs"])] == [(B, remote("doc"))]
    assert not ledger.indexed(A, remote("doc"), 1, 6.0), "an answer to the question before"
    assert ledger.indexed(B, remote("doc"), 1, 6.0)


def test_a_swap_and_a_chain(ledger: Ledger) -> None:
    """Moves of one look are made at once: rows change places without losing a document."""
    bring_live(ledger, A, "a")
    bring_live(ledger, B, "b")
    move(ledger, (A, B), (B, A))
    assert (row(ledger, A).live, row(ledger, B).live) == (remote("b"), remote("a"))
    move(ledger, (A, B), (B, C))
    assert ledger.record(A) is None
    assert (row(ledger, B).live, row(ledger, C).live) == (remote("b"), remote("a"))
    assert leftovers(ledger) == []


def test_onto_another(ledger: Ledger) -> None:
    """The document of the file that was overwritten must go."""
    bring_live(ledger, A, "a")
    bring_live(ledger, B, "b")
    move(ledger, (A, B))
    assert row(ledger, B).live == remote("a")
    assert leftovers(ledger) == ["b"]


def test_a_new_file_at_the_old_place(ledger: Ledger) -> None:
    """A move and a new file at the old place, seen together, leave two rows."""
    bring_live(ledger, A, "a")
    changes: list[Change] = [Put(Seen(A, STAMP), "modified"), Move(A, Seen(B, MOVED))]
    ledger.observe(changes, 5.0)
    assert (row(ledger, A).state, row(ledger, A).live) == (State.PENDING, None)
    assert (row(ledger, B).state, row(ledger, B).live) == (State.COMPLETED, remote("a"))


def test_edited_as_well(ledger: Ledger) -> None:
    """The old version stays live at the new place until the new one is indexed."""
    bring_live(ledger, A, "a")
    move(ledger, (A, B), edited=True)
    assert row(ledger, B).state is State.PENDING
    job = claim(ledger)
    assert (job.key, job.record.live, job.reason) == (B, remote("a"), "moved from a.md and edited")


def test_a_deletion_that_waits(ledger: Ledger) -> None:
    """A row whose deletion nobody began can still move; its content is looked into."""
    bring_live(ledger, A, "a")
    ledger.observe([Drop(A, "gone")], 5.0, drop_at=8.0)
    assert ledger.claim(7.0, ["docs"]) is None
    assert [record.key for record in ledger.leaving(["docs"])] == [A]
    move(ledger, (A, B))
    assert ledger.record(A) is None
    assert (row(ledger, B).want, row(ledger, B).state) == (Want.PRESENT, State.PENDING)


def test_a_deletion_that_was_begun(ledger: Ledger) -> None:
    """Documents that may be deleted already go nowhere: the file is sent as a new one."""
    bring_live(ledger, A, "a")
    ledger.observe([Drop(A, "gone")], 5.0)
    ledger.postpone(claim(ledger), "timed out", 100.0)
    assert ledger.leaving(["docs"]) == []
    move(ledger, (A, B))
    assert row(ledger, A).want is Want.ABSENT
    assert (row(ledger, B).state, row(ledger, B).live) == (State.PENDING, None)


@pytest.mark.parametrize("busy", [A, B])
def test_rows_that_are_worked_on(ledger: Ledger, busy: Key) -> None:
    """A move of or onto a row that is being sent is not made: its file is sent as a new one."""
    for key, document in ((A, "a"), (B, "b")):
        bring_live(ledger, key, document)
    ledger.observe([Put(Seen(busy, STAMP), "modified")], 5.0)
    job = claim(ledger)
    move(ledger, (A, B))
    assert row(ledger, A).live == remote("a")
    assert row(ledger, B).live == remote("b")
    assert job.key == busy
    assert leftovers(ledger) == []
    ledger.release(job)
    assert row(ledger, B).state is State.PENDING


def test_names_of_moved_documents(ledger: Ledger) -> None:
    """A name is taken while a document that moved away bears it, live, coming or on its way out."""
    bring_live(ledger, A, "a")
    assert not ledger.name_taken(A, "name of a")
    move(ledger, (A, B))
    assert ledger.name_taken(A, "name of a")
    assert not ledger.name_taken(B, "name of a"), "its own"
    ledger.observe([Put(Seen(B, STAMP), "modified")], 5.0)
    ledger.sent(claim(ledger), remote("b"), VERSION, STAMP, 6.0)
    assert ledger.name_taken(A, "name of a")
    assert ledger.indexed(B, remote("b"), 1, 7.0)
    assert leftovers(ledger) == ["a"]
    assert ledger.name_taken(A, "name of a")
    leftover = ledger.take_leftover(8.0, ["docs"])
    assert leftover is not None
    assert ledger.name_taken(A, "name of a")
    ledger.leftover_gone(leftover)
    assert not ledger.name_taken(A, "name of a")


def test_a_name_is_found_by_an_index(ledger: Ledger) -> None:
    """With many files the question for a name reads no table of files."""
    plan = ledger.store.rows(
        "EXPLAIN QUERY PLAN SELECT folder FROM files WHERE live_name = ?", ("x",)
    )
    assert "files_live_name" in plan[0][-1]


def test_between_folders(ledger: Ledger) -> None:
    """A row can move to another folder, and the reason names the folder that it came from."""
    bring_live(ledger, A, "a")
    there = Key("other", "a.md")
    move(ledger, (A, there))
    details = ledger.details(there)
    assert details is not None
    assert details.reason == "moved from docs/a.md"
