"""A run that ends at any of its effects, and what the next one makes of it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kbsync.standin import StandIn
from tests.lives import Clock, Dialect, Tree, World, a_server
from tests.seams import TRIED, Points

DIALECTS: tuple[Dialect, ...] = ("1.10.1", "1.16.1", "simple")
A = "the first text, about otters and the long winters that they spend below the ice of the river"
B = "the second text: it tells of beavers, who cut down poplars by night and eat their bark by day"
C = "a third one, of herons that stand for hours in the reeds without moving, and then strike fish"
STAYS: Tree = {
    "docs/stays.md": "a file that stays, about newts; it keeps the folder from being emptied"
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to a settled folder, or to a new one, before the run that crashes."""

    before: Tree
    after: Tree
    renames: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    needs_list: bool = False
    dialects: Sequence[Dialect] = DIALECTS


#: A file may have one of these texts in a document, and not two.
IN_PARTS = {"max_size": 130}

SCENARIOS: Mapping[str, Scenario] = {
    "create": Scenario({}, {"docs/a.md": A}),
    "replace": Scenario({"docs/a.md": A}, {"docs/a.md": B}),
    "replace in place": Scenario(
        {"docs/a.md": A}, {"docs/a.md": B}, settings={"replace": "in_place"}
    ),
    "delete": Scenario({"docs/a.md": A}, {}),
    "trash": Scenario({"docs/a.md": A}, {}, settings={"trash_days": 3}, needs_list=True),
    "rename": Scenario({"docs/a.md": A}, {"docs/b.md": A}, renames={"docs/a.md": "docs/b.md"}),
    "parts": Scenario(
        {"docs/a.md": f"{A}\n\n{B}\n\n{C}"},
        {"docs/a.md": f"{A}\n\n{B} or by noon\n\n{C}"},
        settings=IN_PARTS,
        dialects=("1.16.1", "simple"),
    ),
    "one of parts": Scenario(
        {"docs/a.md": f"{A}\n\n{B}"}, {"docs/a.md": C}, settings=IN_PARTS, dialects=("1.16.1",)
    ),
    "parts of one": Scenario(
        {"docs/a.md": C}, {"docs/a.md": f"{A}\n\n{B}"}, settings=IN_PARTS, dialects=("1.16.1",)
    ),
    "parts in the trash": Scenario(
        {"docs/a.md": f"{A}\n\n{B}"}, {}, settings=IN_PARTS | {"trash_days": 3}, needs_list=True
    ),
    "several": Scenario({"docs/a.md": A, "docs/b.md": B}, {"docs/a.md": C, "docs/c.md": B}),
}

#: What becomes of the folder between the crash and the next run, given what it was and is.
AFTERMATHS: Mapping[str, Callable[[Scenario], Tree]] = {
    "nothing": lambda scenario: scenario.after,
    "an edit": lambda scenario: dict.fromkeys(scenario.after, C + " now"),
    "taken back": lambda scenario: scenario.before,
    "deleted": lambda _: {},
    "emptied": lambda scenario: dict.fromkeys(scenario.after, ""),
}
#: In a short run each point is tried with one of them, in turn.
ALL = bool(os.environ.get("SOAK"))


def a_world(directory: Path, standin: StandIn, settings: Mapping[str, object]) -> World:
    """A folder and a dataset with a document of somebody else's."""
    clock = standin.world.clock
    assert isinstance(clock, Clock)
    dataset_id = standin.create_dataset("KB")
    root, ledger = directory / "root", directory / "ledger.db"
    directory.mkdir(parents=True)
    return World(root, ledger, standin, clock, {"docs": dataset_id}, settings)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_crash_anywhere(tmp_path: Path, name: str, dialect: Dialect) -> None:
    """Wherever a run ends, and whatever happens then, the next one makes both sides equal."""
    check(tmp_path, name, dialect, power=False)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_power_cut_anywhere(tmp_path: Path, name: str) -> None:
    """The same when the end of the ledger is lost with the power."""
    check(tmp_path, name, "1.16.1", power=True)


def check(directory: Path, name: str, dialect: Dialect, *, power: bool) -> None:
    scenario = SCENARIOS[name]
    if dialect not in scenario.dialects or (scenario.needs_list and dialect == "simple"):
        return
    with a_server(dialect, Clock()) as standin:
        turns = [[one] for one in AFTERMATHS] if ALL else [_turned(DIALECTS.index(dialect))]
        found = [
            told
            for number, turn in enumerate(turns)
            for told in crashes(directory / f"{number}", standin, scenario, turn, power=power)
        ]
    assert not found, "\n".join(found)


def _turned(by: int) -> list[str]:
    names = list(AFTERMATHS)
    return names[by:] + names[:by]


def crashes(
    directory: Path, standin: StandIn, scenario: Scenario, turn: Sequence[str], *, power: bool
) -> Iterator[str]:
    """Crash at each point, with each aftermath in turn; tells of those that did not end well."""
    before = {**STAYS, **scenario.before}
    world = a_world(directory / "0", standin, scenario.settings)
    for at in itertools.count():
        aftermath = turn[at % len(turn)]
        world.settle(before)
        act(world, scenario)
        points = world.live(Points(at, power=power))
        if not points.ended:
            return
        TRIED["power cuts" if power else "crashes"] += 1
        tree = {**STAYS, **AFTERMATHS[aftermath](scenario)}
        world.write(tree)
        world.live()
        if wrong := world.wrong(tree):
            yield f"{at} ({points.passed[-1]}), then {aftermath}: {wrong}"
            world = a_world(directory / f"{at + 1}", standin, scenario.settings)


def act(world: World, scenario: Scenario) -> None:
    for old, new in scenario.renames.items():
        world.rename(old, new)
    world.write({**STAYS, **scenario.after})
