"""From a document being indexed to one that answers, and its metadata."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from kbsync.ledger.rows import COLUMNS, record_of, stored_path, stored_version
from kbsync.ledger.table import HERE, Table, get_row, same_document, set_row
from kbsync.model import Key, Record, Remote, State

_DESCRIBE_TRIES = 3


class Following(Table):
    """What the server says of documents that were sent."""

    def indexed(self, key: Key, remote: Remote, segments: int | None, now: float) -> bool:
        """The coming version answers from now on; the one before it may go.

        Returns whether this completed the row (False: something newer is wanted already).
        """
        with self.store.transaction() as db:
            record = get_row(db, key)
            if record is None or not same_document(record.coming, remote):
                return False
            if record.live is not None:
                self.retire_row(db, key, record.live, now, keep=[record.coming])
            set_row(
                db,
                key,
                "live_dataset = coming_dataset, live_document = coming_document,"
                " live_name = coming_name, live_batch = coming_batch, coming_dataset = NULL,"
                " coming_document = NULL, coming_name = NULL, coming_batch = NULL, shelved = NULL,"
                " again = 0, progress = NULL, progress_at = NULL, segments = ?",
                segments,
            )
            if record.state not in {State.INDEXING, State.FAILED}:
                return False
            set_row(
                db,
                key,
                "state = 'completed', attempts = 0, error = NULL, parked = NULL, changed_at = ?",
                now,
            )
            return True

    def rejected(self, key: Key, remote: Remote, reason: str, now: float) -> bool:
        """Indexing ended without a searchable document: parked, the version before stays live."""
        with self.store.transaction() as db:
            record = get_row(db, key)
            if record is None or not same_document(record.coming, remote):
                return False
            if record.state is not State.INDEXING:
                return False
            set_row(
                db,
                key,
                "state = 'failed', error = ?, attempts = attempts + 1, parked = ?, changed_at = ?",
                reason,
                stored_version(record.version),
                now,
            )
            return True

    def vanished(self, key: Key, remote: Remote, not_before: float) -> bool:
        """The document disappeared while it was being indexed: send the file again."""
        with self.store.transaction() as db:
            record = get_row(db, key)
            if record is None or not same_document(record.coming, remote):
                return False
            state = State.PENDING if record.state is State.INDEXING else record.state
            live_too = same_document(record.live, remote)
            set_row(
                db,
                key,
                "coming_dataset = NULL, coming_document = NULL, coming_name = NULL,"
                " coming_batch = NULL, state = ?, attempts = attempts + 1, not_before = ?,"
                " error = 'its document disappeared from the server while being indexed'",
                state,
                not_before,
            )
            if live_too:
                set_row(
                    db,
                    key,
                    "live_dataset = NULL, live_document = NULL, live_name = NULL,"
                    " live_batch = NULL",
                )
            return True

    def undescribed(self, folder: str, limit: int = 100) -> list[Record]:
        """Rows whose newest document has not got its metadata yet; given up after three tries."""
        rows = self.store.rows(
            f"SELECT {COLUMNS} FROM files INDEXED BY files_undescribed"
            " WHERE described <= 0 AND described > ?"
            " AND state IN ('indexing', 'completed') AND folder = ?"
            " AND coalesce(coming_document, live_document) IS NOT NULL"
            " ORDER BY described DESC LIMIT ?",
            (-_DESCRIBE_TRIES, folder, limit),
        )
        return [record_of(row) for row in rows]

    def redescribe(self, folder: str, fields: str) -> bool:
        """Write all metadata again if `fields`, a digest, is not what they were written by.

        Returns whether there is anything to write again.
        """
        name = f"metadata {folder}"
        known = self.store.rows("SELECT value FROM facts WHERE name = ?", (name,))
        if (known[0][0] if known else "") == fields:
            return False
        with self.store.transaction() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, fields))
            found = db.execute(
                "UPDATE files SET described = 0 WHERE folder = ? AND described <> 0", (folder,)
            )
            return found.rowcount > 0

    def describe(self, documents: Mapping[str, Key], confirmed: Collection[str]) -> None:
        """The metadata of these documents was written; of `confirmed`, it was read back as set."""
        self._describe(documents, confirmed, "described - 1")

    def describe_never(self, documents: Mapping[str, Key]) -> None:
        """The server of these documents has no metadata: nothing more is tried."""
        self._describe(documents, (), str(-_DESCRIBE_TRIES))

    def _describe(
        self, documents: Mapping[str, Key], confirmed: Collection[str], missed: str
    ) -> None:
        with self.store.transaction() as db:
            db.executemany(
                f"UPDATE files SET described = iif(?, 1, {missed})"
                f" WHERE {HERE} AND coalesce(coming_document, live_document) = ?",
                [
                    (document_id in confirmed, key.folder, stored_path(key.path), document_id)
                    for document_id, key in documents.items()
                ],
            )
