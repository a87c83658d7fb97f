"""Which parts of a tree send events for every change: read from the kernel's table of mounts."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, assert_never

WatchMode = Literal["auto", "native", "poll", "off"]

# Changes made by another machine, the host or a program behind FUSE send no events here. autofs
# only waits for what is mounted on it, and then that is found instead.
_SILENT = re.compile(
    r"nfs\d*|cifs|smb.*|ncpfs|9p|fuse|fuse\..+|virtiofs|vboxsf|vmhgfs|prl_fs|drvfs|wsl.*"
    r"|afs|ceph|glusterfs|lustre|gpfs|beegfs|orangefs|pvfs2|coda|ocfs2|gfs2?|davfs|autofs"
)
_OCTAL = re.compile(r"\\([0-7]{3})")
_MOUNTINFO = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the table; `point` is where it is mounted, `kind` the file system's type."""

    id: int
    parent: int
    point: str
    kind: str


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


def read_mountinfo() -> str:
    """The table of mounts as this process sees it; empty where there is none."""
    try:
        return os.fsdecode(_MOUNTINFO.read_bytes())
    except OSError:
        return ""


def parse_mountinfo(text: str) -> list[Mount]:
    """The mounts in a table as proc(5) describes it; a line of another form is passed over."""
    return [mount for line in text.split("\n") if (mount := _parsed(line)) is not None]


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
    return written if mount and is_silent(mount.kind) else os.path.realpath(root)


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


def mount_of(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """The mount on which a path lies, found as the kernel does: from the top, mount by mount."""
    ids = {mount.id for mount in mounts}
    tops = [mount for mount in mounts if mount.parent not in ids or mount.parent == mount.id]
    here = next((mount for mount in tops if _is_within(path, mount.point)), None)
    while here is not None:
        on_it = [
            mount
            for mount in reversed(mounts)
            if mount.parent == here.id and mount is not here and _is_within(path, mount.point)
        ]
        if not on_it:
            break
        here = min(on_it, key=lambda mount: len(mount.point))
    return here


def is_silent(kind: str) -> bool:
    """Whether a type of file system sends no events for changes that are made elsewhere."""
    return _SILENT.fullmatch(kind) is not None


def _automatic(root: str, mounts: Sequence[Mount]) -> WatchPlan:
    mount = mount_of(root, mounts)
    if mount is not None and is_silent(mount.kind):
        return WatchPlan("poll", note=f"{mount.point} is {mount.kind}: {_NO_EVENTS}")
    silent = {below.point: below.kind for below in _visible_below(root, mounts)}
    points = sorted(point for point, kind in silent.items() if is_silent(kind))
    polled: list[str] = []
    for point in points:
        if not any(_is_within(point, known) for known in polled):
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
        if not any(_is_within(mount.point, point) for point in polled)
    ]
    return ((root, own.id if own else 0), *sorted(below), *((point, 0) for point in polled))


def _visible_below(root: str, mounts: Sequence[Mount]) -> list[Mount]:
    return [
        mount
        for mount in mounts
        if mount.point != root
        and _is_within(mount.point, root)
        and mount_of(mount.point, mounts) is mount
    ]


def _is_within(path: str, directory: str) -> bool:
    return directory in {"/", path} or path.startswith(f"{directory}/")


def _relative(root: str, point: str) -> str:
    return point.removeprefix(root).lstrip("/")


def _parsed(line: str) -> Mount | None:
    fields = line.split(" ")
    try:
        kind = fields[fields.index("-", 6) + 1]
        return Mount(int(fields[0]), int(fields[1]), _unescaped(fields[4]), _unescaped(kind))
    except (ValueError, IndexError):
        return None


def _unescaped(field: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), field)
