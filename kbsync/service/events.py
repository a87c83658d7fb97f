"""What the engine tells, as lines of the log."""

from __future__ import annotations

from kbsync.engine import Event, Happened
from kbsync.log import FOLDER, PATH, get_logger

_LEVELS = {
    Happened.FAILED: "warning",
    Happened.UNKNOWN: "warning",
    Happened.HELD: "warning",
    Happened.MENDED: "warning",
    Happened.POSTPONED: "warning",
    Happened.STUCK: "warning",
    Happened.DRIFT: "warning",
    Happened.UNTOLD: "warning",
    Happened.UNCHANGED: "debug",
    Happened.SENT: "debug",
}


def log_event(event: Event) -> None:
    """One line for each change of a file's state."""
    level = _LEVELS.get(event.happened, "info")
    fields = {FOLDER: event.folder} if event.folder else {}
    if event.path:
        fields[PATH] = event.path
    if event.text:
        fields["reason"] = event.text
    getattr(get_logger(), level)(event.happened.value, **fields)
