"""When a document that is being indexed is stuck: values in, a verdict out. No clock, no I/O.

Time is counted in seconds of watching (`Watch.seconds`): they go on only while somebody asks the
server, each pause counted up to a limit, so that neither a step of the clock nor a night without
kbsync makes anything look stuck.
"""

from __future__ import annotations

from dataclasses import dataclass

from kbsync.model import Indexing, Key, Remote

#: Senders work at the same time: so much earlier must a document have been sent to be overtaken.
_EARLIER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Watch:
    """How long documents have been watched, and when, on that count, any of them moved last.

    `front` is the latest time of sending (epoch seconds) among documents that a worker finished.
    """

    seconds: float = 0.0
    moved: float = 0.0
    front: float = 0.0


@dataclass(frozen=True, slots=True)
class Flight:
    """A document on its way to be searchable, as the ledger knows it.

    `mark` is what its progress looked like last and `since` when, on `Watch.seconds`, that began;
    `sent_at` is in epoch seconds; `again` is set when it was made anew because it was stuck, and
    `parked` when that did not help either; `vanished` counts its forerunners that disappeared.
    """

    key: Key
    remote: Remote
    mark: str | None
    since: float
    sent_at: float
    again: bool
    vanished: int
    parked: bool


def mark_of(progress: Indexing) -> str:
    """What has to change for the document to count as moving."""
    return f"{progress.status} {progress.completed_segments}/{progress.total_segments}"


def is_stuck(flight: Flight, progress: Indexing, watch: Watch, timeout: float) -> bool:
    """Whether nothing happens to this document any more.

    One that a worker has begun is stuck when it has been silent for `timeout` seconds. One that
    waits for a worker may wait as long as the queue is: it is stuck when one that was sent later
    is finished, or when nothing at all has moved for as long. One that a person paused is not.
    """
    if progress.status == "paused" or watch.seconds - flight.since < timeout:
        return False
    if progress.status != "waiting":
        return True
    overtaken = flight.sent_at + _EARLIER_SECONDS < watch.front
    return overtaken or watch.seconds - watch.moved >= timeout
