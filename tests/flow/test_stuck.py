"""Documents that the server begins and never finishes, or forgets."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from kbsync.model import State
from kbsync.standin import Fault

from .place import Place, a_place
from .test_audit import ask
from .test_service import eventually, is_equal, log_of, quick, service, stop

TEXT = "a document about beavers, long enough to be believed without another question"


def impatient(place: Place, timeout: str = "1s") -> None:
    """Let a document count as stuck soon."""
    text = place.config.read_text()
    place.config.write_text(text.replace("[server]", f'[server]\nindex_timeout = "{timeout}"'))


@pytest.mark.parametrize(("behave", "fault"), [("1.10.1", "index-stuck"), ("1.16.1", "index-lost")])
def test_made_again_once(tmp_path: Path, behave: str, fault: str) -> None:
    """A stuck document is told, deleted and sent once more, and then all is well."""
    with a_place(tmp_path, behave=behave) as place:
        impatient(place)
        place.write("a.md", TEXT)
        place.write("b.md", TEXT + ", and about voles")
        place.standin.faults.add(Fault(fault, name="^a "))  # type: ignore[arg-type]  # by name
        said = place.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        assert "no progress for 1 min" in said.line("stuck    docs/a.md")
        place.equal()
        calls = place.calls()
        assert (calls["create"], calls["delete"]) == (3, 1)


@pytest.mark.parametrize("dialect", ["dify", "simple"])
def test_given_up_after_the_second_time(tmp_path: Path, dialect: str) -> None:
    """What is stuck again is parked with the reason, not sent by itself, and sent by `retry`."""
    with a_place(tmp_path, dialect=dialect) as place:
        impatient(place)
        place.write("a.md", TEXT)
        place.standin.faults.add(Fault("index-stuck", times=None))
        said = place.kbsync("reconcile")
        assert said.code == 3
        assert "stuck twice: no progress" in said.line("failed   docs/a.md")
        assert place.record("a.md").state is State.FAILED
        assert len(place.documents()) == 1
        place.standin.faults.clear()
        place.calls()
        (place.root / "a.md").touch()
        said = place.kbsync("reconcile")
        assert said.code == 3
        assert "stuck twice" in said.out
        assert place.calls()["create"] == 0
        assert place.kbsync("retry").code == 0
        assert place.kbsync("reconcile").code == 0
        place.equal()


def test_a_worker_that_comes_back_late(tmp_path: Path) -> None:
    """What was given up and is finished by the server after all is taken up without sending."""
    with a_place(tmp_path) as place:
        impatient(place)
        for number in range(3):
            place.write(f"{number}.md", f"{TEXT}, number {number}")
        place.standin.kill_workers()
        said = place.kbsync("reconcile")
        assert said.code == 3
        assert said.out.count("stuck twice") == 3
        place.standin.revive_workers()
        place.calls()
        eventually(lambda: place.kbsync("reconcile").code == 0, "the end of indexing", place)
        assert place.calls()["create"] == 0
        place.equal()


def test_a_long_queue_is_not_stuck(tmp_path: Path) -> None:
    """Documents that wait for their turn longer than the time-out are left alone."""
    with a_place(tmp_path, pace=0.2, workers=1) as place:
        impatient(place)
        for number in range(10):
            place.write(f"{number}.md", f"{TEXT}, number {number}")
        began = time.monotonic()
        said = place.kbsync("reconcile")
        assert time.monotonic() - began > 1.5, "the queue was too short to prove anything"
        assert said.code == 0, said.out + said.err
        assert "stuck" not in said.out
        assert place.calls()["create"] == 10
        place.equal()


def test_remembered_by_the_ledger(tmp_path: Path) -> None:
    """Many short runs find a stuck document as one long run does."""
    with a_place(tmp_path) as place:
        impatient(place)
        place.write("a.md", TEXT)
        place.standin.faults.add(Fault("index-stuck"))
        said = place.kbsync("reconcile", "--no-wait")
        runs = 1
        while "stuck" not in said.out:
            assert runs < 100
            said = place.kbsync("reconcile", "--no-wait")
            runs += 1
        assert runs > 2
        assert place.kbsync("reconcile").code == 0
        place.equal()


def test_somebody_deletes_it_each_time(tmp_path: Path) -> None:
    """A document that keeps disappearing before it is indexed is not sent for ever."""
    with a_place(tmp_path, pace=30.0) as place:
        place.write("a.md", TEXT)
        while place.kbsync("reconcile", "--no-wait").code == 0:
            for document in place.documents():
                ask(place, "DELETE", document.id)
            assert place.calls()["create"] <= 1
            with closing(sqlite3.connect(place.ledger)) as db, db:
                db.execute("UPDATE files SET not_before = NULL")
        said = place.kbsync("status")
        assert "keeps disappearing from the server" in said.out
        assert place.record("a.md").state is State.FAILED


def test_in_the_service(tmp_path: Path) -> None:
    """The running service finds it, says so and makes it again."""
    with a_place(tmp_path) as place:
        quick(place)
        impatient(place)
        place.write("a.md", TEXT)
        place.standin.faults.add(Fault("index-stuck"))
        with service(place) as process:
            eventually(lambda: is_equal(place), "the second try", place)
            assert "no progress for" in log_of(place)
            assert stop(process) == 0
