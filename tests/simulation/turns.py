"""Threads of which exactly one runs at a time, and a seed says which: a race is found again."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from unittest import mock

from tests.seams import Crash, Points

#: Seconds of the real clock after which a thread that does not come to its next point hangs.
_PATIENCE = 60.0


@dataclass(eq=False, slots=True)
class _Actor:
    name: str
    work: Callable[[], None]
    weight: float
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    error: BaseException | None = None


class Turns(Points):
    """Points at which another actor may go on; all end when one crashes.

    Args:
        chance: decides who goes on.
        at: the point at which everything ends, as for `Points`.
        meanwhile: done at each point, such as letting time pass.
    """

    def __init__(
        self,
        chance: random.Random,
        at: int | None = None,
        *,
        power: bool = False,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(at, every=True, power=power)
        self._chance = chance
        self._meanwhile = meanwhile
        self._actors: list[_Actor] = []
        self._running: _Actor | None = None
        self._all_done = threading.Semaphore(0)

    def __call__(self, name: str, *, changed: bool = False) -> None:
        """Here is a point: it may be the last, and another may go on from here."""
        super().__call__(name, changed=changed)
        self.switch()
        if self.ended:
            raise Crash(name)

    def add(self, name: str, work: Callable[[], None], weight: float = 1.0) -> None:
        """Let somebody take part, `weight` times as often as others."""
        self._actors.append(_Actor(name, work, weight))

    def run(self) -> None:
        """Let all work to their ends; raises the first error other than a crash."""
        everybody = list(self._actors)
        threads = [
            threading.Thread(target=self._work, args=(actor,), name=actor.name, daemon=True)
            for actor in everybody
        ]
        for thread in threads:
            thread.start()
        if everybody:
            self._next().turn.release()
            if not self._all_done.acquire(timeout=_PATIENCE):
                raise AssertionError(f"{self._running and self._running.name} hangs")
        for thread in threads:
            thread.join()
        self._running = None
        for actor in everybody:
            if actor.error is not None and not isinstance(actor.error, Crash):
                raise actor.error

    def switch(self) -> None:
        """Let somebody go on, who may be the caller."""
        me = self._running
        if me is None:
            return
        self._meanwhile()
        other = self._next()
        if other is not me:
            other.turn.release()
            me.turn.acquire()
            self._running = me

    def _next(self) -> _Actor:
        weights = [actor.weight for actor in self._actors]
        self._running = self._chance.choices(self._actors, weights)[0]
        return self._running

    def _work(self, actor: _Actor) -> None:
        actor.turn.acquire()
        self._running = actor
        try:
            actor.work()
        except BaseException as error:  # noqa: BLE001 - raised again by `run`
            actor.error = error
            self.ended = True
        self._actors.remove(actor)
        if self._actors:
            self._next().turn.release()
        else:
            self._all_done.release()

    @contextmanager
    def locks(self) -> Iterator[None]:
        """Locks that are made here let others go on while they are waited for."""
        with mock.patch("threading.Lock", partial(_Lock, self)):
            yield


class _Lock:
    """A lock between actors."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._held = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        while self._held:
            if not blocking:
                return False
            if self._turns.ended:
                raise Crash("while waiting for a lock")
            self._turns.switch()
        self._held = True
        return True

    def release(self) -> None:
        self._held = False

    def locked(self) -> bool:
        return self._held

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
