"""What cannot be looked at is unknown: I/O errors, closed directories, and what moved there."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from kbsync.engine import Happened, Scope
from kbsync.standin import StandIn
from tests.lives import Clock, World, a_server
from tests.seams import Points

from .place import Place, a_place

NUMBERS = {"EIO": errno.EIO, "EACCES": errno.EACCES, "ESTALE": errno.ESTALE}


@contextmanager
def failing(call: str, name: str, number: int) -> Iterator[None]:
    """As on a bad disk or a lost mount: a call of the system that is about `name` fails."""
    real = getattr(os, call)

    def fails(path: Any, *more: Any, **options: Any) -> Any:
        shown = str(Path(f"/proc/self/fd/{path}").readlink() if isinstance(path, int) else path)
        if shown.rpartition("/")[2] == name:
            raise OSError(number, os.strerror(number), name)
        return real(path, *more, **options)

    with mock.patch(f"os.{call}", fails):
        yield


def filled(place: Place) -> set[str]:
    """Sync a few files; returns the ids of their documents."""
    for path in ("a.md", "b.md", "in/c.md", "in/d.md"):
        place.write(path, f"all about {path}, and about voles and their burrows")
    said = place.kbsync("reconcile")
    assert said.code == 0, said.out + said.err
    place.calls()
    return {document.id for document in place.documents()}


@pytest.mark.parametrize(
    ("call", "name", "error"),
    [("open", "in", "EIO"), ("scandir", "in", "EIO"), ("scandir", "docs", "ESTALE")],
)
def test_a_directory_with_an_input_output_error(
    tmp_path: Path, call: str, name: str, error: str
) -> None:
    """Nothing below it is deleted, it is told, and when it is well again nothing was to be done."""
    with a_place(tmp_path) as place:
        before = filled(place)
        with failing(call, name, NUMBERS[error]):
            said = place.kbsync("reconcile")
        assert said.code in {3, 4}, said.out + said.err
        assert os.strerror(NUMBERS[error]).lower() in (said.out + said.err).lower()
        assert {document.id for document in place.documents()} == before
        assert place.kbsync("reconcile").code == 0
        assert place.calls().keys() <= {"dataset-list"}
        place.equal()


def test_a_file_with_an_input_output_error(tmp_path: Path) -> None:
    """A changed file that cannot be read keeps its document, and is sent when it can be."""
    with a_place(tmp_path) as place:
        before = filled(place)
        place.write("a.md", "all about a.md once more, and about otters")
        with failing("open", "a.md", errno.EIO):
            said = place.kbsync("reconcile")
        assert said.code == 3
        assert "input/output error" in said.line("docs/a.md").lower()
        assert {document.id for document in place.documents()} == before
        place.kbsync("retry")
        assert place.kbsync("reconcile").code == 0
        place.equal()


def test_a_file_moved_into_a_closed_directory(tmp_path: Path) -> None:
    """Its document stays, deletions wait with the reason, and it is found when one can look."""
    with a_place(tmp_path) as place:
        before = filled(place)
        (place.root / "a.md").rename(place.root / "in/a.md")
        with failing("open", "in", errno.EACCES):
            said = place.kbsync("reconcile")
            assert said.code == 3
            assert "in/ cannot be looked at" in said.line("1 deletion is held")
            assert "H docs/a.md" in place.kbsync("plan").out
        assert {document.id for document in place.documents()} == before
        place.calls()
        assert place.kbsync("reconcile").code == 0
        calls = place.calls()
        assert (calls["create"], calls["delete"]) == (0, 0)
        place.equal()


def test_a_look_at_a_part_remembers_what_is_closed(tmp_path: Path) -> None:
    """What an event tells to be gone may be where the last scan of the whole could not look."""
    with a_server("1.16.1", Clock()) as standin:
        world = _world(tmp_path, standin)
        tree = {f"docs/{name}": f"all about {name} and its burrows" for name in ("a.md", "in/b.md")}
        world.settle(tree)
        world.rename("docs/a.md", "docs/in/a.md")
        with world.engine(Points()) as engine, failing("open", "in", errno.EACCES):
            engine.accept(*engine.look([Scope("docs")]))
            part = Scope("docs", files=["a.md"], below=(), whole=False)
            [survey] = engine.look([part])
            assert [hold.rule for hold in survey.plan.holds] == ["unknown"]
            assert survey.plan.applicable == ()
            engine.accept(survey)
            engine.accept(*engine.look([Scope("docs")]))
        told = [event.text for event in world.events if event.happened is Happened.HELD]
        assert len(told) == 1, "a hold that goes on is told once"


def _world(directory: Path, standin: StandIn) -> World:
    clock = standin.world.clock
    assert isinstance(clock, Clock)
    dataset_id = standin.create_dataset("KB")
    return World(directory / "root", directory / "ledger.db", standin, clock, {"docs": dataset_id})
