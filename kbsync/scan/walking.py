"""Everything in a folder, as the disk shows it now."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from kbsync.filters import ROOT, Admitted, Excluded, Filters, Standing
from kbsync.model import Problem, Seen, Skipped, Stamp
from kbsync.scan.entering import Blocked, entered, inside
from kbsync.scan.judging import CHANGED, NO_DIRECTORY, Judge, root_problem, stamp_of, why
from kbsync.scan.opening import Descent

_by_name = operator.attrgetter("name")


class Settled:
    """Stamps, by path, of files that need no word while their stamp is the same.

    The walk takes out what it meets; what is left afterwards was not met.
    """

    def __init__(self, stamps: dict[str, Stamp]) -> None:
        self.left = stamps
        self.unchanged = 0


def walk(
    root: str | Path,
    folder: str,
    filters: Filters,
    *,
    max_size: int,
    settled: Settled | None = None,
    below: str = "",
) -> Iterator[Seen | Skipped | Problem]:
    """Every file that is not excluded, each directory's in order of their names.

    What cannot be looked at comes as a Problem, and the walk goes on: all below a directory's
    Problem is unknown, and a root's has the path "". `max_size` is in bytes. Files that are as
    `settled` says are counted there and not told. With `below`, only what is below that directory,
    which may be gone.
    """
    try:
        descent = Descent(root)
    except OSError as error:
        yield root_problem(folder, root, error)
        return
    judge = Judge(folder, filters, max_size)
    settled = settled or Settled({})
    with closing(descent):
        top = _top(descent, filters, folder, below)
        if isinstance(top, Problem):
            yield top
        pending = [(below, top)] if isinstance(top, Standing) else []
        while pending:
            directory, above = pending.pop()
            try:
                descriptor = descent.enter(directory)
                entries = _entries(descriptor)
            except OSError as error:
                yield _unlisted(folder, root, directory, error)
                continue
            names = [entry.name for entry in entries if entry.name in filters.steering]
            standing = entered(filters, above, folder, directory, descriptor, names)
            if isinstance(standing, Problem):
                yield standing
            elif isinstance(standing.verdict, Admitted):
                directories: list[tuple[str, Standing]] = []
                yield from _judged(judge, settled, directory, standing, entries, directories)
                pending.extend(reversed(directories))


def _top(descent: Descent, filters: Filters, folder: str, below: str) -> Standing | Problem | None:
    """How the directory stands that a walk begins at; None when it would not come there."""
    if not below:
        return ROOT
    parent, _, name = below.rpartition("/")
    found = inside(descent, filters, folder, parent)
    if isinstance(found, Blocked):
        gone = isinstance(found.error, FileNotFoundError) or found.error.errno in NO_DIRECTORY
        reason = why(found.error)
        return None if gone else Problem(folder, found.directory, reason, is_directory=True)
    if isinstance(found, Problem) or isinstance(found.verdict, Excluded):
        return None if isinstance(found, Standing) else found
    found = filters.of_directory(below, name, found)
    return None if isinstance(found.verdict, Excluded) or _is_gone(descent, below) else found


def _is_gone(descent: Descent, directory: str) -> bool:
    try:
        descent.enter(directory)
    except OSError as error:
        return isinstance(error, FileNotFoundError) or error.errno in NO_DIRECTORY
    return False


def _entries(descriptor: int) -> list[os.DirEntry[str]]:
    with os.scandir(descriptor) as entries:
        return sorted(entries, key=_by_name)


def _unlisted(folder: str, root: str | Path, directory: str, error: OSError) -> Problem:
    """A directory that could not be listed; one that vanished may only have been moved."""
    if not directory:
        return root_problem(folder, root, error)
    vanished = isinstance(error, FileNotFoundError) or error.errno in NO_DIRECTORY
    return Problem(folder, directory, CHANGED if vanished else why(error), is_directory=True)


def _judged(
    judge: Judge,
    settled: Settled,
    directory: str,
    standing: Standing,
    entries: list[os.DirEntry[str]],
    directories: list[tuple[str, Standing]],
) -> Iterator[Seen | Skipped | Problem]:
    """Judge a directory's entries, and collect its directories that are to be visited."""
    prefix = f"{directory}/" if directory else ""
    filters, take = judge.filters, settled.left.pop
    of_file, lowest, highest = filters.of_file, filters.min_size, judge.max_size
    for entry in entries:
        name = entry.name
        path = prefix + name
        try:
            if entry.is_dir(follow_symlinks=False):
                below = filters.of_directory(path, name, standing)
                if type(below.verdict) is Admitted:
                    directories.append((path, below))
                continue
            verdict = of_file(path, name, standing)
            if isinstance(verdict, Excluded):
                continue
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        except OSError as error:
            yield Problem(judge.folder, path, why(error))
            continue
        stamp = take(path, None)
        # The same inode with the same change time is the regular file that it was.
        size = status.st_size
        fits = lowest <= size and (size <= highest or size <= judge.largest(path))
        if fits and type(verdict) is Admitted and stamp == stamp_of(status):
            settled.unchanged += 1
            continue
        yield judge.judge(path, verdict, status)
