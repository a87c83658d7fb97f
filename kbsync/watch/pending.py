"""PURE: the marks of one folder that wait, collapsed so that no burst can fill the memory."""

from __future__ import annotations

from dataclasses import dataclass

#: More marks than this of one directory become one of the directory, of a folder one of all of it.
MOST_OF_DIRECTORY = 128
MOST_OF_FOLDER = 512


@dataclass(slots=True)
class Entry:
    """One waiting mark: when it was first made and last repeated, in seconds."""

    deep: bool
    first: float
    last: float


class Pending:
    """What is marked in one folder; `settle` and `max_delay` in seconds."""

    def __init__(self, settle: float, max_delay: float) -> None:
        self.settle = settle
        self.max_delay = max_delay
        self.entries: dict[str, Entry] = {}
        self._deep: dict[str, Entry] = {}
        self._count_of: dict[str, int] = {}

    def mark(self, path: str, deep: bool, now: float) -> bool:
        """Add a mark, or restart the quiet time of the one that covers it; returns if it is new."""
        covering = self._covering(path)
        if covering is None and not deep:
            covering = self.entries.get(path)
        if covering is not None:
            covering.last = now
            return False
        self._add(path, deep, now)
        parent = _parent(path)
        if parent is not None and self._count_of[parent] > MOST_OF_DIRECTORY:
            self._add(parent, True, now)
        if len(self.entries) > MOST_OF_FOLDER:
            self._add("", True, now)
        return True

    def remove(self, path: str) -> None:
        """Forget the mark of exactly this path."""
        del self.entries[path]
        self._deep.pop(path, None)
        parent = _parent(path)
        if parent is not None:
            self._count_of[parent] -= 1
            if not self._count_of[parent]:
                del self._count_of[parent]

    def due(self, entry: Entry) -> float:
        """When a mark can be taken: it has been quiet long enough, or has waited too long."""
        return min(entry.last + self.settle, self.overdue(entry))

    def overdue(self, entry: Entry) -> float:
        """When a mark is taken however restless it is."""
        return entry.first + self.max_delay

    def _add(self, path: str, deep: bool, now: float) -> None:
        entry = Entry(deep, self._swallow(path, now) if deep else now, now)
        self.entries[path] = entry
        if deep:
            self._deep[path] = entry
        parent = _parent(path)
        if parent is not None:
            self._count_of[parent] = self._count_of.get(parent, 0) + 1

    def _swallow(self, path: str, now: float) -> float:
        """Remove what a deep mark covers; returns when the oldest of it was first made."""
        prefix = f"{path}/" if path else ""
        covered = [known for known in self.entries if known == path or known.startswith(prefix)]
        first = min([self.entries[known].first for known in covered], default=now)
        for known in covered:
            self.remove(known)
        return first

    def _covering(self, path: str) -> Entry | None:
        """The deep mark at or above this path."""
        if not self._deep:
            return None
        above: str | None = path
        while above is not None:
            if (entry := self._deep.get(above)) is not None:
                return entry
            above = _parent(above)
        return None


def _parent(path: str) -> str | None:
    """The directory of a path; "" has none."""
    return path.rpartition("/")[0] if path else None
