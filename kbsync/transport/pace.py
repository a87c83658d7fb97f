"""One pace per server: a budget of requests a minute, and silence when the server asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from kbsync.errors import Unavailable

#: A silence that lasts longer than this, in seconds, is not waited for.
PATIENCE = 75.0

_MINUTE = 60.0


class Pace:
    """Lets a request go when it may; waits on behalf of all threads.

    In no minute are there more than `requests_per_minute` requests, of which a tenth may come at
    once; 0 means no budget. Times are seconds of a clock that never goes back.

    Args:
        sleep: returns True when nobody shall wait any longer.
    """

    def __init__(
        self,
        requests_per_minute: int,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], object],
    ) -> None:
        at_once = max(1, requests_per_minute // 10)
        self._interval = _MINUTE / (requests_per_minute - at_once + 1) if requests_per_minute else 0
        self._saved = self._interval * (at_once - 1)
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = 0.0
        self._quiet = {"all": 0.0, "writes": 0.0}

    def wait(self, *, writes: bool = True) -> None:
        """Wait for this request's turn; raises Unavailable when that is too far away."""
        while (pause := self._take(writes)) > 0:
            if pause > PATIENCE:
                raise Unavailable(
                    f"the server wants to be left alone for {pause:.0f} s", retry_after=pause
                )
            if self._sleep(pause) is True:
                raise Unavailable("stopped while the server wanted to be left alone")

    def _take(self, writes: bool) -> float:
        """Take a turn and return 0, or return how long to wait before asking again."""
        with self._lock:
            now = self._clock()
            quiet = max(self._quiet.values()) if writes else self._quiet["all"]
            if now < quiet:
                return quiet - now
            if self._interval == 0:
                return 0.0
            self._next = max(self._next, now - self._saved)
            if self._next > now:
                return self._next - now
            self._next += self._interval
            return 0.0

    def quiet(self, seconds: float, *, writes_only: bool = False) -> None:
        """Let nobody send for so long: each refused call would prolong the block."""
        with self._lock:
            kind = "writes" if writes_only else "all"
            self._quiet[kind] = max(self._quiet[kind], self._clock() + seconds)
