"""When a document that is being indexed counts as stuck."""

from __future__ import annotations

import pytest

from kbsync.model import Indexing, Key, Remote
from kbsync.stuck import Flight, Watch, is_stuck

TIMEOUT = 1800.0


@pytest.mark.parametrize(
    ("status", "silent", "others_silent", "front", "stuck"),
    [
        ("indexing", 1799, 0, 0, False),
        ("indexing", 1800, 0, 0, True),
        ("splitting", 1800, 5000, 0, True),
        ("waiting", 5000, 10, 900, False),  # a long queue that moves
        ("waiting", 5000, 10, 1050, False),  # senders work at the same time
        ("waiting", 5000, 10, 1100, True),  # overtaken: its message was lost
        ("waiting", 1799, 10, 1100, False),
        ("waiting", 5000, 1800, 900, True),  # nothing moves at all
        ("waiting", 1000, 1800, 900, False),
        ("paused", 9999, 9999, 9999, False),  # by a person
    ],
)
def test_verdicts(
    status: str, silent: float, others_silent: float, front: float, stuck: bool
) -> None:
    """A begun document is stuck by its own silence, a waiting one not while the queue moves."""
    watch = Watch(10_000.0, 10_000.0 - others_silent, front)
    flight = Flight(
        Key("docs", "a.md"),
        Remote("d", "doc", "name"),
        "mark",
        10_000.0 - silent,
        sent_at=1000.0,
        vanished=0,
        again=False,
        parked=False,
    )
    assert is_stuck(flight, Indexing(status), watch, TIMEOUT) is stuck
