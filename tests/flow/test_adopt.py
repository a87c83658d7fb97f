"""A ledger that was lost is rebuilt from what the dataset holds; nothing is sent again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from kbsync import naming
from kbsync.assembly import opened
from kbsync.config import load
from kbsync.ledger import Ledger
from kbsync.model import Key, State, Version
from kbsync.standin import Fault, StoredDocument

from .place import Place, a_place
from .test_service import eventually, is_equal, log_of, quick, service, stop

VERSIONS = ["1.10.1", "1.16.1"]
LIST = r"/documents$"


def fill(place: Place, count: int) -> None:
    """So many files, all indexed."""
    for number in range(count):
        place.write(
            f"part {number % 7}/{number}.md", f"file number {number}, about newts and toads"
        )
    said = place.kbsync("reconcile")
    assert said.code == 0, said.out + said.err
    place.equal()


def ids(place: Place) -> set[str]:
    return {document.id for document in place.documents()}


@contextmanager
def another(place: Place, instance: str, root: str) -> Iterator[Place]:
    """Another kbsync with a folder of the same name that fills the same dataset."""
    home = place.root.parent / root
    (home / "docs").mkdir(parents=True)
    other = replace(
        place,
        root=home / "docs",
        config=home / "kbsync.toml",
        ledger=home / "ledger.db",
        settings=dict(place.settings),
    )
    other.configure(instance=instance, path=str(other.root))
    yield other


@pytest.mark.parametrize("behave", VERSIONS)
def test_two_hundred_documents(tmp_path: Path, behave: str) -> None:
    """Without its ledger, a folder is equal again after reading lists and files, and no upload."""
    with a_place(tmp_path, behave=behave) as place:
        fill(place, 200)
        before = place.documents()
        place.lose_ledger()
        said = place.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        assert "documents of 200 files were there already" in said.line("adopted ")
        assert "200 unchanged in content" in said.line("docs: 200 indexed")
        calls = place.calls()
        assert calls.keys() <= {"dataset-list", "dataset-get", "list", "unknown"}
        assert calls["list"] <= 3
        assert place.documents() == before
        place.equal()
        assert place.kbsync("reconcile").code == 0
        assert place.calls() == {}, "what was found is remembered"


@pytest.mark.parametrize("behave", VERSIONS)
def test_a_tree_that_changed_meanwhile(tmp_path: Path, behave: str) -> None:
    """Only what was edited or added since is sent; what is gone is deleted when it is approved."""
    with a_place(tmp_path, behave=behave) as place:
        fill(place, 40)
        before = {document.name: document.id for document in place.documents()}
        place.lose_ledger()
        for number in range(3):
            place.write(f"part {number}/{number}.md", f"edited meanwhile, number {number}: herons")
        (place.root / "part 3/3.md").unlink()
        (place.root / "part 4/4.md").unlink()
        place.write("new.md", "added meanwhile, about otters")
        said = place.kbsync("reconcile")
        assert said.code == 4, said.out + said.err
        assert "2 documents are in the dataset whose file was never seen here" in said.err
        assert "2 deletions" in place.kbsync("approve", "docs", "--yes").out
        assert place.kbsync("reconcile").code == 0
        calls = place.calls()
        assert (calls["create"], calls["delete"]) == (4, 5)
        place.equal()
        after = {document.name: document.id for document in place.documents()}
        assert len(before.items() & after.items()) == 35


def test_the_command(tmp_path: Path) -> None:
    """`kbsync adopt` says what it found of each file, and neither sends nor deletes."""
    with a_place(tmp_path) as place:
        fill(place, 10)
        place.standin.add_document(place.dataset_id, "a person's own.txt")
        before = ids(place)
        place.lose_ledger()
        place.write("part 1/1.md", "edited meanwhile, about herons")
        (place.root / "part 2/2.md").unlink()
        said = place.kbsync("adopt", "docs", "-v")
        assert said.code == 0, said.out + said.err
        assert said.line("part 1/1.md").startswith("older ")
        assert said.line("part 2/2.md").startswith("gone ")
        assert said.line("part 0/0.md").startswith("same ")
        assert "10 files adopted" in said.line("docs: ")
        assert said.line("not made by kbsync").split()[0] == "1"
        assert ids(place) == before
        assert place.calls().keys() <= {"dataset-list", "list"}
        assert place.record("part 0/0.md").state is State.COMPLETED
        again = place.kbsync("adopt", "--json").json
        assert again["folders"][0]["adopted"] == []
        assert again["folders"][0]["unmanaged"] == 1
        assert place.kbsync("reconcile", "--allow-delete").code == 0
        assert len(place.documents()) == 9 + 1
        assert "a person's own.txt" in {document.name for document in place.documents()}


def test_files_that_are_gone_are_held(tmp_path: Path) -> None:
    """A tree that lost most of its files with its ledger loses no document: the rules hold them."""
    with a_place(tmp_path) as place:
        fill(place, 40)
        before = ids(place)
        place.lose_ledger()
        for path in sorted(place.root.rglob("*.md"))[1:]:
            path.unlink()
        said = place.kbsync("reconcile")
        assert said.code == 4, said.out + said.err
        assert "39 deletions are held" in said.err
        assert ids(place) == before
        place.lose_ledger()
        next(place.root.rglob("*.md")).unlink()
        assert place.kbsync("adopt").code == 0
        assert place.kbsync("reconcile").code == 4
        assert ids(place) == before
        assert place.kbsync("reconcile", "--allow-delete").code == 0
        assert place.documents() == []


def test_a_root_that_is_missing(tmp_path: Path) -> None:
    """What cannot be compared, because the folder is not there, is not called outdated."""
    with a_place(tmp_path) as place:
        place.write("a.md", "a document about beavers")
        assert place.kbsync("reconcile").code == 0
        place.lose_ledger()
        place.root.rename(tmp_path / "away")
        said = place.kbsync("adopt")
        assert said.code == 0
        assert said.line("  1 ") == "  1 whose file cannot be read now"


def test_two_machines_under_one_name(tmp_path: Path) -> None:
    """Few as they are, another machine's documents are held, and it is told whose they may be."""
    with a_place(tmp_path) as place, another(place, "test", "elsewhere") as other:
        fill(place, 5)
        before = ids(place)
        other.write("theirs.md", "a file of the other machine, about herons")
        said = other.kbsync("reconcile")
        assert said.code == 4, said.out + said.err
        assert "set another instance" in said.line("5 deletions are held")
        assert before < ids(place)
        place.write("later.md", "made after the other machine has taken over, about newts")
        assert place.kbsync("reconcile").code == 0
        assert other.kbsync("audit", "--repair").code == 4
        assert len(ids(place)) == 7
        assert place.kbsync("audit", "--repair").code == 4
        assert place.kbsync("reconcile").code == 4
        assert len(ids(place)) == 7


