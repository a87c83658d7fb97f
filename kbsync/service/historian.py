"""The step that writes down what happened, and forgets what is too old."""

from __future__ import annotations

from collections.abc import Callable

from kbsync.engine.engine import Engine
from kbsync.ledger import PRUNE_AT_ONCE

_EVERY = 1.0
_PRUNE_EVERY = 3600.0


class Historian:
    """One step: write what the engine told since the last; `keep` is in seconds.

    `clock` gives seconds since the epoch, `elapsed` those of a clock that never goes back.
    """

    def __init__(
        self,
        engine: Engine,
        keep: float,
        clock: Callable[[], float],
        elapsed: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._keep = keep
        self._clock = clock
        self._elapsed = elapsed
        self._prune_at = elapsed()

    def step(self) -> float:
        """Write and prune what is due; returns seconds until the next time."""
        self._engine.recorder.write()
        now = self._elapsed()
        if now >= self._prune_at:
            pruned = self._engine.ledger.prune(self._clock() - self._keep)
            self._prune_at = now if pruned == PRUNE_AT_ONCE else now + _PRUNE_EVERY
        return _EVERY
