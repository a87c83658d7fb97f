"""Lines of the log that say the same again and again: a few are shown, the rest is counted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from structlog import DropEvent
from structlog.typing import EventDict

#: The fields that say: the same will not be shown for a while; and how many were not.
MORE, REPEATED = "more", "repeated"


@dataclass(slots=True)
class _Line:
    """One line: how often it was met since `begun`, in seconds."""

    begun: float
    count: int


class Repeats:
    """A structlog processor that lets equal lines through `most` times in `seconds`.

    The last of them says that more are only counted, and the first after that time how many those
    were. Lines are equal when all of their fields are, so none that tells of a change is lost.

    Args:
        clock: seconds that never go back.
        known: how many different lines are remembered.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        most: int = 5,
        seconds: float = 60.0,
        known: int = 1000,
    ) -> None:
        self._clock = clock
        self._most = most
        self._seconds = seconds
        self._known = known
        self._lock = threading.Lock()
        self._lines: dict[str, _Line] = {}

    def __call__(self, logger: object, method: str, event: EventDict) -> EventDict:  # noqa: ARG002 - structlog calls it
        """The event, perhaps with a count; raises DropEvent for one too many."""
        with self._lock:
            event.update(self._told(f"{method} {sorted(event.items(), key=_name)!r}"))
        return event

    def _told(self, text: str) -> dict[str, object]:
        """What is to be said about this line; raises DropEvent when it is not to be shown."""
        now, line = self._clock(), self._lines.get(text)
        if line is None or now - line.begun >= self._seconds:
            self._lines.pop(text, None)
            self._lines[text] = _Line(now, 1)
            if len(self._lines) > self._known:
                del self._lines[next(iter(self._lines))]
            unseen = 0 if line is None else line.count - self._most
            return {REPEATED: unseen} if unseen > 0 else {}
        line.count += 1
        if line.count > self._most:
            raise DropEvent
        if line.count == self._most:
            return {MORE: f"only counted for {line.begun + self._seconds - now:.0f} s"}
        return {}


def _name(item: tuple[str, Any]) -> str:
    return item[0]
