"""Rows whose file was renamed: the document stays, its row gets another place."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from kbsync.ledger.rows import COLUMNS, record_of, stored_path, stored_stamp
from kbsync.ledger.table import HERE, Table, get_row, marks_of, set_row
from kbsync.log import printable
from kbsync.model import Key, Move, Record, State, Want
from kbsync.moves import came_from, can_leave, can_receive

# What goes with the document; the rest belongs to the place.
_CARRIED = (
    "sha256, recipe, live_dataset, live_document, live_name, live_batch, coming_dataset,"
    " coming_document, coming_name, coming_batch, intent_dataset, intent_name, parked, error,"
    " segments, shelved, resend, declined, progress, progress_at, again, vanished,"
    " wanted_at, parts"
)

_BY_PARTS = (
    "SELECT folder, files.path FROM files JOIN json_each(files.parts) AS part"
    " WHERE files.parts IS NOT NULL AND json_extract(part.value, '$[2]') = ?1"
)

# Whose documents bear a name.
_NAMES = " UNION ALL ".join(
    [
        *(
            f"SELECT folder, path FROM files WHERE {kind}_name = ?1"
            for kind in ("live", "coming", "intent")
        ),
        "SELECT folder, path FROM leftovers WHERE name = ?1",
        _BY_PARTS,
    ]
)


@dataclass(frozen=True, slots=True)
class _Taken:
    """A move that can be made, the row before it, and what its columns held."""

    move: Move
    record: Record
    carried: tuple[object, ...]
    generation: int


class Moving(Table):
    """Take documents from place to place, and know which names are not free because of that."""

    def move_rows(
        self, db: sqlite3.Connection, moves: Sequence[Move], now: float
    ) -> Collection[Move]:
        """Carry out moves all at once, so that files can change places; inside a transaction.

        Returns those that could not be made: work on one of their rows has begun meanwhile.
        """
        taken = [one for move in moves if (one := _take(db, move)) is not None]
        going = {document_id for one in taken for document_id in _documents(one.record)}
        for one in taken:
            replaced = get_row(db, one.move.seen.key)
            for remote in () if replaced is None else replaced.documents:
                if remote.document_id not in going:
                    self.retire_row(db, one.move.seen.key, remote, now)
        for one in taken:
            _remove(db, one.move.old)
            _remove(db, one.move.seen.key)
        for one in taken:
            _put_down(db, one, now)
        made = {one.move for one in taken}
        return [move for move in moves if move not in made]

    def name_taken(self, key: Key, name: str) -> bool:
        """Whether another file's document bears this name, which belongs to this file."""
        rows = self.store.rows(
            f"SELECT 1 FROM ({_NAMES}) WHERE NOT (folder = ?2 AND path = ?3) LIMIT 1",
            (name, key.folder, stored_path(key.path)),
        )
        return bool(rows)

    def leaving(self, folders: Collection[str]) -> list[Record]:
        """Rows whose documents are to go and nobody has begun, or are out of service."""
        marks = marks_of(folders)
        rows = self.store.rows(
            f"SELECT {COLUMNS} FROM files INDEXED BY files_absent"
            f" WHERE want = 'absent' AND folder IN ({marks})"
            " AND state IN ('pending', 'completed') AND doomed = 0",
            tuple(folders),
        )
        return [record_of(row) for row in rows]


def _take(db: sqlite3.Connection, move: Move) -> _Taken | None:
    record, replaced = get_row(db, move.old), get_row(db, move.seen.key)
    if record is None or not can_leave(record) or not can_receive(replaced):
        return None
    carried = db.execute(
        f"SELECT {_CARRIED} FROM files WHERE {HERE}", (move.old.folder, stored_path(move.old.path))
    ).fetchone()
    generation = max(record.generation, 0 if replaced is None else replaced.generation) + 1
    return _Taken(move, record, carried, generation)


def _documents(record: Record) -> list[str]:
    return [remote.document_id for remote in record.documents]


def _remove(db: sqlite3.Connection, key: Key) -> None:
    db.execute(f"DELETE FROM files WHERE {HERE}", (key.folder, stored_path(key.path)))


def _put_down(db: sqlite3.Connection, taken: _Taken, now: float) -> None:
    """Write the row at its new place; unless all was well with it, its content is looked into."""
    move, record = taken.move, taken.record
    well = record.want is Want.PRESENT and record.state in {State.COMPLETED, State.INDEXING}
    state = record.state if well and not move.edited else State.PENDING
    key, stamp = move.seen
    marks = ",".join("?" * len(taken.carried))
    db.execute(
        "INSERT INTO files (folder, path, want, state, generation, size, mtime_ns, ctime_ns,"
        f" inode, device, reason, changed_at, {_CARRIED})"
        f" VALUES (?, ?, 'present', ?, ?, ?, ?, ?, ?, ?, ?, ?, {marks})",
        (
            key.folder,
            stored_path(key.path),
            state,
            taken.generation,
            *stored_stamp(stamp),
            f"moved from {printable(came_from(move))}" + (" and edited" if move.edited else ""),
            now,
            *taken.carried,
        ),
    )
    if state is State.PENDING:
        set_row(db, key, "wanted_at = ?", now)
    if record.parked is None:
        set_row(db, key, "error = NULL")
