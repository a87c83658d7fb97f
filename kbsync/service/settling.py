"""PURE: what a scan met that is still being written, and is left for a little later."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from kbsync.model import Put
from kbsync.plan import CAME_BACK, FolderPlan


def is_fresh(mtime: float, settle: float, now: float) -> bool:
    """Whether a file was written to less than `settle` seconds ago; one of the future was not."""
    return 0 <= now - mtime < settle


def parted(
    plan: FolderPlan, asked: Collection[str], settle: float, now: float
) -> tuple[FolderPlan, list[str]]:
    """The plan without the files that are still being written, and their paths.

    `asked` are files that were looked at because they have settled, or waited for too long. One
    that came back is not left, because its document is about to go. `now` is in epoch seconds.
    """
    fresh = {
        change.seen.key.path
        for change in plan.changes
        if isinstance(change, Put)
        and change.reason != CAME_BACK
        and change.seen.key.path not in asked
        and is_fresh(change.seen.stamp.mtime_ns / 1e9, settle, now)
    }
    if not fresh:
        return plan, []
    changes = tuple(
        change
        for change in plan.changes
        if not (isinstance(change, Put) and change.seen.key.path in fresh)
    )
    return replace(plan, changes=changes), sorted(fresh)
