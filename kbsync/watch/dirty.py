"""Marks from any thread, handed on when they have settled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kbsync.watch.marks import Mark
from kbsync.watch.pending import Entry, Pending

_SETTLE, _MAX_DELAY = 2.0, 60.0


def always(mark: Mark) -> bool:  # noqa: ARG001 - one of the forms that `quiet` can take
    """Every mark is quiet when nothing has marked it for a while."""
    return True


class Dirty:
    """A thread-safe collector of marks; `clock` gives seconds and never goes back."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._folders: dict[str, Pending] = {}

    def configure(self, folder: str, settle: float, max_delay: float) -> None:
        """How long a folder's marks must be quiet, and wait at most; in seconds."""
        with self._lock:
            pending = self._pending(folder)
            pending.settle, pending.max_delay = settle, max_delay

    def mark(self, mark: Mark) -> bool:
        """Remember a mark, and restart its quiet time.

        Returns whether nothing else of its folder waits: else it is due no earlier than that.
        """
        now = self._clock()
        with self._lock:
            pending = self._pending(mark.folder)
            is_first = not pending.entries
            pending.mark(mark.path, mark.deep or not mark.path, now)
            return is_first

    def take(self, *, quiet: Callable[[Mark], bool] = always) -> list[Mark]:
        """Remove and return what has settled, or waits for longer than `max_delay`.

        What has settled is asked of `quiet`, without a lock: a mark that is not goes on waiting.
        """
        settled = self._settled()
        verdicts = [overdue or quiet(mark) for mark, _, _, overdue in settled]
        taken = []
        with self._lock:
            for (mark, entry, last, overdue), is_quiet in zip(settled, verdicts, strict=True):
                pending = self._folders[mark.folder]
                if pending.entries.get(mark.path) is not entry:
                    continue  # swallowed meanwhile by a deep mark, which waits
                if not is_quiet:
                    entry.last = self._clock()
                elif overdue or entry.last == last:
                    pending.remove(mark.path)
                    taken.append(mark)
        return taken

    def next_due(self) -> float | None:
        """Seconds until something can be taken; None when nothing is marked."""
        with self._lock:
            dues = [
                pending.due(entry)
                for pending in self._folders.values()
                for entry in pending.entries.values()
            ]
        return max(0.0, min(dues) - self._clock()) if dues else None

    def oldest(self) -> float | None:
        """Seconds since the oldest mark was first made; None when nothing is marked."""
        with self._lock:
            firsts = [
                entry.first for each in self._folders.values() for entry in each.entries.values()
            ]
            return max(0.0, self._clock() - min(firsts)) if firsts else None

    def _pending(self, folder: str) -> Pending:
        pending = self._folders.get(folder)
        if pending is None:
            pending = self._folders[folder] = Pending(_SETTLE, _MAX_DELAY)
        return pending

    def _settled(self) -> list[tuple[Mark, Entry, float, bool]]:
        """What is due, with the time it was last marked and whether it has waited too long."""
        with self._lock:
            now = self._clock()
            return [
                (Mark(folder, path, entry.deep), entry, entry.last, pending.overdue(entry) <= now)
                for folder, pending in self._folders.items()
                for path, entry in pending.entries.items()
                if pending.due(entry) <= now
            ]
