"""What else there is to bear: faults of the server, people in Dify, clocks, lost ledgers."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from kbsync.standin import Fault, StandIn
from kbsync.standin.faults import Kind
from tests.lives import World

from .disk import Disk

_CALLS: tuple[Kind, ...] = (
    "cut-before",
    "cut-after",
    "500-before",
    "500-after",
    "429",
    "403-rate-limit",
    "plugin-daemon",
    "proxy-502",
    "proxy-413",
    "metadata-busy",
    "shift-insert",
    "shift-skip",
)
_INDEXING: tuple[Kind, ...] = (
    "index-error",
    "index-empty",
    "index-slow",
    "index-lost",
    "index-stuck",
)
_METHODS = ("", "GET", "POST", "POST", "DELETE", "PATCH")


class Weather:
    """Which kinds of trouble a history has, by chance: a few of all, so that each is seen alone."""

    def __init__(self, chance: random.Random, tell: Callable[[str], None], *, lists: bool) -> None:
        self._chance = chance
        self._tell = tell
        self._lists = lists
        self.calls = self._perhaps(0.5)
        self.indexing = self._perhaps(0.3)
        self.outages = self._perhaps(0.2)
        self.hides = self._perhaps(0.3)
        self.takes_away = self._perhaps(0.3)
        self.skews = self._perhaps(0.2)
        self.people = lists and self._perhaps(0.2)
        self.audits = lists and (self.people or self._perhaps(0.2))
        self.power = self._perhaps(0.3)
        self.loses_ledgers = lists and self._perhaps(0.15)
        self.changes_datasets = self._perhaps(0.15)
        self.changes_settings = self._perhaps(0.2)
        self.meddled = False
        self._lost = False
        self._inserted = False

    def _perhaps(self, share: float) -> bool:
        return self._chance.random() < share

    def datasets(self, standin: StandIn) -> dict[str, str]:
        """One folder, or two that share a dataset, or two that do not."""
        datasets = {"docs": standin.create_dataset("KB")}
        if self._perhaps(0.4):
            shared = self._perhaps(0.5)
            datasets["more"] = datasets["docs"] if shared else standin.create_dataset("More")
        return datasets

    def settings(self) -> dict[str, object]:
        """Settings of the folders."""
        settings: dict[str, object] = {}
        if self._perhaps(0.3):
            settings["replace"] = "in_place"
        if self._lists and self._perhaps(0.35):
            settings |= self._chance.choice(
                [{"trash_days": 1}, {"on_delete": "disable"}, {"on_delete": "archive"}]
            )
        if self._perhaps(0.3):
            settings["max_delete_count"] = self._chance.randint(0, 3)
        if self._perhaps(0.2):
            rule = {"pre_processing_rules": [], "segmentation": {"separator": "\n"}}
            rule["segmentation"]["max_tokens"] = 200  # type: ignore[index]  # a dict
            settings["process_rule"] = {"mode": "custom", "rules": rule}
        if self._perhaps(0.25):
            settings["max_size"] = 60  # so that a text is in two parts
        self._tell(f"settings {settings}")
        return settings

    def change(self, world: World, disk: Disk) -> None:
        """Something happens, to a file most often."""
        kinds: list[tuple[bool, float, Callable[[], None]]] = [
            (True, 4, disk.change),
            (self.calls, 2, lambda: self._fail_calls(world)),
            (self.indexing, 1, lambda: self._fail_indexing(world)),
            (self.outages, 1, lambda: self._be_away(world)),
            (self.hides, 1, disk.hide),
            (self.takes_away, 0.6, disk.take_away),
            (self.skews, 1, lambda: self._set_clock(world)),
            (self.people, 1, lambda: self._meddle(world)),
        ]
        possible = [(weight, kind) for there, weight, kind in kinds if there]
        weights = [weight for weight, _ in possible]
        [(_, kind)] = self._chance.choices(possible, weights)
        kind()

    def between_lives(self, world: World, disk: Disk) -> None:
        """What happens while kbsync is not running."""
        for _ in range(self._chance.choice([0, 1, 3])):
            self.change(world, disk)
        if self._perhaps(0.2):
            world.clock.sleep(self._chance.choice([3_600, 86_400 * 2]))
        if self.changes_datasets and self._perhaps(0.5):
            self._change_dataset(world)
        if self.changes_settings and self._perhaps(0.5):
            world.settings = self.settings()
        if self.loses_ledgers and self._perhaps(0.5):
            self._lose_ledger(world)

    def clear(self, world: World) -> None:
        """From now on the server works."""
        world.standin.faults.clear()
        world.standin.revive_workers()
        world.clock.sleep(120)
        world.clock.skew = 0.0

    def excused(self, wrong: list[str]) -> list[str]:
        """What is wrong and had to be."""
        if self._lost:
            # Nothing tells whose a document is that has no metadata yet, once its file is gone.
            return [one for one in wrong if not one.endswith("too many")]
        return wrong

    def _fail_calls(self, world: World) -> None:
        kind = self._chance.choice(_CALLS)
        if kind == "shift-insert":
            return  # pages are not that long here
        method = self._chance.choice(_METHODS)
        path = ""
        if kind == "proxy-413":
            method, path = "POST", r"by-file$|/documents$"
        times = self._chance.choice([1, 1, 2, 5])
        self._tell(f"fault {kind} {method} x{times}")
        world.standin.faults.add(Fault(kind, method, path, times=times))

    def _fail_indexing(self, world: World) -> None:
        if self._perhaps(0.3):
            self._tell("workers die")
            world.standin.kill_workers()
            if self._perhaps(0.5):
                self._tell("and are there again")
                world.standin.revive_workers()
            return
        kind = self._chance.choice(_INDEXING)
        if kind == "index-empty" and not self._lists:
            return  # nobody can know: such a server counts no segments
        self._tell(f"fault {kind}")
        world.standin.faults.add(Fault(kind, times=self._chance.choice([1, 2]), seconds=30))

    def _be_away(self, world: World) -> None:
        seconds = self._chance.choice([2.0, 30.0])
        self._tell(f"outage of {seconds} s")
        world.standin.faults.add(Fault("outage", seconds=seconds))

    def _set_clock(self, world: World) -> None:
        world.clock.skew += self._chance.choice([-86_400.0, -60.0, 60.0, 86_400.0])
        self._tell(f"the clock is set: {world.clock.skew:+.0f} s")

    def _meddle(self, world: World) -> None:
        ours = [one for one in world.documents() if one.id not in world.theirs]
        if not ours:
            return
        self.meddled = True
        document = self._chance.choice(ours)
        if "kbsync_path" not in document.metadata:
            return  # nobody could tell any more whose it is
        [what] = self._chance.choices(
            [{"enabled": False}, {"archived": True}, {"name": "renamed by hand.md"}, None, "empty"],
            [2, 1, 1, 2, 1],
        )
        self._tell(f"somebody changes {document.name}: {what}")
        if what is None:
            world.delete(document)
        elif what == "empty":
            world.standin.remove_segments(document.id)
        else:
            world.standin.change_document(document.id, **what)  # type: ignore[arg-type]  # of the list above

    def _change_dataset(self, world: World) -> None:
        name = self._chance.choice(sorted(world.datasets))
        others = sorted(world.known_datasets - {world.datasets[name]})
        if not others or self._perhaps(0.5):
            others = [world.standin.create_dataset("Other")]
        world.datasets[name] = self._chance.choice(others)
        world.known_datasets.add(world.datasets[name])
        self._tell(f"{name} goes to dataset {world.datasets[name]}")

    def _lose_ledger(self, world: World) -> None:
        self._tell("the ledger is lost")
        self._lost = True
        for file in world.ledger.parent.glob(world.ledger.name + "*"):
            if not re.search(r"\.lock$", file.name):
                file.unlink()
