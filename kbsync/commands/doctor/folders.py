"""The folders on disk, and the watches they need."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

from kbsync.commands.doctor.denials import guards_of, hidden, is_permitted, letting_in, remedy_for
from kbsync.commands.doctor.findings import (
    Finding,
    fail,
    ok,
    size,
    skip,
    warn,
)
from kbsync.commands.doctor.ledger import mounts_of
from kbsync.commands.doctor.machine import text, user
from kbsync.config import FolderSettings
from kbsync.filters import IGNORE_FILE
from kbsync.formats import CONVERTIBLE
from kbsync.log import printable
from kbsync.model import SERVER_TYPES, Problem, Seen, Skipped
from kbsync.mounts import mount_of

#: What a Dify server takes unless its UPLOAD_FILE_SIZE_LIMIT says otherwise.
SERVER_LIMIT = 15 * 2**20

_MANY_WATCHES = 0.8


@dataclass(slots=True)
class Walk:
    """What a walk through a folder counted; `unread` is what could not be read, and why."""

    admitted: int = 0
    skipped: int = 0
    directories: int = 0
    more_directories: bool = False
    unread: list[tuple[str, str]] = field(default_factory=list)
    idle_patterns: tuple[str, ...] = ()
    stopped_after: float | None = None


def folder_root(folder: FolderSettings) -> Finding:
    """Whether the root is a directory that this user may enter and list."""
    path, name = folder.path, folder.name
    blocked = next((above for above in reversed(path.parents) if _closed(above, os.X_OK)), None)
    if blocked is not None or _closed(path, os.R_OK | os.X_OK):
        shut = blocked or path
        found = f"user {user()} may not {'enter' if blocked else 'read'} the directory {shut}"
        rights = "x" if blocked else "rX"
        permitted, guards = is_permitted(shut), guards_of(shut)
        remedy = remedy_for(shut, path, rights, permitted=permitted, guards=guards)
        return fail("root", name, found, remedy)
    if not path.exists():
        found = f"there is no {path}" if not path.is_symlink() else f"{path} is a broken link"
        remedy = hidden(path, guards_of(path)) or (
            f"mount it or make it, or correct `path` of the folder {name!r}"
        )
        return fail("root", name, f"{found}; nothing is deleted meanwhile", remedy)
    if not path.is_dir():
        remedy = f"set `path` of the folder {name!r} to a directory"
        return fail("root", name, f"{path} is not a directory", remedy)
    real = os.path.realpath(path)
    link = "" if real == str(path) else f", which leads to {real},"
    who = " (by root; --user NAME looks as the user of a service)" if os.geteuid() == 0 else ""
    return ok("root", name, f"{path}{link} can be read{who}")


def folder_mount(folder: FolderSettings, mountinfo: str | None = None) -> Finding:
    """Whether changes are seen as they happen; `mountinfo` is the table, or the present one."""
    from kbsync.watch.modes import plan_for, resolved

    mounts = mounts_of(mountinfo)
    root = resolved(str(folder.path), mounts)
    mount, plan = mount_of(root, mounts), plan_for(root, "auto", mounts)
    if mount is None:
        return skip("mount", folder.name, "there is no table of mounts")
    found = f"{mount.kind} ({mount.point}): changes are seen as they happen"
    if plan.mode == "native" and not plan.polled:
        return ok("mount", folder.name, found)
    silent = plan.note or ""
    if folder.watch == "native":
        remedy = f'set watch = "poll" or "auto" for the folder {folder.name!r}'
        return warn("mount", folder.name, silent.replace(", so it is polled", ""), remedy)
    return ok("mount", folder.name, silent if plan.mode == "poll" else f"{found}; {silent}")


def folder_limit(folder: FolderSettings, learnt: int | None) -> Finding:
    """Whether max_size is what the server takes, in bytes; by default where it was not learnt."""
    limit = SERVER_LIMIT if learnt is None else learnt
    found = f"max_size is {size(folder.max_size)}"
    takes = f"this server takes {size(limit)}"
    if folder.max_size > limit:
        usual = f"a Dify server takes {size(limit)} unless it is told otherwise"
        return warn(
            "size limit",
            folder.name,
            f"{found}, but {usual if learnt is None else takes}",
            "raise UPLOAD_FILE_SIZE_LIMIT (and nginx's client_max_body_size) on the server,"
            f' or set max_size = "{limit // 2**20}MiB" for the folder {folder.name!r}',
        )
    if learnt is None or folder.max_size == limit:
        return ok("size limit", folder.name, found)
    return ok("size limit", folder.name, f"{found}; {takes}, so it could be raised")


def folder_conversion(folder: FolderSettings) -> Finding:
    """Whether all that the folder wants converted can be."""
    from kbsync.convert.recognition import is_there
    from kbsync.convert.registry import ready

    missing = sorted(folder.convert - ready(folder.convert))
    if folder.ocr and not is_there():
        return warn(
            "conversion",
            folder.name,
            f'ocr = "{folder.ocr}", but there is no ocrmypdf: scanned PDF files are skipped',
            f"install ocrmypdf, or take `ocr` out of the folder {folder.name!r}",
        )
    if not missing and not folder.convert:
        return ok("conversion", folder.name, f"scanned PDF files are read as {folder.ocr!r}")
    if not missing:
        return ok("conversion", folder.name, f"{len(folder.convert)} types are converted")
    return warn(
        "conversion",
        folder.name,
        f"{', '.join(missing)} cannot be converted: packages are missing",
        'pip install "kbsync[convert]", or take them out of `convert`'
        f" of the folder {folder.name!r}",
    )


def walked(folder: FolderSettings, seconds: float) -> Walk:
    """Walk a folder as a run would, for at most about this time; raises ConfigError."""
    from kbsync import scan
    from kbsync.assembly import folder_of

    made, until, walk = folder_of(folder), time.monotonic() + seconds, Walk()
    idle = _Idle(folder.include)
    for item in scan.walk(made.root, made.name, made.filters, max_size=made.max_size):
        _count(walk, made.root, item)
        if isinstance(item, Seen):
            idle.saw(item.key.path)
        if time.monotonic() > until:
            walk.stopped_after = seconds
            break
    walk.idle_patterns = () if walk.stopped_after else idle.patterns
    walk.directories, walk.more_directories = _directories(made.root, seconds)
    return walk


def _count(walk: Walk, root: str, item: Seen | Skipped | Problem) -> None:
    match item:
        case Seen() if os.access(os.path.join(root, item.key.path), os.R_OK):  # noqa: PTH118 - fast
            walk.admitted += 1
        case Seen():
            walk.unread.append((item.key.path, f"permission denied for user {user()}"))
        case Skipped():
            walk.skipped += 1
        case Problem():
            walk.unread.append((item.path, item.reason))
        case _:
            assert_never(item)


class _Idle:
    """The include patterns that have not admitted any file yet."""

    def __init__(self, include: Iterable[str]) -> None:
        from kbsync.filters import Filters

        self._waiting = {
            pattern: Filters((pattern,), (), SERVER_TYPES | CONVERTIBLE)
            for pattern in include
            if not pattern.startswith("!")
        }

    @property
    def patterns(self) -> tuple[str, ...]:
        return tuple(self._waiting)

    def saw(self, path: str) -> None:
        from kbsync.filters import Admitted

        matching = [
            pattern
            for pattern, filters in self._waiting.items()
            if isinstance(filters.admits(path), Admitted)
        ]
        for pattern in matching:
            del self._waiting[pattern]


def _directories(root: str, seconds: float) -> tuple[int, bool]:
    """How many directories there are, each of which needs a watch, and whether there are more."""
    until, count = time.monotonic() + seconds, 0
    for _ in os.walk(root):
        count += 1
        if time.monotonic() > until:
            return count, True
    return count, False


def folder_files(folder: FolderSettings, walk: Walk) -> Finding:
    """How many files are to be kept in sync, and which cannot be read."""
    check, name = "files", folder.name
    found = (
        f"{walk.admitted} to keep in sync, {walk.skipped} skipped, {len(walk.unread)} unreadable"
    )
    if walk.stopped_after is not None:
        found += f" (stopped after {walk.stopped_after:g} s; there are more)"
    if walk.unread:
        path, reason = walk.unread[0]
        where = os.path.join(folder.path, path)  # noqa: PTH118 - may not be UTF-8
        remedy = letting_in(folder.path, "rX")
        if IGNORE_FILE in reason:
            remedy = "correct it: nothing in that directory is sent or deleted until then"
        elif "permission" not in reason:
            remedy = "look at that file, and at the disk or mount it is on"
        return warn(check, name, f"{found}; the first is {where}: {reason}", remedy)
    if walk.admitted == 0 and walk.stopped_after is None:
        remedy = "put documents there; `kbsync explain PATH` tells why one of them is not sent"
        return warn(check, name, found, remedy)
    return ok(check, name, found)


def folder_patterns(folder: FolderSettings, walk: Walk) -> Finding:
    """Whether each include pattern admits at least one file."""
    if not folder.include:
        return ok("patterns", folder.name, "every type the server takes is sent")
    if walk.stopped_after is not None:
        return skip("patterns", folder.name, "not all files were looked at")
    if walk.idle_patterns:
        shown = ", ".join(f'"{printable(pattern)}"' for pattern in walk.idle_patterns)
        remedy = f"correct `include` of the folder {folder.name!r}, or leave it if files will come"
        return warn("patterns", folder.name, f"include {shown} admits no file", remedy)
    return ok("patterns", folder.name, "each include pattern admits files")


WALK_CHECKS: Mapping[str, Callable[[FolderSettings, Walk], Finding]] = {
    "files": folder_files,
    "patterns": folder_patterns,
}


def watches(walks: Sequence[Walk], limit: int | None = None) -> Finding:
    """Whether `kbsync run` may watch these directories; `limit` as the kernel says if None."""
    check, subject = "watches", "kbsync run"
    if limit is None:
        allowed = text("/proc/sys/fs/inotify/max_user_watches").strip()
        if not allowed.isdigit():
            return skip(check, subject, "this kernel does not tell max_user_watches")
        limit = int(allowed)
    needed = sum(walk.directories for walk in walks)
    least = "at least " if any(walk.more_directories for walk in walks) else ""
    found = f"needs {least}{needed} of {limit} inotify watches"
    if needed <= limit * _MANY_WATCHES:
        return ok(check, subject, found)
    remedy = (
        f"allow more: echo fs.inotify.max_user_watches={max(524288, needed * 2)}"
        " > /etc/sysctl.d/60-kbsync.conf; sysctl --system"
    )
    return warn(check, subject, found, remedy)


def _closed(path: Path, rights: int) -> bool:
    """True when it is there and this user may not; a path below a closed one counts as missing."""
    return path.is_dir() and not os.access(path, rights)
