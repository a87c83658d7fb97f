"""Folders that somebody wants to be scanned: the schedule, an overflow, a signal, a start."""

from __future__ import annotations

import threading


class Requests:
    """A set of folder names, filled by any thread and emptied by the planner."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: dict[str, str] = {}

    def ask(self, folder: str, reason: str) -> None:
        """Want a whole scan; the first reason is kept."""
        with self._lock:
            self._wanted.setdefault(folder, reason)

    def take(self) -> dict[str, str]:
        """Everything wanted, with its reason; what is asked for from now on comes next time."""
        with self._lock:
            wanted, self._wanted = self._wanted, {}
            return wanted

    def __bool__(self) -> bool:
        with self._lock:
            return bool(self._wanted)
