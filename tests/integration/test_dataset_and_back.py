"""A folder that goes to another dataset while documents of it are indexed in the first."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from kbsync.engine import Scope
from kbsync.ledger import Ledger
from kbsync.model import State
from tests.lives import PACE, Clock, World, a_server
from tests.seams import Points

TEXT = "a text about herons, who stand in the reeds for hours and do not move at all"
IN_PARTS = {"max_size": 60}


@pytest.mark.parametrize("at_first", [{}, IN_PARTS], ids=["as one", "in parts"])
@pytest.mark.parametrize("meanwhile", [{}, IN_PARTS], ids=["then as one", "then in parts"])
def test_back_in_the_middle(
    tmp_path: Path, at_first: Mapping[str, object], meanwhile: Mapping[str, object]
) -> None:
    """What was sent to the other dataset and not indexed yet does not count as being here."""
    clock = Clock()
    with a_server("1.16.1", clock) as standin:
        here, there = standin.create_dataset("KB"), standin.create_dataset("Other")
        world = World(
            tmp_path / "root", tmp_path / "ledger.db", standin, clock, {"docs": here}, at_first
        )
        world.known_datasets.add(there)
        world.settle({"docs/a.md": TEXT})
        world.datasets["docs"], world.settings = there, meanwhile
        _send_all(world)
        assert len({document.dataset_id for document in world.documents()}) == 2
        world.datasets["docs"], world.settings = here, at_first
        world.live()
        assert world.wrong({"docs/a.md": TEXT}) == []


@pytest.mark.parametrize("settings", [{}, IN_PARTS], ids=["as one", "in parts"])
@pytest.mark.parametrize("elsewhere", [True, False], ids=["another dataset", "another content"])
def test_what_was_finished_unasked_answers_until_the_newer_one_does(
    tmp_path: Path, settings: Mapping[str, object], *, elsewhere: bool
) -> None:
    """A first document that is indexed when a newer one is wanted already is not taken away."""
    clock = Clock()
    with a_server("1.16.1", clock) as standin:
        here, there = standin.create_dataset("KB"), standin.create_dataset("Other")
        world = World(
            tmp_path / "root", tmp_path / "ledger.db", standin, clock, {"docs": here}, settings
        )
        world.known_datasets.add(there)
        tree = {"docs/a.md": TEXT}
        world.write(tree)
        _send_all(world)
        clock.sleep(PACE)
        if elsewhere:
            world.datasets["docs"] = there
        else:
            tree = {"docs/a.md": "quite " + TEXT.replace("herons", "grebes")}
            world.write(tree)
        _send_all(world)
        answering = [one for one in world.documents() if one.display_status == "available"]
        ours = [one for one in answering if one.id not in world.theirs]
        assert b"".join(one.body for one in ours) == TEXT.encode()
        world.live()
        assert world.wrong(tree) == []


def test_what_was_given_up_in_one_dataset_goes_to_the_other(tmp_path: Path) -> None:
    """A document that was stuck twice, and is finished after all, is in the wrong place by then."""
    clock = Clock()
    with a_server("1.16.1", clock) as standin:
        here, there = standin.create_dataset("KB"), standin.create_dataset("Other")
        world = World(tmp_path / "root", tmp_path / "ledger.db", standin, clock, {"docs": here})
        world.known_datasets.add(there)
        tree = {"docs/a.md": TEXT}
        world.write(tree)
        standin.kill_workers()
        world.live()
        with closing(Ledger.open(world.ledger)) as ledger:
            assert ledger.counts("docs")[State.FAILED] == 1
        world.datasets["docs"] = there
        standin.revive_workers()
        world.live()
        assert world.wrong(tree) == []


def _send_all(world: World) -> None:
    """Plan, send and sweep until nothing is left of it; what is indexed is not asked for."""
    with world.engine(Points()) as engine:
        engine.rebind("docs")
        engine.accept(*engine.look([Scope("docs")]))
        while engine.work_one(["docs"]):
            pass
