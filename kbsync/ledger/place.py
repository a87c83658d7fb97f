"""Where a ledger may lie, and whether one is there."""

from __future__ import annotations

import os
from pathlib import Path

from kbsync.errors import LedgerError
from kbsync.ledger import backup
from kbsync.mounts import mount_of, parse_mountinfo


def is_there(path: Path) -> bool:
    """Whether there is a ledger, or a copy of one that is lost.

    Raises:
        LedgerError: this user may not look at its place.
    """
    try:
        return path.exists() or backup.is_lost(path)
    except OSError as error:
        raise LedgerError(
            f"ledger {path}: {error.strerror}; run kbsync as the user whose ledger it is, such as"
            " with sudo"
        ) from error


def refuse_remote(path: Path, mountinfo: str) -> None:
    """Raise LedgerError for a place that other machines can write to.

    SQLite's shared memory, and our lock, end at each machine (sqlite.org/wal.html). A root that is
    remote is taken all the same: such a machine has nothing better.
    """
    mount = mount_of(os.path.realpath(path), parse_mountinfo(mountinfo))
    if mount is not None and mount.is_remote and mount.point != "/":
        raise LedgerError(
            f"ledger {path}: {mount.point} is {mount.kind}, a network file system, where SQLite can"
            " lose or damage it; set `ledger` to a file on a local disk, such as"
            " /var/lib/kbsync/ledger.db"
        )
