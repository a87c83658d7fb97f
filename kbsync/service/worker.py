"""A thread that repeats one short step, says that it is alive, and can be waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kbsync.errors import KbsyncError, LedgerDamaged
from kbsync.log import get_logger

Step = Callable[[], float]

_AGAIN_SECONDS = 2.0


class Worker:
    """Repeats `step`, which returns how many seconds to rest; `wake` ends a rest early.

    One of our own errors is told in `problem` and the step is tried again a little later, as when
    the ledger's disk is full. A damaged ledger is kept in `error` and ends the service, whose next
    start goes on from the backup; so is any other error, which is a defect.
    """

    def __init__(self, name: str, step: Step, *, clock: Callable[[], float] = time.monotonic):
        self.name = name
        self.error: BaseException | None = None
        self.problem: str | None = None
        self._step = step
        self._clock = clock
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"kbsync-{name}", daemon=True)
        self._beat = clock()
        self._resting = False

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """End the present rest, or skip the next one."""
        self._woken.set()

    def stop(self) -> None:
        """Ask it to end after its present step."""
        self._stopping.set()
        self._woken.set()

    def join(self, timeout: float) -> bool:
        """Wait for its end; returns whether it has ended."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def healthy(self, patience: float) -> bool:
        """Whether it lives and no step has taken longer than `patience` seconds."""
        busy_for = self._clock() - self._beat
        return self._thread.is_alive() and (self._resting or busy_for < patience)

    def _try(self) -> float:
        try:
            rest = self._step()
        except LedgerDamaged:
            raise
        except KbsyncError as error:
            if self.problem is None:
                get_logger().error("cannot work", thread=self.name, error=str(error))
            self.problem = str(error)
            return _AGAIN_SECONDS
        if self.problem is not None:
            get_logger().info("works again", thread=self.name)
            self.problem = None
        return rest

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._beat = self._clock()
                rest = self._try()
                self._resting = True
                self._woken.wait(rest)
                self._woken.clear()
                self._resting = False
        except BaseException as error:  # noqa: BLE001 - handed to the supervisor, which ends
            self.error = error
            get_logger().error("thread failed", thread=self.name, error=str(error))
