"""One random history of folders, a server and the lives of kbsync, and whether it ended well."""

from __future__ import annotations

import random
import threading
import traceback
import uuid
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from unittest import mock

from kbsync.backend.interface import Backend
from kbsync.engine import Scope
from kbsync.engine.engine import Engine
from kbsync.errors import Denied, Unavailable
from kbsync.ledger import Ledger
from kbsync.model import State
from kbsync.standin import StandIn
from kbsync.standin.indexing import MARK_SECONDS
from tests.lives import LOOK, Clock, World
from tests.seams import Crash, Points

from .disk import Disk
from .turns import Turns
from .watching import Watching
from .weather import Weather

#: How often each actor acts in one life.
_SCANS, _SENDS, _POLLS, _CHANGES = 4, 14, 8, 8
#: More settling than this means that something does not converge.
_ROUNDS = 5


class History:
    """Everything follows from the seed.

    Args:
        directory: an empty one for the folders and the ledger.
        tell: is told each thing that happens, one line each.
    """

    def __init__(
        self, seed: int, directory: Path, standin: StandIn, tell: Callable[[str], None]
    ) -> None:
        self.chance = random.Random(seed)
        self.tell = tell
        clock = standin.world.clock
        assert isinstance(clock, Clock)
        self.clock = clock
        self.weather = Weather(self.chance, tell, lists=standin.world.dify)
        self.world = World(
            directory / "root",
            directory / "ledger.db",
            standin,
            clock,
            self.weather.datasets(standin),
            self.weather.settings(),
            self.chance.random,
        )
        self.disk = Disk(self.world, self.chance, tell)
        self.watching = Watching(self.world, self.disk, self.weather, tell)

    def run(self) -> list[str]:
        """Lead some lives, then settle; returns what is wrong then."""
        with self.disk.as_seen():
            if self.weather.takes_away or self.chance.random() < 0.5:
                self.world.live()  # else a folder that is away had nothing
            for number in range(self.chance.randint(1, 4)):
                self.tell(f"life {number + 1}")
                self._life()
                self.weather.between_lives(self.world, self.disk)
            self.disk.restore()
            self.weather.clear(self.world)
            return self.watching.wrong + self._settled()

    # A life

    def _life(self) -> None:
        turns = Turns(
            self.chance,
            self.chance.choice([None, self.chance.randint(0, 150)]),
            power=self.weather.power and self.chance.random() < 0.5,
            meanwhile=self._time_passes,
        )
        try:
            with self.world.engine(turns, lambda points: self._connect(turns, points)) as engine:
                self._be_cooperative(engine, turns)
                engine.ledger.recover()
                self.watching.begin(
                    row
                    for name in engine.folders
                    for row in engine.ledger.everything(name).values()
                )
                turns.add("planner", lambda: self._plan(engine, turns))
                for number in range(2):
                    turns.add(f"sender {number}", lambda: self._send(engine, turns), 2)
                turns.add("follower", lambda: self._follow(engine, turns))
                turns.add("disk", lambda: self._change(turns))
                if self.weather.audits:
                    turns.add("auditor", lambda: self._audit(engine, turns))
                turns.run()
        except Crash:
            pass
        self.tell("crashed" if turns.ended else "stopped")

    def _connect(self, turns: Turns, points: Points) -> Backend:
        with turns.locks():
            return self.world.connect(
                points, sleep=lambda seconds: self._wait(turns, seconds), watch=self.watching.see
            )

    def _be_cooperative(self, engine: Engine, turns: Turns) -> None:
        """No lock that is held across a point may stop the whole world."""
        with turns.locks():
            engine.adopting = threading.Lock()
            engine._connecting = threading.Lock()
            engine._binding = threading.Lock()
            engine.recorder._writing = threading.Lock()
            for bound in engine._bound.values():
                bound.lock = threading.Lock()

    def _time_passes(self) -> None:
        self.clock.sleep(self.chance.random() * 0.3)

    def _wait(self, turns: Turns, seconds: float) -> None:
        until = self.clock() + seconds
        while self.clock() < until:
            self.clock.sleep(max(0.05, seconds / 8))
            turns.switch()
            if turns.ended:
                raise Crash("while waiting")

    def _patiently(self, turns: Turns, work: Callable[[], bool]) -> None:
        """Do a piece of work; where there is none, or no server, wait a little."""
        try:
            rest = 0.0 if work() else 1.0
        except Unavailable:
            rest = 10.0
        except Denied as error:
            self.tell(f"denied: {error}")
            rest = 60.0
        if rest:
            self._wait(turns, rest)

    def _plan(self, engine: Engine, turns: Turns) -> None:
        for _ in range(_SCANS):
            scopes = self._scopes(engine)
            self.tell(f"scan {scopes}")
            grace = self.chance.choice([0.0, 3.0])
            engine.accept(*engine.look(scopes), grace=grace)
            self._wait(turns, self.chance.random() * 10)

    def _scopes(self, engine: Engine) -> list[Scope]:
        """All of the folders, or what events told, some of which are lost."""
        names = list(engine.folders)
        marks, self.disk.marks = sorted(self.disk.marks), set()
        if self.chance.random() < 0.5:
            return [Scope(name) for name in names]
        told = [mark.split("/", 1) for mark in marks if self.chance.random() < 0.8]
        scopes = [
            Scope(name, [below for folder, below in told if folder == name], (), whole=False)
            for name in names
            if name not in self.disk.away
        ]
        return [scope for scope in scopes if scope.files]

    def _send(self, engine: Engine, turns: Turns) -> None:
        for _ in range(_SENDS):
            self._patiently(turns, lambda: engine.work_one(list(engine.folders)) is not None)

    def _follow(self, engine: Engine, turns: Turns) -> None:
        for _ in range(_POLLS):
            self._patiently(turns, lambda: self._look(engine))
            self._wait(turns, LOOK)

    def _look(self, engine: Engine) -> bool:
        engine.recorder.write()
        engine.poll(list(engine.folders))
        return sum(engine.describe(name) for name in engine.folders) > 0

    def _audit(self, engine: Engine, turns: Turns) -> None:
        names = list(engine.folders)
        for _ in range(2):
            self._wait(turns, self.chance.random() * 60)
            self.tell("audit")
            self._patiently(turns, lambda: bool(engine.audit(names, repair=names)))

    def _change(self, turns: Turns) -> None:
        for _ in range(_CHANGES):
            self.weather.change(self.world, self.disk)
            for _ in range(self.chance.randint(1, 8)):
                turns("a change")

    # The end

    def _settled(self) -> list[str]:
        """Whether a few runs make all equal, and whether there is nothing left to do then."""
        tree = self.disk.tree
        wrong: list[str] = []
        for number in range(_ROUNDS):
            self.tell(f"settling {number + 1}")
            self.world.live(allow_delete=True)
            self.clock.sleep(10)
            wrong = self.weather.excused(self.world.wrong(tree))
            if not wrong:
                break
            if not self._help():
                return [*wrong, "and nothing was left to be done about it"]
        if wrong:
            return wrong
        self.world.live()
        self.world.standin.forget_requests()
        self.world.live()
        told = [f"asked for nothing: {one}" for one in self.world.standin.requests]
        with self.world.engine(Points()) as engine:
            surveys = engine.look([Scope(name) for name in engine.folders])
        told += [f"planned for nothing: {one}" for survey in surveys for one in survey.plan.changes]
        return told + self.weather.excused(self.world.wrong(tree))

    def _help(self) -> bool:
        """What a person does about what kbsync tells; False when there is nothing."""
        with closing(Ledger.open(self.world.ledger)) as ledger:
            failed = sum(
                ledger.retry(name, None, self.clock.wall())
                for name in self.world.datasets
                if ledger.counts(name)[State.FAILED]
            )
        if not self.weather.meddled:
            return failed > 0
        self.clock.sleep(MARK_SECONDS)  # until then nothing that was enabled can be changed again
        with self.world.engine(Points()) as engine:
            names = list(engine.folders)
            engine.audit(names, repair=names)
        return True


def replayed(seed: int, directory: Path, standin: StandIn) -> tuple[list[str], list[str]]:
    """A history's lines, and what was wrong at its end."""
    lines: list[str] = []
    with mock.patch("uuid.uuid4", partial(_uuid, random.Random(seed + 1))):
        history = History(seed, directory, standin, lines.append)
        try:
            return lines, history.run()
        except Exception as error:  # noqa: BLE001 - a defect like any other, told with its history
            return lines, [f"{error!r}", *traceback.format_exc().splitlines()]


def _uuid(numbers: random.Random) -> uuid.UUID:
    return uuid.UUID(int=numbers.getrandbits(128), version=4)
