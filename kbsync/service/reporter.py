"""The step that reads what others write into the ledger, and writes how the service is for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from kbsync.ledger import Ledger
from kbsync.model import State

_LOOK, _TELL = 1.0, 5.0


class Reporter:
    """One step: take the wishes that another process left, and publish the news if it is time.

    Args:
        news: what `kbsync status` is to know.
        wishes: told of the folders with approvals, when another process has written.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        ledger: Ledger,
        folders: list[str],
        news: Callable[[], Mapping[str, object]],
        wishes: Callable[[list[str]], None],
        clock: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._folders = folders
        self._news = news
        self._wishes = wishes
        self._clock = clock
        self._tell_at = clock()
        self._unread = False
        self._counted_at: tuple[int, int] | None = None
        #: How many files are in which state, in one line.
        self.counts = ""

    def step(self) -> float:
        """Look, and tell if it is time; returns seconds until the next look."""
        self._unread = self._ledger.touched() or self._unread
        if self._unread:
            self._wishes(self._ledger.folders_with_approvals())
            self._unread = False
        if self._clock() >= self._tell_at:
            self._count()
            self._ledger.publish("service", json.dumps(self._news()))
            self._tell_at = self._clock() + _TELL
        return _LOOK

    def _count(self) -> None:
        """Count all rows, which takes its time, unless nothing was written since."""
        revision = self._ledger.revision()
        if revision == self._counted_at:
            return
        self._counted_at = revision
        counts = [self._ledger.counts(name) for name in self._folders]
        self.counts = ", ".join(
            f"{sum(count[state] for count in counts)} {state.value}"
            for state in (State.COMPLETED, State.PENDING, State.INDEXING, State.FAILED)
        )
