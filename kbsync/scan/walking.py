"""Everything in a folder, as the disk shows it now."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator
from pathlib import Path

from kbsync.filters import Admitted, Excluded, Filters
from kbsync.model import Problem, Seen, Skipped, Stamp
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
    pending = [below]
    try:
        if below and not _is_visited(descent, filters, below):
            return
        while pending:
            directory = pending.pop()
            try:
                entries = _entries(descent, directory)
            except OSError as error:
                yield _unlisted(folder, root, directory, error)
                continue
            directories: list[str] = []
            yield from _judged(judge, settled, directory, entries, directories)
            pending.extend(reversed(directories))
    finally:
        descent.close()


def _is_visited(descent: Descent, filters: Filters, directory: str) -> bool:
    """Whether a walk of everything would come to this directory."""
    if isinstance(filters.admits(directory, is_dir=True), Excluded):
        return False
    try:
        descent.enter(directory)
    except FileNotFoundError:
        return False
    except OSError as error:
        return error.errno not in NO_DIRECTORY
    return True


def _entries(descent: Descent, directory: str) -> list[os.DirEntry[str]]:
    with os.scandir(descent.enter(directory)) as entries:
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
    entries: list[os.DirEntry[str]],
    directories: list[str],
) -> Iterator[Seen | Skipped | Problem]:
    """Judge a directory's entries, and collect its directories that are to be visited."""
    prefix = f"{directory}/" if directory else ""
    admits, take, max_size = judge.filters.admits, settled.left.pop, judge.max_size
    for entry in entries:
        path = prefix + entry.name
        try:
            is_directory = entry.is_dir(follow_symlinks=False)
            verdict = admits(path, is_directory)
            if isinstance(verdict, Excluded):
                continue
            if is_directory:
                directories.append(path)
                continue
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        except OSError as error:
            yield Problem(judge.folder, path, why(error))
            continue
        stamp = take(path, None)
        # The same inode with the same change time is the regular file that it was.
        if stamp == stamp_of(status) and status.st_size <= max_size and type(verdict) is Admitted:
            settled.unchanged += 1
            continue
        yield judge.judge(path, verdict, status)
