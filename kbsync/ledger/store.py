"""The SQLite file under the ledger: opening, checking, refusing, transactions."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from kbsync.errors import LedgerDamaged, LedgerError
from kbsync.ledger import backup
from kbsync.ledger.damage import check, damaged, foreign, translated
from kbsync.ledger.lock import hold_lock, read_mark, write_mark
from kbsync.ledger.place import is_there, refuse_remote
from kbsync.mounts import read_mountinfo
from kbsync.plan import is_over

#: The migrations of `schema.py` by name, in order; a test holds the two equal.
MIGRATIONS = (
    "first_tables",
    "index_leftovers",
    "approvals",
    "shelved_documents",
    "progress_of_indexing",
    "adoption",
    "findings",
    "declined_documents",
    "history",
    "moves",
    "rows_in_flight",
    "kinds",
    "parts",
    "vanished_documents",
    "bindings",
    "tallies",
    "measures",
    "undescribed_in_order",
    "without_rare_names",
)

Values = Sequence[object]
Access = Literal["work", "visit", "read"]

_MODES: Mapping[Access, str] = {"work": "rwc", "visit": "rw", "read": "ro"}


class Store:
    """One connection behind one lock.

    To "work", a process holds `PATH.lock` for its whole life. Beside it, others may "read", or
    "visit" to write a wish in one short transaction.

    For who works, a damaged or lost file is set aside and its backup, or a new one, takes its
    place; `mended` then says so.

    Raises:
        LedgerBusy: another kbsync process writes to this ledger.
        LedgerDamaged: it is damaged, and only a writer could go on from its backup.
        LedgerError: it cannot be opened, is not a ledger, is on a network file system, or was
            written by a newer kbsync.
    """

    def __init__(
        self,
        path: Path,
        access: Access = "work",
        *,
        clock: Callable[[], float] = time.time,
        mountinfo: Callable[[], str] = read_mountinfo,
    ) -> None:
        refuse_remote(path, mountinfo())
        self.path = path
        self.access = access
        self.mended: str | None = None
        self._backed_up_at = 0
        self._seen = 0
        self._told = 0
        self._mutex = threading.RLock()
        self._directory_is_secure = False
        self._lockfile = hold_lock(path) if access == "work" else -1
        try:
            if access == "work" and backup.is_lost(path):
                self.mended = backup.go_on_from_backup(path, "the file is gone", clock())
            self._open(clock)
            if access == "work":
                self._know_age()
        except BaseException:
            self._unlock()
            raise

    def _open(self, clock: Callable[[], float]) -> None:
        try:
            self._connection = _connect(self.path, self.access)
            self._prepare()
        except LedgerDamaged as error:
            if self.access != "work" or self.mended:
                raise
            found = f"damaged ({error.found})"
            self.mended = backup.go_on_from_backup(self.path, found, clock())
            self._connection = _connect(self.path, self.access)
            self._prepare()

    def _know_age(self) -> None:
        """Notice when the ledger is older than when it was last worked with.

        The lock, which stays when another ledger is put in its place, remembers how far the last
        one had come, in events.
        """
        last, now = read_mark(self._lockfile), self._events()
        if 0 < now < last and self.mended is None:
            self.rows(
                "INSERT OR REPLACE INTO facts VALUES (?, 'older') RETURNING name",
                (backup.NEEDS_ADOPTION,),
            )
            self.mended = (
                f"ledger {self.path}: it is older than when it was last used, as when a copy was"
                " put back, or after a power cut; what was done since then is looked up on the"
                " server"
            )
        self.leave_mark()

    def leave_mark(self) -> None:
        """Let the lock remember how far this ledger has come."""
        if self._lockfile >= 0:
            write_mark(self._lockfile, self._events())

    def _events(self) -> int:
        """How many events there ever were: the number goes on when old ones are forgotten."""
        rows = self.rows("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
        return int(rows[0][0]) if rows else 0

    def _prepare(self) -> None:
        try:
            applied = _applied(self._connection, self.path)
            _refuse_newer(applied, self.path)
            self._connection.execute("PRAGMA synchronous = FULL")
            if self.access != "work":
                _refuse_older(applied, self.path)
                return
            check(self._connection, self.path)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")  # and `secure` where it counts
            if applied != MIGRATIONS:
                _migrate(self._connection)
            self._seen = self._data_version()
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise translated(error, self.path) from error
        except UnicodeDecodeError as error:  # of SQLite's own message, which quotes the schema
            self._connection.close()
            raise damaged(self.path, "malformed database schema") from error
        except BaseException:
            self._connection.close()
            raise

    def check(self) -> None:
        """Read the whole file and every index; raises LedgerDamaged."""
        with self._mutex:
            try:
                check(self._connection, self.path)
            except sqlite3.Error as error:
                raise translated(error, self.path) from error

    def touched(self) -> bool:
        """Whether another connection has written since the last call, or since the opening."""
        before, self._seen = self._seen, self._data_version()
        return before != self._seen

    def _data_version(self) -> int:
        return int(self.rows("PRAGMA data_version")[0][0])

    def tell(self, name: str, value: str) -> None:
        """Set a fact that says how things are, and that no work follows from."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))
            self._told += 1

    @property
    def changes(self) -> int:
        """How many rows this connection has changed; what was only told does not count."""
        return self._connection.total_changes - self._told

    def revision(self) -> tuple[int, int]:
        """A value that is another one after any change, of this connection or of others."""
        return self.changes, self._data_version()

    def back_up_if_due(self, now: float) -> bool:
        """Copy the ledger if the last copy is a day old, or much has changed since.

        Raises LedgerDamaged when that finds damage, LedgerError when no copy can be written.
        """
        changes, last = self.changes, backup.backup_time(self.path)
        much = changes - self._backed_up_at > backup.DUE_CHANGES
        if not much and last is not None and not is_over(last, backup.DUE_SECONDS, now):
            return False
        backup.back_up(self.path)
        self._backed_up_at = changes
        return True

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
                raise translated(error, self.path) from error
            except BaseException:
                self._roll_back()
                raise

    def secure(self) -> None:
        """Let everything written so far outlive a power cut, too; raises LedgerError.

        Called right before an effect that could not be found out again. Any other transaction
        outlives this process, and after a power cut the last ones may be gone, newest first: they
        say what can be looked at again. Nobody else has to wait meanwhile.
        """
        try:
            backup.sync(self.path.with_name(self.path.name + "-wal"))
            if not self._directory_is_secure:
                backup.sync(self.path.parent)
                self._directory_is_secure = True
        except OSError as error:
            raise LedgerError(f"ledger {self.path}: cannot be written: {error.strerror}") from error

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def rows(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """All rows of a query, as one consistent picture."""
        with self._mutex:
            try:
                return self._connection.execute(sql, tuple(values)).fetchall()
            except sqlite3.Error as error:
                raise translated(error, self.path) from error


def _connect(path: Path, access: Access) -> sqlite3.Connection:
    if access != "work" and not is_there(path):
        raise LedgerError(f"ledger {path}: there is none yet; `kbsync reconcile` makes it")
    if access != "work" and backup.is_lost(path):
        raise LedgerError(
            f"ledger {path}: the file is gone; the next `kbsync reconcile` or start of"
            " `kbsync run` goes on from its backup"
        )
    if path.is_dir():
        raise LedgerError(f"ledger {path}: this is a directory; set `ledger` to a file in it")
    if path.exists() and not os.access(path, os.R_OK if access == "read" else os.R_OK | os.W_OK):
        raise LedgerError(
            f"ledger {path}: this user may not use it; run kbsync as the user whose ledger it is,"
            " which `kbsync doctor` names"
        )
    uri = f"{path.absolute().as_uri()}?mode={_MODES[access]}"
    try:
        if not path.exists():
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
        raise foreign(path)
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
            f"ledger {path}: written by an older kbsync; restart the service, or run `kbsync"
            " reconcile`, and it is brought up to date"
        )


def _migrate(connection: sqlite3.Connection) -> None:
    # Imported only where there is something to migrate: it would be most of a command's start.
    from sqlite_utils import Database  # noqa: PLC0415 - only when needed

    from kbsync.ledger.schema import migrations  # noqa: PLC0415 - only when needed

    migrations.apply(Database(connection, strict=True, execute_plugins=False))
