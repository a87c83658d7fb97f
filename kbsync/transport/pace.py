"""One pace per server: a budget of requests a minute, and silence when the server asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Pace:
    """Lets a request go when it may; waits on behalf of all threads.

    `requests_per_minute` 0 means no budget. Times are seconds of a clock that never goes back.
    """

    def __init__(
        self,
        requests_per_minute: int,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._interval = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._burst = max(1.0, requests_per_minute / 10)
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = 0.0
        self._quiet_until = 0.0

    def wait(self) -> None:
        """Wait for this request's turn."""
        while (pause := self._take()) > 0:
            self._sleep(pause)

    def _take(self) -> float:
        """Take a turn and return 0, or return how long to wait before asking again."""
        with self._lock:
            now = self._clock()
            if now < self._quiet_until:
                return self._quiet_until - now
            if self._interval == 0:
                return 0.0
            self._next = max(self._next, now - self._interval * self._burst)
            if self._next > now:
                return self._next - now
            self._next += self._interval
            return 0.0

    def quiet(self, seconds: float) -> None:
        """Let nobody send for so long: each refused call would prolong the block."""
        with self._lock:
            self._quiet_until = max(self._quiet_until, self._clock() + seconds)
