"""What one call learns for all others: the server is away, or it refuses the key."""

from __future__ import annotations

import threading
from collections.abc import Callable

from kbsync.errors import Denied, Unavailable

_REFUSALS_BEFORE_REST, _REST_SECONDS = 3, 5.0
#: A refused key is tried again after this: it may have been made valid meanwhile.
_KEY_SECONDS = 30.0


class Circuit:
    """Fails calls at once for a while, so that thousands of files do not all wait in vain."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._refusals = 0
        self._away: tuple[float, str] = (0.0, "")
        self._key: tuple[float, str] = (0.0, "")

    def check(self) -> None:
        """Raise Unavailable while the server is known to be away, Denied while the key is bad."""
        with self._lock:
            (away_until, away), (key_until, key) = self._away, self._key
        now = self._clock()
        if now < key_until:
            raise Denied(key)
        if now < away_until:
            raise Unavailable(away)

    def answered(self) -> None:
        """The server is there."""
        with self._lock:
            self._refusals = 0

    def refused(self, problem: Unavailable) -> None:
        """A connection was refused; after some in a row the server is given a rest."""
        with self._lock:
            self._refusals += 1
            if self._refusals >= _REFUSALS_BEFORE_REST:
                self._away = (self._clock() + _REST_SECONDS, str(problem))

    def key_refused(self, problem: Denied) -> None:
        """The key was refused."""
        with self._lock:
            self._key = (self._clock() + _KEY_SECONDS, str(problem))
