"""How a tree is watched, by its mounts: not all of them send an event for every change."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from kbsync.mounts import Mount, is_within, mount_of, parse_mountinfo, read_mountinfo

WatchMode = Literal["auto", "native", "poll", "off"]


@dataclass(frozen=True, slots=True)
class WatchPlan:
    """How a tree is watched.

    `polled` are the parts below a natively watched root that are polled, relative to it; `note`
    says what should be known about it. `mounts` is what the plan rests on: another value means
    that watches may have to be set anew.
    """

    mode: Literal["native", "poll", "off"]
    polled: tuple[str, ...] = ()
    note: str | None = None
    mounts: tuple[tuple[str, int], ...] = ()


def plan_watch(root: str, mode: WatchMode, mountinfo: str | None = None) -> WatchPlan:
    """How a folder is to be watched; `root` is absolute, `mountinfo` the table, or the present one.

    A root that lies on a silent file system as it is written is not touched: it could block.
    """
    mounts = parse_mountinfo(read_mountinfo() if mountinfo is None else mountinfo)
    return plan_for(resolved(root, mounts), mode, mounts)


def resolved(root: str, mounts: Sequence[Mount]) -> str:
    """The root without links, as the table of mounts writes it."""
    written = os.path.normpath(root)
    mount = mount_of(written, mounts)
    return written if mount and mount.is_silent else os.path.realpath(root)


def plan_for(root: str, mode: WatchMode, mounts: Sequence[Mount]) -> WatchPlan:
    """PURE: how a folder is to be watched; `root` has no links in it."""
    match mode:
        case "off":
            return WatchPlan("off")
        case "poll":
            return WatchPlan("poll")
        case "native":
            return WatchPlan("native", mounts=_below(root, mounts, ()))
        case "auto":
            return _automatic(root, mounts)
        case _ as never:
            assert_never(never)


def _automatic(root: str, mounts: Sequence[Mount]) -> WatchPlan:
    mount = mount_of(root, mounts)
    if mount is not None and mount.is_silent:
        return WatchPlan("poll", note=f"{mount.point} is {mount.kind}: {_NO_EVENTS}")
    silent = {each.point: each.kind for each in _visible_below(root, mounts) if each.is_silent}
    polled: list[str] = []
    for point in sorted(silent):
        if not any(is_within(point, known) for known in polled):
            polled.append(point)
    notes = [f"{point} is {silent[point]}: {_NO_EVENTS}" for point in polled]
    if mount is not None and mount.kind == "overlay":
        notes.append(f"{mount.point} is overlay: {_LOWER_LAYERS}")
    parts = tuple(_relative(root, point) for point in polled)
    return WatchPlan("native", parts, "; ".join(notes) or None, _below(root, mounts, polled))


_NO_EVENTS = "changes made elsewhere send no events, so it is polled"
_LOWER_LAYERS = "changes made in its lower layers send no events, scheduled scans find them"


def _below(
    root: str, mounts: Sequence[Mount], polled: Sequence[str]
) -> tuple[tuple[str, int], ...]:
    """The mounts that natively set watches rest on, the root's own first."""
    own = mount_of(root, mounts)
    below = [
        (mount.point, mount.id)
        for mount in _visible_below(root, mounts)
        if not any(is_within(mount.point, point) for point in polled)
    ]
    return ((root, own.id if own else 0), *sorted(below), *((point, 0) for point in polled))


def _visible_below(root: str, mounts: Sequence[Mount]) -> list[Mount]:
    return [
        mount
        for mount in mounts
        if mount.point != root
        and is_within(mount.point, root)
        and mount_of(mount.point, mounts) is mount
    ]


def _relative(root: str, point: str) -> str:
    return point.removeprefix(root).lstrip("/")
