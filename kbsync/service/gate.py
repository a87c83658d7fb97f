"""Whether the server wants work now: pauses after failures, refusals by folder."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection

from kbsync import plan
from kbsync.errors import Denied, Unavailable
from kbsync.log import FOLDER, get_logger

_DENIED_SECONDS = 60.0
_LONGEST_PAUSE = 300.0


class Gate:
    """Shared by all threads that talk to the server; times are of a clock that never goes back.

    `missed_once` is called when the server first fails to answer: whoever sends then looks, after
    the pause, whether it is back, although nothing may be there to be sent.
    """

    def __init__(
        self,
        folders: Collection[str],
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float],
        missed_once: Callable[[], None] = lambda: None,
    ) -> None:
        self._folders = list(folders)
        self._clock = clock
        self._chance = chance
        self._missed_once = missed_once
        self._lock = threading.Lock()
        self._misses = 0
        self._closed_until = 0.0
        self._unavailable: str | None = None
        self._denied: dict[str, tuple[float, str]] = {}
        self._log = get_logger()

    def closed_for(self) -> float:
        """Seconds until something may be sent again; 0 for now."""
        with self._lock:
            return max(0.0, self._closed_until - self._clock())

    def open_folders(self) -> list[str]:
        """Folders whose dataset and key are not known to be refused."""
        with self._lock:
            now = self._clock()
            return [name for name in self._folders if self._denied.get(name, (0.0, ""))[0] <= now]

    def missed(self, error: Unavailable) -> None:
        """The server could not answer: let it rest, longer each time."""
        with self._lock:
            self._misses += 1
            pause = plan.backoff(self._misses, self._chance(), first=1.0, most=_LONGEST_PAUSE)
            self._closed_until = self._clock() + max(pause, error.retry_after or 0.0)
            news = self._unavailable is None
            self._unavailable = str(error)
        if news:
            self._log.warning("server unavailable", error=str(error))
            self._missed_once()

    def refused(self, error: Denied) -> None:
        """The server refuses a folder, or everything: try again later, and say so once."""
        with self._lock:
            names = [error.folder] if error.folder else self._folders
            until = self._clock() + _DENIED_SECONDS
            news = [name for name in names if self._denied.get(name, (0.0, ""))[1] != str(error)]
            self._denied |= {name: (until, str(error)) for name in names}
        for name in news:
            self._log.error("server refuses", **{FOLDER: name}, error=str(error))

    @property
    def in_doubt(self) -> bool:
        """Whether the server did not answer when it was last asked."""
        with self._lock:
            return self._unavailable is not None

    def answered(self, folder: str | None = None) -> None:
        """The server did what was asked, for a folder; what it said of others, too, is over."""
        with self._lock:
            back = self._unavailable is not None
            self._misses, self._unavailable, self._closed_until = 0, None, 0.0
            refusal = self._denied.get(folder or "")
            accepted = [
                name for name, (_, text) in self._denied.items() if refusal and text == refusal[1]
            ]
            for name in accepted:
                del self._denied[name]
        if back:
            self._log.info("server available again")
        for name in accepted:
            self._log.info("server accepts again", **{FOLDER: name})

    @property
    def problem(self) -> str | None:
        """Why nothing, or not everything, can be sent; None when all is well."""
        with self._lock:
            denied = [text for _, text in self._denied.values()]
            return self._unavailable or (denied[0] if denied else None)
