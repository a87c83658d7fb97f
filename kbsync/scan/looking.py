"""One path, or the root, as the disk shows it now."""

from __future__ import annotations

import os
import stat
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from kbsync.filters import Admitted, Excluded, Filters, Unsupported
from kbsync.model import Key, Problem, Seen, Skipped
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
    verdict = filters.admits(key.path)
    if isinstance(verdict, Excluded):
        return None
    if not is_below(key.path):
        return None
    try:
        descent = Descent(root)
    except OSError as error:
        return root_problem(key.folder, root, error)
    with closing(descent):
        return _below(descent, Judge(key.folder, filters, max_size), key, verdict)


def _below(
    descent: Descent, judge: Judge, key: Key, verdict: Admitted | Unsupported
) -> Seen | Skipped | Problem | None:
    *directories, name = key.path.split("/")
    here = ""
    try:
        directory = descent.enter("")
        for here in accumulate(directories, "{}/{}".format):
            directory = descent.enter(here)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in NO_DIRECTORY:
            return _in_the_way(descent, key, here)
        return Problem(key.folder, here, why(error), is_directory=True)
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Problem(*key, why(error))
    return None if stat.S_ISDIR(status.st_mode) else judge.judge(key.path, verdict, status)


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
