"""How hard a server is worked: what waits on its indexer, and how often it is asked."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kbsync.standin import Fault

from .place import Place, a_place
from .test_service import eventually, is_equal, quick, service, stop


def files(place: Place, count: int) -> None:
    for number in range(count):
        place.write(f"{number}.md", f"number {number} " + "about shrews " * (count - number))


def sizes(place: Place) -> list[int]:
    return sorted(len(document.body) for document in place.documents())


@pytest.mark.parametrize("dialect", ["dify", "simple"])
def test_so_many_wait_on_the_indexer(tmp_path: Path, dialect: str) -> None:
    """No more than `max_indexing` documents are under way, the smallest ones; deletions go on."""
    with a_place(tmp_path, dialect=dialect) as place:
        place.configure(max_indexing=5)
        place.write("gone.md", "a file that goes, about badgers and their setts")
        assert place.kbsync("reconcile").code == 0
        (place.root / "gone.md").unlink()
        files(place, 20)
        place.standin.kill_workers()
        said = place.kbsync("reconcile", "--timeout", "1")
        assert said.code == 3, said.out + said.err
        small = sorted(path.stat().st_size for path in place.root.iterdir())[:5]
        assert sizes(place) == small
        place.standin.revive_workers()
        said = place.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        place.equal()


def test_a_run_goes_on_when_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Senders of a run that find the server full go on when it has done some, not by and by."""
    monkeypatch.setattr("kbsync.oneshot._LOOK_AGAIN", 3600.0)
    with a_place(tmp_path) as place:
        place.configure(max_indexing=2)
        files(place, 12)
        said = place.kbsync("reconcile", "--timeout", "60")
        assert said.code == 0, said.out + said.err
        place.equal()


def test_without_waiting_for_the_end_all_are_sent(tmp_path: Path) -> None:
    """With --no-wait a run still goes on until everything is sent, a few at a time."""
    with a_place(tmp_path, pace=0.02) as place:
        place.configure(max_indexing=3)
        files(place, 20)
        said = place.kbsync("reconcile", "--no-wait")
        assert said.code == 0, said.out + said.err
        assert len(place.documents()) == 20
        assert place.kbsync("reconcile").code == 0
        place.equal()


def test_the_service_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """Senders of the service rest while the server has enough, and wake when it has done some."""
    with a_place(tmp_path) as place:
        quick(place)
        place.configure(max_indexing=3)
        files(place, 10)
        place.standin.kill_workers()
        with service(place) as process:
            eventually(lambda: len(place.documents()) == 3, "the first ones", place)
            eventually(lambda: _under_way(place) == 3, "their rows", place)
            place.standin.revive_workers()
            eventually(lambda: is_equal(place), "the rest", place)
            assert stop(process) == 0


def _under_way(place: Place) -> int:
    with closing(sqlite3.connect(f"file:{place.ledger}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM files WHERE state = 'indexing'").fetchone()[0])


def test_a_file_that_must_wait_is_no_reason_to_ask(tmp_path: Path) -> None:
    """While one file waits for its next try, the server is asked about another now and then."""
    with a_place(tmp_path) as place:
        place.write("slow.md", "a document that takes a while, about tortoises")
        place.standin.faults.add(Fault("index-slow", name="^slow ", times=None, seconds=3.0))
        assert place.kbsync("reconcile", "--no-wait").code == 0
        place.write("later.md", "a document that is refused at first, about hares and their forms")
        place.standin.faults.add(Fault("500-before", "POST", "create-by-file"))
        place.calls()
        said = place.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        place.equal()
        calls = place.calls()
        assert calls["create"] == 2
        assert calls["list"] + calls["get"] < 50, calls
