"""What a scan met that is still being written."""

from __future__ import annotations

import pytest

from kbsync.model import Drop, Key, Put, Seen, Stamp
from kbsync.plan import CAME_BACK, FolderPlan
from kbsync.service.settling import is_fresh, parted


@pytest.mark.parametrize(
    ("mtime", "fresh"),
    [(100.0, True), (98.1, True), (98.0, False), (0.0, False), (100.1, False), (9e9, False)],
)
def test_freshness(mtime: float, fresh: bool) -> None:
    """Two seconds, and a time to come, as of another machine's clock, is never fresh."""
    assert is_fresh(mtime, 2.0, 100.0) is fresh


def put(path: str, mtime: float, reason: str = "new") -> Put:
    return Put(Seen(Key("docs", path), Stamp(1, int(mtime * 1e9), 0, 1, 1)), reason)


def test_only_fresh_files_are_left() -> None:
    """What was asked for, what came back, and what is no upload stays in the plan."""
    changes = (
        put("old.md", 50.0),
        put("fresh.md", 99.0),
        put("asked.md", 99.0),
        put("back.md", 99.0, CAME_BACK),
        Drop(Key("docs", "gone.md"), "gone"),
    )
    plan = FolderPlan(changes, (), 0)
    left, fresh = parted(plan, ["asked.md"], 2.0, 100.0)
    assert fresh == ["fresh.md"]
    assert left.changes == (changes[0], *changes[2:])
    assert parted(plan, ["asked.md", "fresh.md"], 2.0, 100.0) == (plan, [])
