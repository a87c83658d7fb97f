"""The way into a directory: what it says of itself by a marker, a cache tag or an ignore file."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from itertools import accumulate
from typing import NamedTuple

from kbsync.filters import (
    CACHE_TAG,
    IGNORE_FILE,
    ROOT,
    Excluded,
    Filters,
    Standing,
    ignore_file,
)
from kbsync.model import Problem
from kbsync.scan.judging import CHANGED, LINK, no_file, why
from kbsync.scan.opening import Descent, opened_file

_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"
_LONGEST = 2**18


class Blocked(NamedTuple):
    """The way ends before this directory, which cannot be entered; `standing` is of that above."""

    directory: str
    standing: Standing
    error: OSError


def inside(
    descent: Descent, filters: Filters, folder: str, directory: str
) -> Standing | Problem | Blocked:
    """How a directory stands by all above it and by what is in it, from the root downwards."""
    above = ROOT
    parts = directory.split("/") if directory else []
    for here in ["", *accumulate(parts, "{}/{}".format)]:
        standing = filters.of_directory(here, here.rpartition("/")[2], above) if here else ROOT
        if isinstance(standing.verdict, Excluded):
            return standing
        try:
            descriptor = descent.enter(here)
            names = _present(filters, descriptor)
        except OSError as error:
            return Blocked(here, above, error)
        found = entered(filters, standing, folder, here, descriptor, names)
        if isinstance(found, Problem) or isinstance(found.verdict, Excluded):
            return found
        above = found
    return above


def _present(filters: Filters, descriptor: int) -> frozenset[str]:
    """The names in this directory that say something about it; raises OSError.

    Where nothing may be looked up, they are left out: the file that is asked about fails as well.
    """
    found = set()
    for name in filters.steering:
        try:
            os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        except (FileNotFoundError, PermissionError):
            continue
        found.add(name)
    return frozenset(found)


def entered(
    filters: Filters,
    standing: Standing,
    folder: str,
    directory: str,
    descriptor: int,
    names: Collection[str],
) -> Standing | Problem:
    """How a directory stands by what is in it, of which `names` steer.

    What cannot be read makes all of the directory unknown: what it would exclude must not be sent,
    and what it would not must stay.
    """
    if not names:
        return standing
    place = directory or "the folder's root"
    for marker in filters.markers:
        if marker in names:
            return Standing(Excluded(f'exclude_if_present "{marker}", which is in {place}'))
    if filters.caches and CACHE_TAG in names:
        try:
            if _content(CACHE_TAG, descriptor, len(_SIGNATURE)) == _SIGNATURE:
                return Standing(Excluded(f"exclude_caches: {CACHE_TAG} is in {place}"))
        except OSError as error:
            return _unknown(folder, directory, CACHE_TAG, error)
    if IGNORE_FILE not in names:
        return standing
    return _ignoring(standing, folder, directory, descriptor)


def _ignoring(
    standing: Standing, folder: str, directory: str, descriptor: int
) -> Standing | Problem:
    file = f"{directory}/{IGNORE_FILE}" if directory else IGNORE_FILE
    try:
        ignored = ignore_file(file, _patterns(descriptor))
    except OSError as error:
        return _unknown(folder, directory, IGNORE_FILE, error)
    except ValueError as error:
        return Problem(folder, directory, f"its {IGNORE_FILE}: {error}", is_directory=True)
    return Standing(standing.verdict, (*standing.ignores, ignored))


def _patterns(directory: int) -> bytes:
    """What the ignore file holds; raises OSError, and ValueError if it cannot be one."""
    content = _content(IGNORE_FILE, directory, _LONGEST + 1)
    if content is None:
        status = os.stat(IGNORE_FILE, dir_fd=directory, follow_symlinks=False)
        raise ValueError(LINK if stat.S_ISLNK(status.st_mode) else no_file(status))
    if len(content) > _LONGEST:
        raise ValueError(f"it is longer than {_LONGEST:,} bytes")
    return content


def _content(name: str, directory: int, most: int) -> bytes | None:
    """The first bytes of a regular file; None for anything else. Raises OSError."""
    # Opening a device can have effects of its own, so it is looked at first.
    if not stat.S_ISREG(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
        return None
    with opened_file(name, directory) as file:
        return os.read(file, most)


def _unknown(folder: str, directory: str, name: str, error: OSError) -> Problem:
    gone = isinstance(error, FileNotFoundError)
    reason = CHANGED if gone else f"its {name}: {why(error)}"
    return Problem(folder, directory, reason, is_directory=True)
