"""A document that was given up is asked about with the others, and keeps nobody waiting."""

from __future__ import annotations

from pathlib import Path

from kbsync.standin import Fault
from tests.lives import Clock, World, a_server

TEXT = "a text about {}, who stand in the reeds for hours and do not move at all"


def test_one_that_turns_out_empty_is_no_sign_of_life(tmp_path: Path) -> None:
    """It ends once; what waits beside it is stuck all the same, and is sent again."""
    clock = Clock()
    with a_server("1.16.1", clock) as standin:
        dataset = standin.create_dataset("KB")
        root = tmp_path / "root"
        world = World(root, tmp_path / "ledger.db", standin, clock, {"docs": dataset})
        standin.faults.add(Fault("index-lost", name="^a", times=2))
        world.write({"docs/a.md": TEXT.format("herons")})
        world.live()
        [given_up] = [one for one in world.documents() if one.id not in world.theirs]
        standin.change_document(given_up.id, indexing_status="completed")
        standin.faults.add(Fault("index-lost", name="^b"))
        world.write({"docs/a.md": TEXT.format("herons"), "docs/b.md": TEXT.format("grebes")})
        world.live()
        states = {one.name[0]: one.segments for one in world.documents()}
        assert states["a"] == 0
        assert states["b"] == 1
