"""Who may write to a ledger: one process at a time, told apart by a lock beside the file."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from kbsync.errors import LedgerBusy, LedgerError


def hold_lock(path: Path) -> int:
    """Take the lock of the ledger at `path` for as long as the returned descriptor is open.

    Raises:
        LedgerBusy: another process holds it.
        LedgerError: the directory cannot be made or written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(_lock_of(path), flags, 0o600)
    except OSError as error:
        raise LedgerError(
            f"ledger {path}: {error.strerror}: {error.filename}; set `ledger` to a file in a"
            " directory this user can write to"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise LedgerBusy(
            f"ledger {path}: another kbsync is using it; wait for it to end, or stop the service"
        ) from error
    return descriptor


def is_held(path: Path) -> bool:
    """Whether some process writes to this ledger now."""
    try:
        descriptor = os.open(_lock_of(path), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def read_mark(descriptor: int) -> int:
    """The number that was last written beside the lock; 0 when there is none."""
    told = os.pread(descriptor, 32, 0).strip()
    return int(told) if told.isdigit() else 0


def write_mark(descriptor: int, number: int) -> None:
    """Keep a number beside the lock; a hint, for which nobody waits and without which all works."""
    with suppress(OSError):
        os.pwrite(descriptor, b"%-20d\n" % number, 0)


def _lock_of(path: Path) -> Path:
    return path.with_name(path.name + ".lock")
