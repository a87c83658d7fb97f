"""Where a ledger may lie."""

from __future__ import annotations

import os
from pathlib import Path

from kbsync.errors import LedgerError
from kbsync.mounts import mount_of, parse_mountinfo


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
