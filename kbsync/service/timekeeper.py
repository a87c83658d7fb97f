"""The step that notices when the wall clock was set, or the machine slept."""

from __future__ import annotations

from collections.abc import Callable

from kbsync.ledger import Ledger
from kbsync.log import SECONDS, get_logger

_REST = 2.0
#: Smaller steps do nothing that a scan or a retry some seconds later would not do, too.
_LEAST = 10.0


class Timekeeper:
    """One step: compare the wall clock with one that only goes on, and put right what waits.

    Args:
        wall: seconds since the epoch.
        elapsed: seconds of a clock that never goes back.
        stepped: called after a step of the wall clock in either direction.
    """

    def __init__(
        self,
        ledger: Ledger,
        stepped: Callable[[], None],
        wall: Callable[[], float],
        elapsed: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._stepped = stepped
        self._wall = wall
        self._elapsed = elapsed
        self._difference = wall() - elapsed()
        self._log = get_logger()

    def step(self) -> float:
        """Look; returns seconds until the next look."""
        difference = self._wall() - self._elapsed()
        step = difference - self._difference
        if abs(step) < _LEAST:
            return _REST
        if step < 0:
            self._ledger.clock_set_back(-step)
        self._difference = difference
        self._log.warning("the clock was set", **{SECONDS: round(step)})
        self._stepped()
        return _REST