@pytest.mark.parametrize("behave", VERSIONS)
def test_a_shared_dataset(tmp_path: Path, behave: str) -> None:
    """Another instance's documents and those of nobody are counted, and nothing else."""
    with a_place(tmp_path, behave=behave) as place, another(place, "other", "elsewhere") as other:
        fill(place, 20)
        for number in range(20):
            other.write(f"theirs {number}.md", f"theirs, number {number}, about voles")
        said = other.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        foreign = place.standin.add_document(place.dataset_id, "a person's own.txt")
        looks_like = place.standin.add_document(
            place.dataset_id, "someone's [0123456789ab-01234567].md"
        )
        before = ids(place)
        place.lose_ledger()
        for number in range(5):
            (place.root / f"part {number}/{number}.md").unlink()
        told = place.kbsync("adopt", "--json").json["folders"][0]
        assert len(told["adopted"]) == 20
        assert told["others"] == {"other/docs": 20}
        assert (told["unknown"], told["unmanaged"]) == (1, 1)
        assert place.kbsync("reconcile", "--allow-delete").code == 0
        assert len(before - ids(place)) == 5
        assert {foreign, looks_like} <= ids(place)
        assert other.kbsync("reconcile").code == 0
        assert other.live().keys() == {f"theirs {number}.md" for number in range(20)}


