"""Copies of the ledger beside itself: making them, and going on from one after damage.

``ledger.db.backup`` is the last copy and ``ledger.db.backup.older`` the one before; a damaged
ledger is kept as ``ledger.db.damaged-YYYYMMDD-HHMMSS``, with its ``-wal`` and ``-shm``.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from kbsync.errors import LedgerDamaged, LedgerError
from kbsync.ledger.damage import check, translated

#: A copy is due when the last is older than so many seconds, or after so many changed rows.
DUE_SECONDS, DUE_CHANGES = 86_400.0, 1_000

#: The fact that says: compare with the server before anything is sent.
NEEDS_ADOPTION = "needs_adoption"

_COPIES = (".backup", ".backup.older")
_COMPANIONS = ("-wal", "-shm")


def backup_time(path: Path) -> float | None:
    """When the last copy was made, in seconds since the epoch; None when there is none."""
    try:
        return _beside(path, _COPIES[0]).stat().st_mtime
    except OSError:
        return None


def back_up(path: Path) -> None:
    """Copy the ledger while others use it, check the copy, and let it take the last one's place.

    Raises:
        LedgerDamaged: the copy is damaged, so the ledger is; the older copies are kept.
        LedgerError: it cannot be written.
    """
    last, older, new = (_beside(path, end) for end in (*_COPIES, ".backup.new"))
    try:
        _copy(path, new)
        if last.exists():
            last.replace(older)
        new.replace(last)
        sync(path.parent)
    except sqlite3.Error as error:
        raise translated(error, path) from error
    except OSError as error:
        raise LedgerError(f"ledger {path}: no backup could be written: {error}") from error
    finally:
        new.unlink(missing_ok=True)


def _copy(path: Path, new: Path) -> None:
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as source, closing(sqlite3.connect(new)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")  # one file, complete without companions
        check(target, path)
    sync(new)


def is_lost(path: Path) -> bool:
    """Whether there is no ledger, or an empty file, where a copy shows that there was one."""
    missing = not path.exists() or path.stat().st_size == 0
    return missing and any(_beside(path, copy).exists() for copy in _COPIES)


def go_on_from_backup(path: Path, found: str, now: float) -> str:
    """Set the file aside and put the newest sound copy in its place, or nothing.

    Returns what was done, for people; `found` is what is wrong with the file. To be called by
    the holder of the lock only.
    """
    aside = _set_aside(path, now)
    told = f"ledger {path}: {found}; " + (f"kept as {aside.name}; " if aside else "")
    for copy in (_beside(path, end) for end in _COPIES):
        if _is_sound(copy):
            made = datetime.fromtimestamp(copy.stat().st_mtime, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
            _put_in_place(copy, path)
            return (
                f"{told}restored from the backup of {made}; what was done since then is"
                " looked up on the server"
            )
    return f"{told}there is no sound backup; a new one is begun"


def _set_aside(path: Path, now: float) -> Path | None:
    """Rename what is there, the main file first: what is left of a crash is then a lost one."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")
    aside, number = _beside(path, f".damaged-{stamp}"), 1
    while aside.exists():
        number += 1
        aside = _beside(path, f".damaged-{stamp}-{number}")
    there = [end for end in ("", *_COMPANIONS) if _beside(path, end).exists()]
    for end in there:
        _beside(path, end).replace(_beside(aside, end))
    sync(path.parent)
    return aside if "" in there else None


def _is_sound(copy: Path) -> bool:
    if not copy.exists():
        return False
    uri = f"{copy.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            check(connection, copy)
    except (sqlite3.Error, LedgerDamaged):
        return False
    return True


def _put_in_place(copy: Path, path: Path) -> None:
    new = _beside(path, ".restoring")
    new.unlink(missing_ok=True)
    shutil.copyfile(copy, new)
    new.chmod(0o600)
    with closing(sqlite3.connect(new)) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO facts VALUES (?, 'restored')", (NEEDS_ADOPTION,))
    sync(new)
    new.replace(path)
    sync(path.parent)


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def sync(path: Path) -> None:
    """Wait until a file, or a directory's entries, are on the disk; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
