"""A damaged or lost ledger as its user meets it: what is said, and what becomes of documents."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from kbsync.standin import Fault

from .place import Place, a_place
from .test_audit import ask
from .test_service import eventually, is_equal, log_of, quick, service, stop


def some_files(place: Place, count: int = 60) -> None:
    for number in range(count):
        place.write(f"{number}.md", f"document number {number}, about voles and their burrows")


def harm(place: Place) -> None:
    with place.ledger.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)


def test_a_damaged_ledger_between_two_runs(tmp_path: Path) -> None:
    """The damage is told once, the backup is gone on from, and the datasets end equal."""
    with a_place(tmp_path) as place:
        some_files(place)
        assert place.kbsync("reconcile").code == 0
        place.write("0.md", "edited after the backup, about voles and their burrows")
        place.write("new.md", "made after the backup, about voles and their burrows")
        (place.root / "1.md").unlink()
        assert place.kbsync("reconcile").code == 0
        harm(place)

        said = place.kbsync("status", "--offline")
        assert said.code == 1
        assert "sets it aside and goes on from its backup" in said.line("damaged")
        said = place.kbsync("reconcile", "--json")
        assert said.code == 0, said.err
        assert "restored from the backup of" in said.line("ledger.db.damaged-")
        place.equal()
        said = place.kbsync("reconcile")
        assert (said.code, "restored" in said.err) == (0, False)


def test_somebody_elses_file(tmp_path: Path) -> None:
    """A file that is no ledger is left alone, and the command says what to do."""
    with a_place(tmp_path) as place:
        some_files(place, 1)
        place.ledger.parent.mkdir()
        place.ledger.write_text("notes\n" * 1000)
        for command in ("reconcile", "status", "plan"):
            said = place.kbsync(command)
            assert said.code == 1
            assert "not touched; set `ledger` to another file" in said.line("not a kbsync ledger")
        assert place.ledger.read_text() == "notes\n" * 1000


def test_the_log_of_a_killed_run_is_lost(tmp_path: Path) -> None:
    """SIGKILL, and the write-ahead log gone with it: nothing is doubled, nothing is lost."""
    with a_place(tmp_path) as place:
        quick(place)
        some_files(place)
        place.standin.faults.add(Fault("delay", "POST", times=None, seconds=0.02))
        with service(place) as process:
            eventually(lambda: len(place.documents()) > 30, "some uploads", place)
            process.send_signal(signal.SIGKILL)
            process.wait()
        place.standin.faults.clear()
        place.ledger.with_name("ledger.db-wal").unlink()
        assert place.kbsync("reconcile").code == 0
        place.equal()


def test_a_service_starts_with_a_damaged_ledger(tmp_path: Path) -> None:
    """The service says in its log what it did, and goes on."""
    with a_place(tmp_path) as place:
        quick(place)
        some_files(place, 20)
        with service(place) as process:
            eventually(lambda: is_equal(place), "the start", place)
            eventually(lambda: "backed up" in log_of(place), "the first backup", place)
            assert stop(process) == 0
        assert place.kbsync("reconcile").code == 0
        harm(place)
        place.write("new.md", "made while it was down, about voles and their burrows")
        with service(place) as process:
            eventually(lambda: is_equal(place), "the catch-up", place)
            assert "kept as ledger.db.damaged-" in log_of(place)
            assert stop(process) == 0


def test_a_backup_tells_of_documents_that_are_gone(tmp_path: Path) -> None:
    """What a restored ledger takes for sent is looked for; no file is moved to a lost document."""
    with a_place(tmp_path) as place:
        place.write("old.md", "all about voles and their burrows")
        place.write("same.md", "all about moles and their hills")
        place.write("back.md", "all about shrews and their teeth")
        assert place.kbsync("reconcile").code == 0
        (place.root / "old.md").unlink()
        back = (place.root / "back.md").rename(tmp_path / "back.md")
        assert place.kbsync("reconcile").code == 0
        back.rename(place.root / "back.md")
        ask(place, "DELETE", place.live()["same.md"].id)
        assert place.kbsync("reconcile").code == 0
        harm(place)
        place.write("new.md", "all about voles and their burrows")
        said = place.kbsync("reconcile")
        assert said.code == 0
        assert "not there any more: 3 documents of the ledger" in said.line("any more")
        place.equal()


@pytest.mark.parametrize("dialect", ["dify", "simple"])
def test_a_backup_beside_an_unchanged_folder(tmp_path: Path, dialect: str) -> None:
    """The server is asked after a restore, also when nothing changed on disk."""
    with a_place(tmp_path, dialect=dialect) as place:
        place.write("a.md", "all about voles and their burrows")
        assert place.kbsync("reconcile").code == 0
        assert place.kbsync("reconcile").code == 0
        ask(place, "DELETE", place.live()["a.md"].id)
        harm(place)
        assert place.kbsync("reconcile").code == 0
        place.equal()
        place.calls()
        assert place.kbsync("reconcile").code == 0
        assert not place.calls()


def test_a_backup_from_before_a_move(tmp_path: Path) -> None:
    """A document is one file's only: its metadata, newer than the backup, say whose."""
    with a_place(tmp_path) as place:
        for name in ("a", "b"):
            place.write(f"{name}.md", f"all about {name} and its burrows")
        assert place.kbsync("reconcile").code == 0
        (place.root / "a.md").rename(place.root / "moved.md")
        assert place.kbsync("reconcile").code == 0
        harm(place)
        (place.root / "moved.md").rename(place.root / "again.md")
        assert place.kbsync("reconcile", "--allow-delete").code == 0
        place.equal()
        assert place.kbsync("audit").code == 0


def test_an_old_ledger_that_is_put_back(tmp_path: Path) -> None:
    """A ledger from before the last changes is noticed: they are looked up, and nothing is sent."""
    with a_place(tmp_path) as place:
        for name in ("a", "b", "c"):
            place.write(f"{name}.md", f"all about {name} and its burrows")
        assert place.kbsync("reconcile").code == 0
        old = place.ledger.read_bytes()
        place.write("a.md", "all about a once more, and about otters")
        place.write("d.md", "all about d and its burrows")
        (place.root / "b.md").unlink()
        assert place.kbsync("reconcile").code == 0
        place.equal()
        place.ledger.write_bytes(old)
        place.calls()
        said = place.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        place.equal()
        assert "looked up on the server" in said.line("older than when it was last used")
        assert place.calls()["create"] == 0
        said = place.kbsync("reconcile")
        assert (said.code, "older" in said.err) == (0, False)
        assert not place.calls()
