"""Everything in a folder, as the disk shows it now."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from kbsync.filters import ROOT, Admitted, Excluded, Filters, Standing, Unsupported
from kbsync.model import Problem, Seen, Skipped
from kbsync.scan.entering import Blocked, entered, inside
from kbsync.scan.judging import CHANGED, NO_DIRECTORY, Judge, root_problem, why
from kbsync.scan.opening import Descent

_by_name = operator.attrgetter("name")

_END = (None, None)

#: The five of a stamp, equal to the Stamp itself.
Numbers = tuple[int, ...]


class Settled:
    """What is known of files, in the order of their paths, as a walk meets them.

    A file that still has the stamp given for it needs no word; one with None needs it in any case.
    """

    def __init__(self, known: Iterable[tuple[str, Numbers | None]] = ()) -> None:
        self.unchanged = 0
        self._known = iter(known)
        self._passed: list[str] = []
        self._path: str | None
        self._stamp: Numbers | None
        self._path, self._stamp = next(self._known, _END)

    def met(self, path: str) -> Numbers | None:
        """The stamp given for a file that is met now; whatever comes before it was not met."""
        while self._path is not None and self._path < path:
            self._pass()
        if self._path != path:
            return None
        stamp = self._stamp
        self._path, self._stamp = next(self._known, _END)
        return stamp

    def left(self) -> list[str]:
        """The paths that were not met, after the walk."""
        while self._path is not None:
            self._pass()
        return self._passed

    def _pass(self) -> None:
        if self._path is not None:
            self._passed.append(self._path)
        self._path, self._stamp = next(self._known, _END)


class _Directory(NamedTuple):
    """A directory that is to be entered, and how the one above it stands to it."""

    path: str
    above: Standing


#: A file's path, what is decided about it, and its status; or why there is none.
_Looked = tuple[str, Admitted | Unsupported, os.stat_result] | Problem


def walk(
    root: str | Path,
    folder: str,
    filters: Filters,
    *,
    max_size: int,
    settled: Settled | None = None,
    below: str = "",
) -> Iterator[Seen | Skipped | Problem]:
    """Every file that is not excluded, in the order of their paths.

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
    settled = settled or Settled()
    with closing(descent):
        top = _top(descent, filters, folder, below)
        if isinstance(top, Problem):
            yield top
        pending: list[_Directory | list[_Looked]] = []
        if isinstance(top, Standing):
            pending.append(_Directory(below, top))
        while pending:
            step = pending.pop()
            if isinstance(step, list):
                yield from _judged(judge, settled, step, pending)
                continue
            directory, above = step
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
                steps = _steps(judge, directory, standing, entries)
                yield from _judged(judge, settled, steps, pending)


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
    """A directory's entries, in the order of the paths that they stand for or that begin so."""
    with os.scandir(descriptor) as listed:
        entries = sorted(listed, key=_by_name)
    if any(map(_is_directory, entries)):
        entries.sort(key=lambda entry: entry.name + "/" * _is_directory(entry))
    return entries


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:  # told when it is looked at
        return False


def _unlisted(folder: str, root: str | Path, directory: str, error: OSError) -> Problem:
    """A directory that could not be listed; one that vanished may only have been moved."""
    if not directory:
        return root_problem(folder, root, error)
    vanished = isinstance(error, FileNotFoundError) or error.errno in NO_DIRECTORY
    return Problem(folder, directory, CHANGED if vanished else why(error), is_directory=True)


def _steps(
    judge: Judge, directory: str, standing: Standing, entries: list[os.DirEntry[str]]
) -> Iterator[_Looked | _Directory]:
    """A directory's files that are not excluded, and its directories that are to be entered."""
    prefix = f"{directory}/" if directory else ""
    filters, of_file = judge.filters, judge.filters.of_file
    for entry in entries:
        name = entry.name
        path = prefix + name
        try:
            if entry.is_dir(follow_symlinks=False):
                below = filters.of_directory(path, name, standing)
                if type(below.verdict) is Admitted:
                    yield _Directory(path, below)
                continue
            verdict = of_file(path, name, standing)
            if not isinstance(verdict, Excluded):
                yield path, verdict, entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        except OSError as error:
            yield Problem(judge.folder, path, why(error))


def _judged(
    judge: Judge,
    settled: Settled,
    steps: Iterable[_Looked | _Directory],
    pending: list[_Directory | list[_Looked]],
) -> Iterator[Seen | Skipped | Problem]:
    """Judge files up to the next directory; it and what comes after it is then pending."""
    met, lowest, highest = settled.met, judge.filters.min_size, judge.max_size
    placeless, remaining = judge.filters.placeless, iter(steps)
    for step in remaining:
        if isinstance(step, Problem):
            yield step
            continue
        if isinstance(step, _Directory):
            pending.extend(reversed([step, *_runs(remaining)]))
            return
        path, verdict, status = step
        stamp, size = met(path), status.st_size
        # The same inode with the same change time is the regular file that it was.
        now = (size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
        fits = lowest <= size and (size <= highest or size <= judge.largest(path))
        is_same = stamp == now and fits and type(verdict) is Admitted
        if is_same and placeless(path) is None:
            settled.unchanged += 1
            continue
        yield judge.judge(path, verdict, status)


def _runs(steps: Iterable[_Looked | _Directory]) -> list[_Directory | list[_Looked]]:
    """Files between two directories together: what they lie in is closed by then."""
    runs: list[_Directory | list[_Looked]] = []
    for step in steps:
        if isinstance(step, _Directory):
            runs.append(step)
        elif runs and isinstance(runs[-1], list):
            runs[-1].append(step)
        else:
            runs.append([step])
    return runs