def test_a_renamed_host(tmp_path: Path) -> None:
    """Under another instance's name nothing is doubled: the name to set is told, and then fits."""
    with a_place(tmp_path) as place:
        fill(place, 12)
        before = place.documents()
        place.lose_ledger()
        place.configure(instance="new-host")
        said = place.kbsync("reconcile")
        assert said.code == 5
        assert 'set instance = "test"' in said.err
        assert "12 documents" in said.err
        assert place.documents() == before
        place.configure(instance="test")
        said = place.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        assert place.documents() == before
        place.equal()


def test_a_host_of_its_own(tmp_path: Path) -> None:
    """A mirror that shall fill the same dataset says so once."""
    with a_place(tmp_path) as place:
        fill(place, 12)
        place.lose_ledger()
        place.configure(instance="mirror")
        assert place.kbsync("adopt").code == 5
        assert place.kbsync("adopt", "--apart").code == 0
        said = place.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        assert len(place.documents()) == 24


def test_without_metadata(tmp_path: Path) -> None:
    """Documents whose metadata were never written are told by the digest in their name."""
    with a_place(tmp_path) as place:
        place.standin.faults.add(Fault("500-before", "POST", "/metadata", times=None))
        raw = os.fsdecode(os.fsencode(place.root) + b"/caf\xe9.md")
        Path(raw).write_text("a name that is not UTF-8, about herons")
        place.write("a.md", "a document about otters")
        place.write("gone.md", "a document about voles")
        place.kbsync("reconcile", "--timeout", "2")
        assert not any(document.metadata for document in place.documents())
        place.standin.faults.clear()
        place.lose_ledger()
        (place.root / "gone.md").unlink()
        said = place.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        assert place.calls()["create"] == 0
        assert place.live().keys() == {"a.md", "caf\udce9.md"}
        assert len(place.documents()) == 3, "whose the third is, nothing tells: left alone"
        by_path = {document.metadata.get("kbsync_path") for document in place.documents()}
        assert by_path == {"a.md", "caf?.md", None}
        assert all(
            "kbsync_sha256" in document.metadata
            for document in place.documents()
            if document.metadata
        )


def test_a_document_that_kept_its_name(tmp_path: Path) -> None:
    """A document whose metadata tell another path than its name belongs to that path."""
    with a_place(tmp_path) as place:
        fill(place, 3)
        document = place.live()["part 1/1.md"]
        set_metadata(place, document, "kbsync_path", "moved.md")
        (place.root / "part 1/1.md").rename(place.root / "moved.md")
        place.lose_ledger()
        adopted = place.kbsync("adopt", "--json").json["folders"][0]["adopted"]
        assert {one["path"] for one in adopted} == {"moved.md", "part 0/0.md", "part 2/2.md"}
        assert {one["found"] for one in adopted} == {"same"}
        assert place.kbsync("reconcile").code == 0
        assert place.calls()["create"] == 0


