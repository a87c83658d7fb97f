"""From a document being indexed to one that answers, and its metadata."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kbsync.ledger.parting import Parting, without
from kbsync.ledger.rows import COLUMNS, record_of, stored_parts, stored_version
from kbsync.ledger.table import get_row, same_document, set_row
from kbsync.model import Key, Record, Remote, State

_DESCRIBE_TRIES = 3

_VANISHED = (
    "vanished = vanished + (state = 'indexing'), not_before = ?,"
    " error = 'its document disappeared from the server while being indexed'"
)


class Following(Parting):
    """What the server says of documents that were sent."""

    def indexed(self, key: Key, remote: Remote, segments: int | None, now: float) -> bool:
        """The coming version answers from now on; the one before it may go.

        Returns whether this completed the row (False: something newer is wanted already).
        """
        with self.store.transaction() as db:
            record = get_row(db, key)
            if record is not None and _is_part(record, remote):
                self.part_indexed(db, record, remote, segments)
                followed = record.state in {State.INDEXING, State.FAILED}
                return followed and record.is_whole and self.end_parts(db, key, now)
            if record is None or not same_document(record.coming, remote):
                return False
            if record.live is not None:
                self.retire_row(db, key, record.live, now, keep=[record.coming])
            self.retire_parts(db, key, record.parts, now)
            set_row(
                db,
                key,
                "live_dataset = coming_dataset, live_document = coming_document,"
                " live_name = coming_name, live_batch = coming_batch, coming_dataset = NULL,"
                " coming_document = NULL, coming_name = NULL, coming_batch = NULL, shelved = NULL,"
                " parts = NULL, again = 0, vanished = 0, progress = NULL, progress_at = NULL,"
                " segments = ?",
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
        """Indexing ended without a searchable document: parked, the version before stays live.

        Returns whether this failed the row; for a part, that waits for the last of the others.
        """
        with self.store.transaction() as db:
            record = get_row(db, key)
            if record is not None and _is_part(record, remote):
                self.part_rejected(db, record, remote, reason)
                if record.state is State.INDEXING:
                    self.end_parts(db, key, now)
                found = get_row(db, key)
                return (
                    record.state is not State.FAILED
                    and found is not None
                    and (found.state is State.FAILED)
                )
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
            if record is None:
                return False
            state = State.PENDING if record.state is State.INDEXING else record.state
            if _is_part(record, remote):
                parts = stored_parts(without(record.parts, remote.document_id))
                set_row(db, key, f"parts = ?, state = ?, {_VANISHED}", parts, state, not_before)
                return True
            if not same_document(record.coming, remote):
                return False
            live_too = same_document(record.live, remote)
            set_row(
                db,
                key,
                "coming_dataset = NULL, coming_document = NULL, coming_name = NULL,"
                f" coming_batch = NULL, state = ?, {_VANISHED}",
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
            " AND coalesce(coming_document, live_document, parts) IS NOT NULL"
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

    def describe(self, records: Collection[Record], confirmed: Collection[str]) -> None:
        """The metadata of their newest documents was written; `confirmed` were read back as set."""
        done = [all(one.document_id in confirmed for one in record.newest) for record in records]
        self._describe(records, done, "described - 1")

    def describe_never(self, records: Collection[Record]) -> None:
        """The server of these has no metadata: nothing more is tried."""
        self._describe(records, [False] * len(records), str(-_DESCRIBE_TRIES))

    def _describe(self, records: Collection[Record], done: Collection[bool], missed: str) -> None:
        """Unless they have other documents by now."""
        with self.store.transaction() as db:
            for record, is_done in zip(records, done, strict=True):
                now = get_row(db, record.key)
                if now is not None and _ids(now.newest) == _ids(record.newest):
                    set_row(db, record.key, f"described = iif(?, 1, {missed})", is_done)


def _is_part(record: Record, remote: Remote) -> bool:
    return any(same_document(part.remote, remote) for part in record.parts)


def _ids(remotes: Iterable[Remote]) -> list[str]:
    return [remote.document_id for remote in remotes]
