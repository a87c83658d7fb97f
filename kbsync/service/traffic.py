"""The steps that talk to the server: sending, and following what was sent."""

from __future__ import annotations

from collections.abc import Callable

from kbsync.engine.engine import Engine
from kbsync.engine.following import DESCRIBE_AT_ONCE
from kbsync.errors import Denied, Unavailable
from kbsync.service.gate import Gate

_REST = 3600.0
_POLL_FIRST, _POLL_MOST = 0.5, 15.0
#: So many times in a row a folder's documents are described before it is looked what is indexed.
_BATCHES = 5


class Sender:
    """One step: one due piece of work; or a question whether a server that was away is back."""

    def __init__(
        self, engine: Engine, gate: Gate, clock: Callable[[], float], sent: Callable[[], None]
    ) -> None:
        self._engine = engine
        self._gate = gate
        self._clock = clock
        self._sent = sent

    def step(self) -> float:
        """Do the next piece of work; returns seconds until there can be another."""
        if (closed := self._gate.closed_for()) > 0:
            return closed
        names = self._gate.open_folders()
        if not names:
            return _POLL_MOST
        try:
            worked = self._engine.work_one(names)
            if worked is not None:
                self._gate.answered(worked)
            elif self._gate.in_doubt:
                self._engine.reach()
                self._gate.answered()
        except Unavailable as error:
            self._gate.missed(error)
            return self._gate.closed_for()
        except Denied as error:
            self._gate.refused(error)
            return 0.0
        if worked is not None:
            self._sent()
            return 0.0
        due = self._engine.ledger.next_due(names, max_indexing=self._engine.max_indexing)
        return _REST if due is None else min(_REST, max(0.05, due - self._clock()))


class Follower:
    """One step: ask once how far indexing is, and describe what is new.

    It asks less often while nothing moves, and not at all while nothing is in flight.
    """

    def __init__(self, engine: Engine, gate: Gate, done: Callable[[], None]) -> None:
        self._engine = engine
        self._gate = gate
        self._done = done
        self._pause = _POLL_FIRST

    def step(self) -> float:
        """Look after what was sent; returns seconds until it is worth another look."""
        if (closed := self._gate.closed_for()) > 0:
            return closed
        names = self._gate.open_folders()
        try:
            polled = self._engine.poll(names)
            if polled.moved:
                self._done()
            more = [name for name in names if self._described(name)]
        except Unavailable as error:
            self._gate.missed(error)
            return self._gate.closed_for()
        except Denied as error:
            self._gate.refused(error)
            return _POLL_MOST
        if polled.in_flight or polled.moved:
            self._gate.answered()
        self._pause = _POLL_FIRST if polled.moved else min(self._pause * 1.5, _POLL_MOST)
        if more:
            return 0.0
        if polled.in_flight:
            return self._pause
        self._engine.rest()
        return _REST

    def _described(self, name: str) -> bool:
        """Describe some of a folder's documents; whether there are more.

        All of a large folder, as after a change of its settings, would keep what is being indexed
        from being followed for long.
        """
        return all(self._engine.describe(name) == DESCRIBE_AT_ONCE for _ in range(_BATCHES))
