"""What SQLite's errors mean for the ledger, and whether a file that it cannot read was one."""

from __future__ import annotations

import mmap
import sqlite3
from pathlib import Path

from kbsync.errors import LedgerDamaged, LedgerError

_MAGIC = b"SQLite format 3\0"
_TRACE = b"_sqlite_migrations"


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Read the whole file and every index; raises LedgerDamaged. About 1.4 s a million files."""
    found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise damaged(path, found.splitlines()[-1].removeprefix("*** "))


def translated(error: sqlite3.Error, path: Path) -> LedgerError:
    """An error of SQLite as ours, with what to do."""
    if "Could not decode to UTF-8" in str(error):  # its check does not look into texts
        return LedgerError(
            f"ledger {path}: damaged (a text in it is not UTF-8); move the file away, then the next"
            " `kbsync reconcile` or start of `kbsync run` goes on from its backup"
        )
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damaged(path, str(error)) if was_ours(path) else foreign(path)
        case sqlite3.SQLITE_FULL:
            return LedgerError(f"ledger {path}: the disk is full; free some space, nothing is lost")
        case sqlite3.SQLITE_IOERR:
            return LedgerError(
                f"ledger {path}: the disk cannot read or write it ({error}); see the system's log"
            )
        case _:
            return LedgerError(f"ledger {path}: {error}")


def damaged(path: Path, found: str) -> LedgerDamaged:
    """The error that says so, with what was found."""
    return LedgerDamaged(
        f"ledger {path}: damaged ({found}); the next `kbsync reconcile` or start of `kbsync run`"
        " sets it aside and goes on from its backup",
        found,
    )


def foreign(path: Path) -> LedgerError:
    """The error for a file that is somebody else's."""
    return LedgerError(
        f"ledger {path}: this file is not a kbsync ledger; not touched; set `ledger` to another"
        " file, or move this one away"
    )


def was_ours(path: Path) -> bool:
    """Whether an unreadable file was a ledger: by its header, zeros in its place, or a trace."""
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
            if head == _MAGIC or not any(head):
                return True
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return content.find(_TRACE) >= 0
    except OSError:
        return False
