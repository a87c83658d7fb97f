"""The SQLite file under the ledger: opening, refusing, locking, transactions."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kbsync.errors import LedgerBusy, LedgerError

#: The migrations of `schema.py` by name, in order; a test holds the two equal.
MIGRATIONS = ("first_tables",)

Values = Sequence[object]


class Store:
    """One connection behind one lock; writers hold `PATH.lock` for their whole life.

    Raises:
        LedgerBusy: another kbsync process writes to this ledger.
        LedgerError: it cannot be opened, is damaged, or was written by a newer kbsync.
    """

    def __init__(self, path: Path, *, readonly: bool = False) -> None:
        self.path = path
        self.readonly = readonly
        self._mutex = threading.RLock()
        self._lockfile = -1 if readonly else _hold_lock(path)
        try:
            self._connection = _connect(path, readonly=readonly)
            self._prepare()
        except BaseException:
            self._unlock()
            raise

    def _prepare(self) -> None:
        try:
            applied = _applied(self._connection, self.path)
            _refuse_newer(applied, self.path)
            if self.readonly:
                _refuse_older(applied, self.path)
                return
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            if applied != MIGRATIONS:
                _migrate(self._connection)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise _translated(error, self.path) from error
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the connection and let another process write."""
        with self._mutex:
            self._connection.close()
            self._unlock()

    def _unlock(self) -> None:
        if self._lockfile >= 0:
            os.close(self._lockfile)
            self._lockfile = -1

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside is written, or nothing is; raises LedgerError when it was nothing."""
        with self._mutex:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                raise _translated(error, self.path) from error
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def rows(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """All rows of a query, as one consistent picture."""
        with self._mutex:
            try:
                return self._connection.execute(sql, tuple(values)).fetchall()
            except sqlite3.Error as error:
                raise _translated(error, self.path) from error


def _hold_lock(path: Path) -> int:
    lock = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
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
        descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _connect(path: Path, *, readonly: bool) -> sqlite3.Connection:
    if readonly and not path.exists():
        raise LedgerError(f"ledger {path}: there is none yet; `kbsync reconcile` makes it")
    uri = f"{path.absolute().as_uri()}?mode={'ro' if readonly else 'rwc'}"
    try:
        if not readonly and not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(
            uri, uri=True, timeout=10, isolation_level=None, check_same_thread=False
        )
    except (sqlite3.Error, OSError) as error:
        raise LedgerError(f"ledger {path}: cannot be opened: {error}") from error
    return connection


def _applied(connection: sqlite3.Connection, path: Path) -> tuple[str, ...]:
    """The names of our migrations in this file, in order; raises LedgerError for a foreign one."""
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    if "_sqlite_migrations" in tables:
        rows = connection.execute(
            "SELECT name FROM _sqlite_migrations WHERE migration_set = 'kbsync' ORDER BY id"
        )
        return tuple(row[0] for row in rows)
    if tables:
        raise LedgerError(f"ledger {path}: this SQLite file is not a kbsync ledger; not touched")
    return ()


def _refuse_newer(applied: Sequence[str], path: Path) -> None:
    foreign = set(applied) - set(MIGRATIONS)
    if foreign:
        raise LedgerError(
            f"ledger {path}: written by a newer kbsync (it knows {', '.join(sorted(foreign))});"
            " install that version, or set `ledger` to another file"
        )


def _refuse_older(applied: Sequence[str], path: Path) -> None:
    if set(applied) != set(MIGRATIONS):
        raise LedgerError(
            f"ledger {path}: written by an older kbsync; `kbsync reconcile` brings it up to date"
        )


def _migrate(connection: sqlite3.Connection) -> None:
    # Imported only where there is something to migrate: it would be most of a command's start.
    from sqlite_utils import Database  # noqa: PLC0415

    from kbsync.ledger.schema import migrations  # noqa: PLC0415

    migrations.apply(Database(connection, strict=True, execute_plugins=False))


def _translated(error: sqlite3.Error, path: Path) -> LedgerError:
    text = str(error)
    if "malformed" in text or "not a database" in text:
        return LedgerError(f"ledger {path}: damaged ({text}); move it away or restore a copy")
    if "full" in text:
        return LedgerError(f"ledger {path}: the disk is full; free some space, nothing is lost")
    return LedgerError(f"ledger {path}: {text}")
