"""Work that takes as long as somebody else lets it, and that its hook can leave at any moment."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from threading import Thread
from typing import Any, TypeVar

from kbsync.errors import Undelivered

_Got = TypeVar("_Got")


class Leavable:
    """A hook that waits for others in a thread of its own, until it is interrupted.

    A request that was left goes on to its own time limit: it may still arrive, and nobody learns
    whether it did.
    """

    def __init__(self) -> None:
        self._interrupted = Future[Any]()

    def interrupt(self) -> None:
        """Wait for nothing any more, now or later."""
        if not self._interrupted.done():
            self._interrupted.set_result(None)

    def _awaited(self, work: Callable[[], _Got]) -> _Got:
        """What `work` returns or raises; raises Undelivered once interrupted."""
        done = Future[_Got]()
        if not self._interrupted.done():
            Thread(target=_do, args=(work, done), name="kbsync-hook", daemon=True).start()
        wait([done, self._interrupted], return_when=FIRST_COMPLETED)
        if not done.done():
            raise Undelivered("stopped before it had an answer")
        return done.result()


def _do(work: Callable[[], _Got], done: Future[_Got]) -> None:
    try:
        done.set_result(work())
    except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
        done.set_exception(error)
