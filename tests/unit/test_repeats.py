"""Lines of the log that repeat: a few are shown, the rest is counted."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
from structlog import DropEvent

from kbsync import log
from kbsync.repeats import Repeats


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Log:
    """What is shown of the lines that are logged, each with the fields that were added."""

    def __init__(self, **settings: int) -> None:
        self.clock = Clock()
        self.repeats = Repeats(self.clock, **settings)
        self.shown: list[dict[str, object]] = []

    def add(self, event: str, times: int = 1, method: str = "warning", **fields: object) -> None:
        for _ in range(times):
            try:
                self.shown.append(dict(self.repeats(None, method, {"event": event, **fields})))
            except DropEvent:
                continue


def test_equal_lines_are_counted() -> None:
    """Five are shown, the fifth says so, and the first after a minute tells how many were not."""
    log = Log()
    log.add("disk full", times=3)
    log.clock.now += 10
    log.add("disk full", times=30)
    assert [line.get("more") for line in log.shown] == [None] * 4 + ["only counted for 50 s"]
    log.clock.now += 50
    log.add("disk full")
    assert log.shown[5:] == [{"event": "disk full", "repeated": 28}]
    log.add("disk full", times=3)
    assert log.shown[6:] == [{"event": "disk full"}] * 3


def test_what_is_told_seldom_is_always_shown() -> None:
    """Fewer than the limit in each minute, for hours, are shown as they are."""
    log = Log()
    for _ in range(600):
        log.add("scanned", folder="docs")
        log.clock.now += 20
    assert log.shown == [{"event": "scanned", "folder": "docs"}] * 600


def test_a_change_is_no_repetition() -> None:
    """Lines that differ in any field, or in their level, are all shown."""
    log = Log()
    for number in range(5000):
        log.add("failed", folder="docs", path=f"{number}.md")
    for method in ("info", "error"):
        log.add("failed", times=4, method=method, folder="docs", path="0.md")
    assert len(log.shown) == 5008


def test_memory_is_bounded() -> None:
    """Only so many lines are remembered: the oldest is shown again."""
    log = Log(known=10)
    log.add("first", times=9)
    for number in range(10):
        log.add(f"another {number}")
    log.add("first", times=9)
    assert sum(line["event"] == "first" for line in log.shown) == 10


@pytest.fixture
def _own_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("_own_logging")
def test_the_log_collapses() -> None:
    """As it is set up, the log shows five equal lines of a hundred."""
    stream = io.StringIO()
    log.setup("info", "text", stream)
    for _ in range(100):
        log.get_logger().warning("cannot work", thread="planner")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 5
    assert 'more="only counted for' in lines[-1]
