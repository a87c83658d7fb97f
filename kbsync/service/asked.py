"""What signals ask of the process, from before its first service to its end."""

from __future__ import annotations

import os
import signal
from queue import Empty, SimpleQueue
from types import FrameType

_SECOND_STOP = 130


class Asked:
    """A stop, which nothing takes back, and a reload; both may be asked for at any moment.

    A signal's handler runs between any two instructions of the main thread, so it must not take a
    lock that this thread may hold, as that of an `Event`: a `SimpleQueue` is made for that.
    """

    def __init__(self) -> None:
        self.stop = False
        self._reload = False
        self._wakes: SimpleQueue[None] = SimpleQueue()

    def take_signals(self) -> None:
        """Let SIGTERM and SIGINT ask for a stop and SIGHUP for a reload, until the process ends."""
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)

    def wait(self, seconds: float) -> None:
        """Until something is asked for, at most so long."""
        try:
            self._wakes.get(timeout=seconds)
        except Empty:
            return

    def take_reload(self) -> bool:
        """Whether a reload was asked for since the last call."""
        if not self._reload:
            return False
        self._reload = False
        return True

    def _on_stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler
        if self.stop:
            # The ledger makes that safe: what was under way is looked for at the next start.
            os._exit(_SECOND_STOP)
        self.stop = True
        self._wakes.put(None)

    def _on_reload(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler
        self._reload = True
        self._wakes.put(None)
