"""Documents of ours that must still go: replaced ones, and twins made by an accident."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from kbsync.ledger.rows import path_of
from kbsync.ledger.table import IS_DUE, Table, due, get_row
from kbsync.model import Key, Remote


@dataclass(frozen=True, slots=True)
class Leftover:
    """A document of ours that must still be deleted: replaced, or made twice by an accident."""

    remote: Remote
    key: Key
    attempts: int


class Leftovers(Table):
    """The list of documents to delete; one being deleted keeps its file from being sent."""

    def retire(self, key: Key, remote: Remote, now: float) -> None:
        """Put a document of ours on the list of those that must go."""
        with self.store.transaction() as db:
            record = get_row(db, key)
            keep = () if record is None else record.documents
            self.retire_row(db, key, remote, now, keep=keep)

    def leftover(self, document_id: str) -> Leftover | None:
        """The entry of a document, or None."""
        rows = self.store.rows(
            "SELECT dataset_id, document_id, name, folder, path, attempts FROM leftovers"
            " WHERE document_id = ?",
            (document_id,),
        )
        return _leftover(rows[0]) if rows else None

    def take_leftover(self, now: float, folders: Collection[str]) -> Leftover | None:
        """The next document that must go, unless its file is being sent at this moment."""
        marks = ",".join("?" * len(folders))
        with self.store.transaction() as db:
            row = db.execute(
                "SELECT dataset_id, document_id, name, folder, path, attempts FROM leftovers AS l"
                f" WHERE busy = 0 AND folder IN ({marks})"
                f" AND {IS_DUE}"
                " AND NOT EXISTS (SELECT 1 FROM files WHERE state = 'sending'"
                "  AND files.folder = l.folder AND files.path = l.path)"
                " ORDER BY since LIMIT 1",
                (*folders, *due(now)),
            ).fetchone()
            if row is None:
                return None
            db.execute("UPDATE leftovers SET busy = 1 WHERE document_id = ?", (row[1],))
        return _leftover(row)

    def leftover_gone(self, leftover: Leftover) -> None:
        """It is deleted; forget it."""
        with self.store.transaction() as db:
            document_id = leftover.remote.document_id
            db.execute("DELETE FROM leftovers WHERE document_id = ?", (document_id,))

    def leftover_kept(self, leftover: Leftover, error: str, not_before: float) -> None:
        """It could not be deleted now."""
        with self.store.transaction() as db:
            db.execute(
                "UPDATE leftovers SET busy = 0, attempts = attempts + 1, error = ?, not_before = ?"
                " WHERE document_id = ?",
                (error, not_before, leftover.remote.document_id),
            )


def _leftover(row: Sequence[Any]) -> Leftover:
    return Leftover(Remote(row[0], row[1], row[2]), Key(row[3], path_of(row[4])), row[5])
