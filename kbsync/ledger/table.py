"""The table of files: what every transition is made of."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from kbsync.ledger.rows import COLUMNS, record_of, stored_parts, stored_path, stored_stamp
from kbsync.ledger.store import Store
from kbsync.model import Key, Part, Record, Remote, Stamp, State
from kbsync.plan import LONGEST_WAIT

HERE = "folder = ? AND path = ?"
#: A further condition for rows to work on: nothing that would be indexed.
DROPS_ONLY = " AND want = 'absent'"
#: With `due(now)`: a row that may be worked on. One that waits for longer than anything is put off
#: was put off by a clock that has been set back since.
IS_DUE = "(not_before IS NULL OR not_before <= ? OR not_before > ?)"


def marks_of(values: Collection[str]) -> str:
    """The question marks of an IN; where an index is named, SQLite refuses one that is empty."""
    return ",".join("?" * len(values)) or "NULL"


@dataclass(frozen=True, slots=True)
class Job:
    """A row claimed for work; its result counts only for this record's generation."""

    record: Record
    reason: str

    @property
    def key(self) -> Key:
        """The file it is about."""
        return self.record.key


class Table:
    """The ledger's file under its transitions; `now` is in seconds since the epoch everywhere.

    A question about few rows names its index: left to itself, SQLite takes the primary key for any
    question with a folder, and reads all of the folder's rows.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def is_full(self, folders: Collection[str], max_indexing: int) -> bool:
        """Whether so many documents of these folders are being sent or indexed; 0 is no limit."""
        if not max_indexing:
            return False
        marks = marks_of(folders)
        rows = self.store.rows(
            "SELECT (SELECT count(*) FROM files INDEXED BY files_indexing"
            f"  WHERE state = 'indexing' AND folder IN ({marks}))"
            " + (SELECT count(*) FROM files INDEXED BY files_sending"
            f"  WHERE state = 'sending' AND want = 'present' AND folder IN ({marks}))",
            (*folders, *folders),
        )
        return int(rows[0][0]) >= max_indexing

    def made_row(self, db: sqlite3.Connection, document_id: str) -> None:
        """A document was made, or made over: it does not go, and what is in it is to be learned."""
        for table in ("leftovers", "measures"):
            db.execute(f"DELETE FROM {table} WHERE document_id = ?", (document_id,))

    def retire_row(
        self,
        db: sqlite3.Connection,
        key: Key,
        remote: Remote,
        now: float,
        *,
        keep: Sequence[Remote | None] = (),
    ) -> None:
        """Put a document on the way out, unless it is one of `keep`; inside a transaction."""
        if any(same_document(remote, other) for other in keep):
            return
        db.execute(
            "INSERT OR IGNORE INTO leftovers (document_id, dataset_id, name, folder, path, since)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                remote.document_id,
                remote.dataset_id,
                remote.name,
                key.folder,
                stored_path(key.path),
                now,
            ),
        )

    def retire_parts(
        self, db: sqlite3.Connection, key: Key, parts: Iterable[Part], now: float
    ) -> None:
        """Put parts on the way out; inside a transaction."""
        for part in parts:
            self.retire_row(db, key, part.remote, now)

    def set_aside(self, db: sqlite3.Connection, record: Record, now: float) -> None:
        """Something newer is on its way: keep the parts that answer, until it does."""
        kept = [replace(part, number=0, of=0) for part in record.parts if part.ready]
        self.retire_parts(db, record.key, (one for one in record.parts if not one.ready), now)
        set_row(db, record.key, "parts = ?", stored_parts(kept))


def due(now: float) -> tuple[float, float]:
    """The values of `IS_DUE`."""
    return now, now + LONGEST_WAIT


def get_row(db: sqlite3.Connection, key: Key) -> Record | None:
    """The row of a file, or None."""
    row = db.execute(
        f"SELECT {COLUMNS} FROM files WHERE {HERE}",
        (key.folder, stored_path(key.path)),
    ).fetchone()
    return None if row is None else record_of(row)


def set_row(db: sqlite3.Connection, key: Key, assignments: str, *values: object) -> None:
    """Change columns of one row; `assignments` is constant text with marks for `values`."""
    db.execute(
        f"UPDATE files SET {assignments} WHERE {HERE}",
        (*values, key.folder, stored_path(key.path)),
    )


def generation_of(db: sqlite3.Connection, key: Key) -> int | None:
    """The row's generation, or None when there is no row."""
    record = get_row(db, key)
    return None if record is None else record.generation


def is_current(db: sqlite3.Connection, job: Job) -> bool:
    """Whether nothing newer was wanted since the job was claimed."""
    record = get_row(db, job.key)
    return (
        record is not None
        and record.generation == job.record.generation
        and record.state is State.SENDING
    )


def is_as_judged(db: sqlite3.Connection, job: Job) -> bool:
    """Whether the job is current, and its documents are those that it was claimed with.

    While a file is read, its coming document may have become the live one.
    """
    record = get_row(db, job.key)
    return (
        record is not None
        and is_current(db, job)
        and (record.live, record.coming) == (job.record.live, job.record.coming)
    )


def release_row(db: sqlite3.Connection, job: Job) -> None:
    """Give a claimed row back to the queue."""
    record = get_row(db, job.key)
    if record is not None and record.state is State.SENDING:
        set_row(db, job.key, "state = 'pending'")


def settle_row(
    db: sqlite3.Connection, key: Key, state: State, stamp: Stamp | None, now: float
) -> None:
    """The work that was claimed is done, and this is what the file was like."""
    set_row(
        db,
        key,
        "state = ?, size = coalesce(?, size), mtime_ns = ?, ctime_ns = ?, inode = ?,"
        " device = ?, attempts = 0, not_before = NULL, error = NULL, resend = 0,"
        " changed_at = ?",
        state,
        *stored_stamp(stamp),
        now,
    )


def same_document(one: Remote | None, other: Remote | None) -> bool:
    """Whether both are the same document on the server."""
    return one is not None and other is not None and one.document_id == other.document_id
