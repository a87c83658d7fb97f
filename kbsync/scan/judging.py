"""What a file's status means: a file to keep in sync, one to skip, or a problem."""

from __future__ import annotations

import errno
import os
import pwd
import stat
from pathlib import Path

from kbsync.filters import Admitted, Filters, Unsupported
from kbsync.formats import taken
from kbsync.model import Key, Problem, Seen, Skipped, Stamp

#: What the system says when a link, or a file, is where a directory was expected.
NO_DIRECTORY = frozenset({errno.ENOTDIR, errno.ELOOP})

LINK = "a symbolic link: kbsync follows none"
EMPTY = "an empty file: nothing to index"
CHANGED = "it changed while the folder was scanned: looked at again in the next run"

_KINDS = {
    stat.S_IFLNK: LINK,
    stat.S_IFDIR: "a directory, not a file",
    stat.S_IFIFO: "a FIFO, not a file",
    stat.S_IFSOCK: "a socket, not a file",
    stat.S_IFBLK: "a block device, not a file",
    stat.S_IFCHR: "a character device, not a file",
}


class Judge:
    """Judges the entries of one folder; `max_size` in bytes."""

    def __init__(self, folder: str, filters: Filters, max_size: int) -> None:
        self.folder = folder
        self.filters = filters
        self.max_size = max_size
        self._taken = f"the server takes {taken(filters.types)}"

    def judge(
        self, path: str, verdict: Admitted | Unsupported, status: os.stat_result
    ) -> Seen | Skipped | Problem:
        """What this entry is, which is not a directory as far as the caller knew."""
        key, kind, size = Key(self.folder, path), stat.S_IFMT(status.st_mode), status.st_size
        if kind != stat.S_IFREG:
            if kind == stat.S_IFDIR:
                return Problem(*key, CHANGED, is_directory=True)
            return Skipped(key, stamp_of(status), no_file(status))
        if isinstance(verdict, Unsupported):
            return Skipped(key, stamp_of(status), self._unsupported(verdict))
        nowhere = self.filters.placeless(path)
        if nowhere is not None:
            return Skipped(key, stamp_of(status), nowhere)
        if self.filters.min_size <= size <= self.largest(path):
            return Seen(key, stamp_of(status))
        return Skipped(key, stamp_of(status), self._wrong_size(path, size))

    def largest(self, path: str) -> int:
        """The most bytes that this file may have."""
        return self.filters.largest(path, self.max_size)

    def _wrong_size(self, path: str, size: int) -> str:
        most = self.largest(path)
        if size > most:
            return too_large(size, most, "max_size" if most == self.max_size else "split_up_to")
        lowest = self.filters.min_size
        return f"too small: {size:,} bytes, min_size is {lowest:,} bytes" if size else EMPTY

    def _unsupported(self, verdict: Unsupported) -> str:
        kind = f"type .{verdict.extension}" if verdict.extension else "no extension"
        return f"{kind}: {self.filters.refusals.get(verdict.extension, self._taken)}"


def stamp_of(status: os.stat_result) -> Stamp:
    """The fingerprint in a file's status."""
    return Stamp(
        status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev
    )


def no_file(status: os.stat_result) -> str:
    """What something is that is not a regular file."""
    return _KINDS.get(stat.S_IFMT(status.st_mode), "not a regular file")


def too_large(size: int, most: int, setting: str = "max_size") -> str:
    """Why a file of this size is not sent; both in bytes."""
    return f"too large: {size:,} bytes, {setting} is {most:,} bytes"


def why(error: OSError) -> str:
    """Why the system refused, in words for whoever has to put it right."""
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"permission denied for user {_user()}"
    return error.strerror or str(error)


def root_problem(folder: str, root: str | Path, error: OSError) -> Problem:
    """A folder whose root cannot be opened: all of it is unknown."""
    if error.errno == errno.ENOENT:
        reason = f"{root} does not exist: is a mount missing?"
    elif error.errno == errno.ENOTDIR:
        reason = f"{root} is not a directory"
    else:
        reason = f"{root} cannot be opened: {why(error)}"
    return Problem(folder, "", reason, is_directory=True)


def _user() -> str:
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"{number}"
