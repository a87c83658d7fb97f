"""One path, or the root, as the disk shows it now."""

from __future__ import annotations

import os
import stat
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from kbsync.filters import Admitted, Excluded, Filters, Standing, Verdict
from kbsync.model import Key, Problem, Seen, Skipped
from kbsync.scan.entering import Blocked, inside
from kbsync.scan.judging import CHANGED, LINK, NO_DIRECTORY, Judge, root_problem, stamp_of, why
from kbsync.scan.opening import Descent, is_below, opened


class RootIdentity(NamedTuple):
    """Which directory a root is; another device than last time may be a missing mount."""

    device: int
    inode: int


def identify(root: str | Path) -> RootIdentity | Problem:
    """Which directory the root is now; the Problem's folder is "", as no folder is asked about."""
    try:
        with opened(root) as descriptor:
            status = os.fstat(descriptor)
    except OSError as error:
        return root_problem("", root, error)
    return RootIdentity(status.st_dev, status.st_ino)


def look(
    root: str | Path, key: Key, filters: Filters, *, max_size: int
) -> Seen | Skipped | Problem | None:
    """One file as `walk` would show it; None when there is none, or when it is excluded.

    A Problem may be that of a directory above it, or of the root.
    """
    if isinstance(filters.admits(key.path), Excluded) or not is_below(key.path):
        return None
    try:
        descent = Descent(root)
    except OSError as error:
        return root_problem(key.folder, root, error)
    with closing(descent):
        return _below(descent, Judge(key.folder, filters, max_size), key)


def _below(descent: Descent, judge: Judge, key: Key) -> Seen | Skipped | Problem | None:
    parent, _, name = key.path.rpartition("/")
    found = inside(descent, judge.filters, key.folder, parent)
    if isinstance(found, Blocked):
        return _blocked(descent, key, found)
    if isinstance(found, Problem):
        return found
    is_visited = isinstance(found.verdict, Admitted)
    verdict = judge.filters.of_file(key.path, name, found) if is_visited else found.verdict
    if isinstance(verdict, Excluded):
        return None
    try:
        status = os.stat(name, dir_fd=descent.enter(parent), follow_symlinks=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Problem(*key, why(error))
    return None if stat.S_ISDIR(status.st_mode) else judge.judge(key.path, verdict, status)


def _blocked(descent: Descent, key: Key, found: Blocked) -> Skipped | Problem | None:
    if isinstance(found.error, FileNotFoundError):
        return None
    if found.error.errno in NO_DIRECTORY:
        return _in_the_way(descent, key, found.directory)
    return Problem(key.folder, found.directory, why(found.error), is_directory=True)


def _in_the_way(descent: Descent, key: Key, here: str) -> Skipped | Problem | None:
    """What is where a directory was expected: nothing can be below a file, or behind a link."""
    parent, _, name = here.rpartition("/")
    try:
        status = os.stat(name, dir_fd=descent.enter(parent), follow_symlinks=False)
    except OSError:
        return Problem(key.folder, here, CHANGED, is_directory=True)
    if stat.S_ISDIR(status.st_mode):
        return Problem(key.folder, here, CHANGED, is_directory=True)
    if stat.S_ISLNK(status.st_mode):
        return Skipped(key, stamp_of(status), f"below {here}, {LINK}")
    return None


def decide(root: str | Path, key: Key, filters: Filters) -> Verdict | Problem:
    """What is decided about a path and by which rule, whether or not there is anything.

    Of a directory: whether it is visited. Links on the way are not followed, so nothing behind one
    has a say.
    """
    try:
        descent = Descent(root)
    except OSError:
        return filters.admits(key.path)
    with closing(descent):
        return _decided(descent, key, filters)


def _decided(descent: Descent, key: Key, filters: Filters) -> Verdict | Problem:
    parent, _, name = key.path.rpartition("/")
    found = inside(descent, filters, key.folder, parent)
    if isinstance(found, Blocked):
        found = _further(found, filters, parent)
    if isinstance(found, Problem) or isinstance(found.verdict, Excluded):
        return found if isinstance(found, Problem) else found.verdict
    if not _is_directory(descent, parent, name):
        return filters.of_file(key.path, name, found)
    whole = inside(descent, filters, key.folder, key.path)
    if isinstance(whole, Blocked):
        return Problem(key.folder, whole.directory, why(whole.error), is_directory=True)
    return whole if isinstance(whole, Problem) else whole.verdict


def _is_directory(descent: Descent, parent: str, name: str) -> bool:
    try:
        status = os.stat(name, dir_fd=descent.enter(parent), follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode)


def _further(found: Blocked, filters: Filters, parent: str) -> Standing:
    """How a directory would stand that is not there."""
    standing, end = found.standing, max(0, len(found.directory.rpartition("/")[0]))
    while end < len(parent) and isinstance(standing.verdict, Admitted):
        end = parent.find("/", end + 1)
        end = len(parent) if end < 0 else end
        here = parent[:end]
        standing = filters.of_directory(here, here.rpartition("/")[2], standing)
    return standing
