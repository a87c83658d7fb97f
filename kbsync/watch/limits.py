"""The kernel's limits on watching, in words for whoever can raise them."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection
from pathlib import Path

from kbsync.filters import Excluded, Filters

_SYSCTL = Path("/proc/sys")
_WATCHES = ("fs.inotify.max_user_watches", "user.max_inotify_watches")
_INSTANCES = ("fs.inotify.max_user_instances", "user.max_inotify_instances")


def is_limit(error: OSError) -> bool:
    """Whether a limit was met, rather than something wrong with the folder."""
    return error.errno in {errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSYS}


def limits(proc: Path = _SYSCTL) -> tuple[int | None, int | None]:
    """How many watches and how many instances a user may have."""
    return _lowest(_WATCHES, proc)[1], _lowest(_INSTANCES, proc)[1]


def explained(error: OSError, needed: int, proc: Path = _SYSCTL) -> str:
    """Why watching is impossible and what to do; `needed` is how many watches it takes."""
    if error.errno == errno.ENOSPC:
        name, limit = _lowest(_WATCHES, proc)
        return (
            f"watching needs {needed:,} inotify watches, one for each directory; the limit is "
            f"{_told(limit)} for all programs of a user ({name}). {_raise(name, needed, limit)}"
        )
    if error.errno == errno.EMFILE:
        name, limit = _lowest(_INSTANCES, proc)
        return (
            f"no inotify instance is free; the limit is {_told(limit)} for all programs of a user "
            f"({name}). {_raise(name, 1, limit)}. Or the limit of open files (LimitNOFILE) is met"
        )
    return f"the system refuses to watch: {error.strerror or error}"


def count_directories(root: str, filters: Filters, skipped: Collection[str]) -> int:
    """How many directories are to be watched, the root included and what is `skipped` not."""
    total, pending = 0, [""]
    while pending:
        path = pending.pop()
        total += 1
        pending.extend(each for each in _wanted(root, path, filters) if each not in skipped)
    return total


def _wanted(root: str, path: str, filters: Filters) -> list[str]:
    prefix = f"{path}/" if path else ""
    try:
        with os.scandir(f"{root}/{path}") as entries:
            return [
                prefix + entry.name
                for entry in entries
                if entry.is_dir(follow_symlinks=False)
                and not isinstance(filters.admits(prefix + entry.name, True), Excluded)
            ]
    except OSError:
        return []  # it needs no watch, as it cannot have one


def _lowest(names: tuple[str, ...], proc: Path) -> tuple[str, int | None]:
    """The lowest of the limits that apply; a container has its own beside the machine's."""
    known = [(value, name) for name in names if (value := _value(name, proc)) is not None]
    if not known:
        return names[0], None
    lowest = min(value for value, _ in known)
    return next((name, value) for value, name in known if value == lowest)


def _value(name: str, proc: Path) -> int | None:
    try:
        return int((proc / name.replace(".", "/")).read_text())
    except (OSError, ValueError):
        return None


def _raise(name: str, needed: int, limit: int | None) -> str:
    enough = 2 * max(needed, limit or 0)
    return f"Raise it: sysctl -w {name}={1 << (enough - 1).bit_length()}, and in /etc/sysctl.d/"


def _told(limit: int | None) -> str:
    return "unknown" if limit is None else f"{limit:,}"
