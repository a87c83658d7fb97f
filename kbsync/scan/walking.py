"""Everything in a folder, as the disk shows it now."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator
from pathlib import Path

from kbsync.filters import Excluded, Filters
from kbsync.model import Problem, Seen, Skipped
from kbsync.scan.judging import CHANGED, NO_DIRECTORY, Judge, root_problem, why
from kbsync.scan.opening import Descent

_by_name = operator.attrgetter("name")


def walk(
    root: str | Path, folder: str, filters: Filters, *, max_size: int
) -> Iterator[Seen | Skipped | Problem]:
    """Every file that is not excluded, each directory's in order of their names.

    What cannot be looked at comes as a Problem, and the walk goes on: all below a directory's
    Problem is unknown, and a root's has the path "". `max_size` is in bytes.
    """
    try:
        descent = Descent(root)
    except OSError as error:
        yield root_problem(folder, root, error)
        return
    judge = Judge(folder, filters, max_size)
    pending = [""]
    try:
        while pending:
            directory = pending.pop()
            try:
                entries = _entries(descent, directory)
            except OSError as error:
                yield _unlisted(folder, root, directory, error)
                continue
            directories: list[str] = []
            yield from _judged(judge, directory, entries, directories)
            pending.extend(reversed(directories))
    finally:
        descent.close()


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
    judge: Judge, directory: str, entries: list[os.DirEntry[str]], directories: list[str]
) -> Iterator[Seen | Skipped | Problem]:
    """Judge a directory's entries, and collect its directories that are to be visited."""
    prefix = f"{directory}/" if directory else ""
    admits = judge.filters.admits
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
        yield judge.judge(path, verdict, status)
