"""A file's content, read once while the file did not change."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from kbsync.errors import FileError
from kbsync.model import Content, Key, Seen, Stamp
from kbsync.scan.judging import (
    EMPTY,
    LINK,
    NO_DIRECTORY,
    no_file,
    root_problem,
    stamp_of,
    too_large,
    why,
)
from kbsync.scan.opening import is_below, opened, opened_file

_Read = TypeVar("_Read")

#: Within this time a file may change again without its stamp: some file systems count in two
#: seconds, and Linux in ticks of some milliseconds.
RACY_NS = 2_000_000_000

_ATTEMPTS = 2
_CHUNK = 2**20


def read(root: str | Path, key: Key, *, max_size: int) -> Content:
    """A file's bytes with their hash; `max_size` in bytes.

    Raises:
        FileError: it is gone, unreadable, empty, too large, no regular file, behind a symbolic
            link, or it changed while it was read, twice.
    """
    seen, body = _stable(root, key, max_size, _whole)
    return Content(seen, body, hashlib.sha256(body).hexdigest())


def digest(root: str | Path, path: Key | str, *, max_size: int | None = None) -> tuple[str, Seen]:
    """The SHA-256 (hex) of a file that is not kept in memory; raises FileError as `read` does."""
    key = path if isinstance(path, Key) else Key("", path)
    seen, sha256 = _stable(root, key, max_size, _hashed)
    return sha256, seen


def head(root: str | Path, key: Key, most: int) -> bytes:
    """The first bytes of a file, at most so many; raises FileError as `read` does."""

    def take(file: int, size: int) -> tuple[bytes, int]:
        return os.read(file, most), size

    return _stable(root, key, None, take)[1]


def racy(stamp: Stamp, now_ns: int) -> bool:
    """Whether a later edit may leave this stamp as it is: the file changed within two seconds.

    `now_ns` is the time at which the file was read, in nanoseconds since the epoch.
    """
    return max(stamp.mtime_ns, stamp.ctime_ns) > now_ns - RACY_NS


def _stable(
    root: str | Path,
    key: Key,
    max_size: int | None,
    take: Callable[[int, int], tuple[_Read, int]],
) -> tuple[Seen, _Read]:
    """Take a file's content with a stamp that held from before the first byte to after the last.

    `take` gets a descriptor and the expected size, and returns what it took and how many bytes.
    """
    for _ in range(_ATTEMPTS):
        try:
            before, taken, length, after = _attempt(root, key, max_size, take)
        except OSError as error:
            raise FileError(_told(root, error)) from error
        if before == after and length == before.size:
            return Seen(key, before), taken
    raise FileError("it changed while it was read: left for the next run")


def _attempt(
    root: str | Path,
    key: Key,
    max_size: int | None,
    take: Callable[[int, int], tuple[_Read, int]],
) -> tuple[Stamp, _Read, int, Stamp]:
    if not is_below(key.path):
        raise FileError("not a path below the folder")
    *directories, name = key.path.split("/")
    with opened(root, directories) as directory:
        # Opening a device can have effects of its own, so it is looked at first.
        _check(os.stat(name, dir_fd=directory, follow_symlinks=False), max_size)
        with opened_file(name, directory) as file:
            before = os.fstat(file)
            _check(before, max_size)
            taken, length = take(file, before.st_size)
            return stamp_of(before), taken, length, stamp_of(os.fstat(file))


def _check(status: os.stat_result, max_size: int | None) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise FileError(no_file(status))
    if status.st_size == 0:
        raise FileError(EMPTY)
    if max_size is not None and status.st_size > max_size:
        raise FileError(too_large(status.st_size, max_size))


def _whole(file: int, size: int) -> tuple[bytes, int]:
    """At most one byte more than expected: enough to notice growth, however fast."""
    chunks, length = [os.read(file, size + 1)], 0
    while chunks[-1] and (length := length + len(chunks[-1])) < size:
        chunks.append(os.read(file, size + 1 - length))
    return b"".join(chunks), length


def _hashed(file: int, size: int) -> tuple[str, int]:
    sha256, length = hashlib.sha256(), 0
    while length <= size and (chunk := os.read(file, _CHUNK)):
        sha256.update(chunk)
        length += len(chunk)
    return sha256.hexdigest(), length


def _told(root: str | Path, error: OSError) -> str:
    if error.filename == os.fspath(root):
        return root_problem("", root, error).reason
    if isinstance(error, FileNotFoundError):
        return "it is gone"
    if error.errno in NO_DIRECTORY:
        return f"it lies behind {LINK}"
    return f"it cannot be read: {why(error)}"
