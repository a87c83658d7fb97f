"""Held deletions: what holds them, what dissolves it, and who may release what."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kbsync.standin import Fault

from .place import Place, a_place
from .test_service import eventually, is_equal, log_of, quick, service, stop


def documents(place: Place, count: int = 12) -> None:
    for number in range(count):
        place.write(f"some/{number}.md", f"document number {number}, about voles and burrows")


def held_of(place: Place) -> object:
    return place.kbsync("status", "--json", "--offline").json["folders"][0]["held"]


def test_deletions_that_trickle_in(tmp_path: Path) -> None:
    """Those of the last ten minutes count together, whichever process took them up."""
    with a_place(tmp_path) as place:
        place.configure(max_delete_count=5)
        for number in range(30):
            place.write(f"{number}.md", f"document number {number}, about voles and their burrows")
        assert place.kbsync("reconcile").code == 0
        for number in range(3):
            (place.root / f"{number}.md").unlink()
        assert place.kbsync("reconcile").code == 0
        for number in range(3, 6):
            (place.root / f"{number}.md").unlink()
        said = place.kbsync("reconcile")
        assert said.code == 4, said.out + said.err
        assert "6 deletions are more than max_delete_count = 5" in said.err
        assert len(place.documents()) == 27
        said = place.kbsync("reconcile", "--allow-delete")
        assert (said.code, "nothing is held any more" in said.out) == (0, True)
        (place.root / "7.md").unlink()
        (place.root / "8.md").unlink()
        assert place.kbsync("reconcile").code == 0, "what a person released does not count"


def test_exactly_what_was_shown_is_released(tmp_path: Path) -> None:
    """`approve --yes` releases the held deletions for the next run; a later one is held anew."""
    with a_place(tmp_path) as place:
        place.configure(max_delete_count=3)
        documents(place)
        place.write("kept.md", "a document that stays, about owls")
        assert place.kbsync("reconcile").code == 0
        for number in range(5):
            (place.root / f"some/{number}.md").unlink()
        assert place.kbsync("reconcile").code == 4

        said = place.kbsync("approve", "docs")
        assert said.code == 4
        assert "5 deletions held: 5 deletions are more than max_delete_count = 3" in said.out
        assert said.line("  some/").split() == ["5", "some/"]
        assert "--yes releases" in said.err
        assert len(place.kbsync("approve", "docs", "--all").out.splitlines()) == 6
        told = place.kbsync("approve", "docs", "--json")
        assert told.code == 4
        assert told.json["folders"][0]["paths"] == [f"some/{number}.md" for number in range(5)]
        assert place.kbsync("reconcile").code == 4
        assert len(place.documents()) == 13

        said = place.kbsync("approve", "docs", "--yes")
        assert said.code == 0
        assert "the next `kbsync reconcile`" in said.line("5 deletions released")
        plan = place.kbsync("plan")
        assert (plan.code, plan.out.count("- docs/some/")) == (0, 5)
        for number in range(5, 9):
            (place.root / f"some/{number}.md").unlink()
        assert place.kbsync("reconcile").code == 4
        assert len(place.documents()) == 8
        assert place.kbsync("approve", "docs", "--yes").code == 0
        assert place.kbsync("reconcile").code == 0
        place.equal()
        assert place.kbsync("approve", "docs").out == "docs: nothing is held\n"


def test_an_approval_is_good_for_one_scan(tmp_path: Path) -> None:
    """A file that came back after its deletion was released is asked about again."""
    with a_place(tmp_path) as place:
        place.configure(max_delete_count=3)
        documents(place)
        assert place.kbsync("reconcile").code == 0
        shutil.move(place.root / "some", tmp_path / "away")
        assert place.kbsync("reconcile").code == 4
        assert place.kbsync("approve", "docs", "--yes").code == 0
        shutil.move(tmp_path / "away", place.root / "some")
        assert place.kbsync("reconcile").code == 0
        shutil.rmtree(place.root / "some")
        assert place.kbsync("reconcile").code == 4
        assert len(place.documents()) == 12


def test_a_hold_dissolves_by_itself(tmp_path: Path) -> None:
    """A folder whose files come back, as with a mount, is no longer held, and nothing was sent."""
    with a_place(tmp_path) as place:
        documents(place)
        assert place.kbsync("reconcile").code == 0
        for away in (place.root, place.root / "some"):
            away.rename(tmp_path / "away")
            if away == place.root:
                place.root.mkdir()
            assert place.kbsync("reconcile").code == 4
            assert isinstance(held_of(place), dict)
            if away == place.root:
                place.root.rmdir()
            (tmp_path / "away").rename(away)
            place.calls()
            assert place.kbsync("reconcile").code == 0
            calls = place.calls()
            assert (calls["create"], calls["delete"]) == (0, 0)
            assert held_of(place) is None
        place.equal()


def test_a_folder_that_is_gone_cannot_be_approved(tmp_path: Path) -> None:
    """A missing root means nothing is known: `approve` says so and releases nothing."""
    with a_place(tmp_path) as place:
        documents(place)
        assert place.kbsync("reconcile").code == 0
        place.root.rename(tmp_path / "away")
        said = place.kbsync("approve", "docs", "--yes")
        assert said.code == 4
        assert "nothing can be approved" in said.out
        assert place.kbsync("reconcile").code == 4
        assert len(place.documents()) == 12


def test_approval_reaches_the_running_service(tmp_path: Path) -> None:
    """`approve` beside a service makes it delete at once, and what is gone later is held."""
    with a_place(tmp_path) as place:
        quick(place)
        documents(place)
        place.write("kept.md", "a document that stays, about owls")
        with service(place) as process:
            eventually(lambda: is_equal(place), "the start", place)
            shutil.rmtree(place.root / "some")
            eventually(lambda: "event=held" in log_of(place), "the hold", place)
            assert len(place.documents()) == 13
            said = place.kbsync("approve", "docs", "--yes")
            assert said.code == 0
            assert "the running service carries them out now" in said.out
            eventually(lambda: is_equal(place), "the deletions", place)
            eventually(lambda: held_of(place) is None, "the end of the hold", place)
            assert stop(process) == 0


def test_retry_reaches_the_running_service(tmp_path: Path) -> None:
    """`retry` beside a service makes it send the failed file at once."""
    with a_place(tmp_path) as place:
        quick(place)
        place.write("a.md", "a document about herons")
        place.standin.faults.add(Fault("index-error", times=None, text="out of quota"))
        with service(place) as process:
            eventually(lambda: "out of quota" in log_of(place), "the failure", place)
            place.standin.faults.clear()
            said = place.kbsync("retry")
            assert (said.code, said.out) == (0, "1 file will be sent again now\n")
            eventually(lambda: is_equal(place), "the second try", place)
            assert stop(process) == 0


def test_a_hold_of_small_deletions_can_be_approved(tmp_path: Path) -> None:
    """What the service held because of earlier deletions is released, although few are left."""
    with a_place(tmp_path) as place:
        place.configure(settle="50ms", max_delay="1s", max_delete_count=5)
        documents(place)
        with service(place) as process:
            eventually(lambda: is_equal(place), "the start", place)
            for number in range(4):
                (place.root / f"some/{number}.md").unlink()
            eventually(lambda: is_equal(place), "a few", place)
            for number in range(4, 8):
                (place.root / f"some/{number}.md").unlink()
            eventually(lambda: "event=held" in log_of(place), "the hold", place)
            eventually(
                lambda: place.kbsync("approve", "docs", "--yes").code == 0 and is_equal(place),
                "the release",
                place,
            )
            assert stop(process) == 0


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_person_is_asked(tmp_path: Path, answer: str) -> None:
    """On a terminal the question is asked, again when more went missing meanwhile."""
    with a_place(tmp_path) as place:
        place.configure(max_delete_count=3)
        documents(place)
        assert place.kbsync("reconcile").code == 0
        for number in range(5):
            (place.root / f"some/{number}.md").unlink()
        said = ""
        main, terminal = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "kbsync", "approve", "docs", "--config", str(place.config)],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        ) as process:
            os.close(terminal)
            while "Delete these 5 documents? [y/N]" not in said:
                said += os.read(main, 4096).decode()
            (place.root / "some/5.md").unlink()
            os.write(main, b"y\n")
            while "Delete these 6 documents? [y/N]" not in said:
                said += os.read(main, 4096).decode()
            os.write(main, f"{answer}\n".encode())
            assert process.wait(30) == (0 if answer == "y" else 4)
        os.close(main)
        assert "meanwhile 1 file more went missing" in said
        assert place.kbsync("reconcile").code == (0 if answer == "y" else 4)
        assert len(place.documents()) == (6 if answer == "y" else 12)


def test_explain_tells_that_a_document_stays(tmp_path: Path) -> None:
    """What becomes of a missing file's document is told as it will be: held, kept or deleted."""
    with a_place(tmp_path) as place:
        documents(place)
        assert place.kbsync("reconcile").code == 0
        (place.root / "some/0.md").unlink()

        def next_step() -> str:
            return place.kbsync("explain", "docs/some/0.md").line("next:").split(maxsplit=1)[1]

        assert next_step() == "its document is deleted at the next run"
        place.configure(max_delete_count=0)
        assert place.kbsync("reconcile").code == 4
        assert "stays" in next_step()
        assert "`kbsync approve docs`" in next_step()
        place.configure(max_delete_count=10, trash_days=3)
        assert "approve" in next_step()
        assert "`kbsync approve docs`" in place.kbsync("status").line("held")
        place.configure(on_delete="keep", trash_days=0)
        assert next_step() == 'nothing: on_delete = "keep"'
        place.configure(on_delete="disable")
        assert place.kbsync("reconcile").code == 0
        assert "in service again when the file returns" in next_step()


def test_another_directory_in_its_place(tmp_path: Path) -> None:
    """Few as they are, deletions are held when the directory is another one; new files are sent."""
    with a_place(tmp_path) as place:
        documents(place, 5)
        assert place.kbsync("reconcile").code == 0
        away = place.root.rename(tmp_path / "away")
        place.write("new.md", "a document in another directory, about owls")
        said = place.kbsync("reconcile")
        assert said.code == 4
        assert "is another directory than at the last scan" in said.line("held     docs")
        assert len(place.documents()) == 6
        shutil.rmtree(place.root)
        away.rename(place.root)
        assert place.kbsync("reconcile").code == 0
        place.equal()

        shutil.copytree(place.root, away)
        shutil.rmtree(place.root)
        away.rename(place.root)
        (place.root / "some/0.md").unlink()
        assert place.kbsync("approve", "docs", "--yes").code == 0
        assert place.kbsync("reconcile").code == 0
        place.equal()
        (place.root / "some/1.md").unlink()
        assert place.kbsync("reconcile").code == 0
        place.equal()