def set_metadata(place: Place, document: StoredDocument, name: str, value: str) -> None:
    headers = {"Authorization": f"Bearer {place.standin.key}"}
    base = f"{place.base_url}/datasets/{place.dataset_id}"
    fields = httpx.get(f"{base}/metadata", headers=headers).json()["doc_metadata"]
    field = next(field["id"] for field in fields if field["name"] == name)
    change = {
        "document_id": document.id,
        "metadata_list": [{"id": field, "name": name, "value": value}],
        "partial_update": True,
    }
    answer = httpx.post(
        f"{base}/documents/metadata", headers=headers, json={"operation_data": [change]}
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("on_disk", ["old", "new", "other"])
def test_a_replacement_under_way(tmp_path: Path, on_disk: str) -> None:
    """Of two versions the one with the file's content stays, whichever it is; the other goes."""
    texts = {name: f"the {name} version, about herons" for name in ("old", "new", "other")}
    moment = [1000.0]
    with a_place(tmp_path, pace=30.0, clock=lambda: moment[0]) as place:
        place.write("a.md", texts["old"])
        assert place.kbsync("reconcile", "--no-wait").code == 0
        moment[0] += 60
        assert place.kbsync("reconcile").code == 0
        place.write("a.md", texts["new"])
        assert place.kbsync("reconcile", "--no-wait").code == 0
        assert len(place.documents()) == 2
        place.write("a.md", texts[on_disk])
        place.lose_ledger()
        assert place.kbsync("reconcile", "--no-wait").code == 0
        assert place.calls()["create"] == (on_disk == "other")
        moment[0] += 120
        assert place.kbsync("reconcile").code == 0
        place.equal()


def test_twins(tmp_path: Path) -> None:
    """Documents of one version, made twice by an accident, become one."""
    with a_place(tmp_path) as place:
        fill(place, 3)
        twin = place.live()["part 1/1.md"]
        for _ in range(2):
            place.standin.add_document(place.dataset_id, twin.name, twin.body)
        assert len(place.documents()) == 5
        place.lose_ledger()
        said = place.kbsync("adopt")
        assert "2 documents of a file that is there twice" in said.out
        assert len(place.documents()) == 5
        assert place.kbsync("reconcile").code == 0
        place.equal()
        assert place.calls()["create"] == 0


def test_documents_that_failed(tmp_path: Path) -> None:
    """A document that could not be indexed is not sent again: its file is failed, as before."""
    with a_place(tmp_path) as place:
        place.standin.faults.add(
            Fault("index-error", name="^bad", text="no text in it", times=None)
        )
        place.write("bad.md", "a bad document, about voles")
        place.write("empty.md", " \n ")
        place.write("good.md", "a good document, about otters")
        assert place.kbsync("reconcile").code == 3
        place.lose_ledger()
        said = place.kbsync("reconcile")
        assert said.code == 3
        assert "no text in it" in said.line("docs/bad.md")
        assert "white space" in said.line("docs/empty.md")
        assert place.calls()["create"] == 0
        assert place.record("good.md").state is State.COMPLETED


def test_a_server_that_cannot_list_at_first(tmp_path: Path) -> None:
    """Nothing is sent before it is known what is there, however late the server answers."""
    with a_place(tmp_path) as place:
        fill(place, 5)
        before = place.documents()
        place.lose_ledger()
        place.standin.faults.add(Fault("500-before", "GET", LIST, times=4))
        said = place.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        assert place.calls()["create"] == 0
        assert place.documents() == before
        place.equal()


def test_the_simple_style(tmp_path: Path) -> None:
    """A server that cannot list says so, and the files are sent."""
    with a_place(tmp_path, dialect="simple") as place:
        place.write("a.md", "some text about otters, long enough to be believed without asking")
        said = place.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        assert "lists no documents" in said.line("note ")
        place.equal()
        assert "lists no documents" in place.kbsync("adopt").line("docs: ")
        again = place.kbsync("reconcile")
        assert "lists no documents" not in again.out


def test_a_ledger_from_its_backup(tmp_path: Path) -> None:
    """What was sent since the backup is taken over, too, rather than sent again."""
    with a_place(tmp_path) as place:
        fill(place, 12)
        place.write("part 0/0.md", "edited after the backup, about herons")
        place.write("new.md", "made after the backup, about otters")
        (place.root / "part 1/1.md").unlink()
        assert place.kbsync("reconcile").code == 0
        before = place.documents()
        place.ledger.unlink()
        place.calls()
        said = place.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        assert "restored from the backup" in said.err
        assert place.calls()["create"] == 0
        assert place.documents() == before
        place.equal()


def test_another_dataset(tmp_path: Path) -> None:
    """A folder that is bound to another dataset and back finds what it left there."""
    with a_place(tmp_path) as place:
        fill(place, 5)
        first = place.dataset_id
        kept = place.documents()
        other = place.standin.create_dataset("Other")
        place.lose_ledger()
        place.configure(dataset="Other")
        assert place.kbsync("reconcile").code == 0
        assert len(place.standin.documents(other)) == 5
        place.calls()
        place.configure(dataset="KB")
        said = place.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        assert [one.id for one in place.standin.documents(first)] == [one.id for one in kept]
        place.equal()


def test_the_service(tmp_path: Path) -> None:
    """The service adopts before it sends, and looks again for files that are gone."""
    with a_place(tmp_path) as place:
        fill(place, 20)
        before = ids(place)
        place.lose_ledger()
        quick(place)
        place.write("part 0/0.md", "edited meanwhile, about herons")
        (place.root / "part 1/1.md").unlink()
        with service(place) as process:
            eventually(lambda: "never seen here" in log_of(place), "the hold", place)
            assert "1 deletion released" in place.kbsync("approve", "docs", "--yes").out
            eventually(lambda: is_equal(place), "equal again", place)
            assert stop(process) == 0
        assert place.calls()["create"] == 1
        assert len(before & ids(place)) == 18
        assert "adopted" in log_of(place)


def test_work_that_turns_up_in_the_wrong_moment(tmp_path: Path) -> None:
    """A file found between the look whether there is work and the work itself is adopted first."""
    with a_place(tmp_path) as place:
        fill(place, 1)
        before = ids(place)
        place.lose_ledger()
        with opened(load(place.config)) as engine:

            def found_meanwhile() -> float:
                engine.clock = time.time
                engine.accept(engine.survey("docs"))
                return time.time()

            engine.clock = found_meanwhile
            while engine.work_one(["docs"]) or engine.ledger.next_due(["docs"]) is not None:
                pass
        assert place.calls()["create"] == 0
        assert ids(place) == before


def test_killed_while_adopting(tmp_path: Path) -> None:
    """Ended at any moment of adopting, the next run goes on, and still nothing is sent."""
    with a_place(tmp_path) as place:
        fill(place, 150)
        before = place.documents()
        moments: list[Callable[[], bool]] = [
            lambda: place.calls()["list"] > 0,
            lambda: place.ledger.exists() and _adopted(place) > 0,
            lambda: place.ledger.exists() and _adopted(place, "completed") > 20,
        ]
        for moment in moments:
            place.lose_ledger()
            process = subprocess.Popen(
                [sys.executable, "-m", "kbsync", "reconcile", "--config", str(place.config)],
                stdout=subprocess.DEVNULL,
            )
            await_moment(place, process, moment)
            process.send_signal(signal.SIGKILL)
            process.wait()
            said = place.kbsync("reconcile")
            assert said.code == 0, said.out + said.err
            assert place.documents() == before
            place.equal()


def await_moment(
    place: Place, process: subprocess.Popen[bytes], moment: Callable[[], bool]
) -> None:
    eventually(lambda: moment() or process.poll() is not None, "that moment, or the end", place)


def _adopted(place: Place, state: str = "%") -> int:
    try:
        with Ledger.open(place.ledger, readonly=True) as ledger:
            rows = ledger.store.rows(
                "SELECT count(*) FROM files WHERE live_document IS NOT NULL AND state LIKE ?",
                (state,),
            )
    except Exception as error:
        if "ledger" in str(error):  # not made yet
            return 0
        raise
    return int(rows[0][0])


def test_the_digests_agree() -> None:
    """A name made for a version is what adoption compares with."""
    key, version = Key("docs", "a.md"), Version("s" * 64, "r")
    mark = naming.decode(naming.remote_name(key, version, "test"))
    assert mark is not None
    assert mark.key_digest == naming.key_digest("test", key)
