"""Documents out of service: their file is gone, they wait for its return or for their purge.

Such a row wants ABSENT and is COMPLETED; `shelved` says how its live document was taken out.
"""

from __future__ import annotations

from dataclasses import dataclass

from kbsync.ledger.rows import stored_parts, stored_remote
from kbsync.ledger.table import Job, Table, get_row, is_current, release_row, set_row
from kbsync.model import Record, Want

#: Rows whose document is on the server and out of service.
IN_TRASH = "want = 'absent' AND state = 'completed'"


@dataclass(frozen=True, slots=True)
class Trash:
    """How many documents of a folder are out of service, and when the first is purged, if any."""

    count: int
    next_purge: float | None


class Shelving(Table):
    """Out of service, and what there is of it; coming back is `unchanged`."""

    def shelve(self, job: Job, how: str, purge_at: float | None, now: float) -> None:
        """What answered is out of service; what was coming is not wanted any more.

        What has begun to answer since the job was claimed is not: then the row is worked on again.
        """
        with self.store.transaction() as db:
            record = get_row(db, job.key)
            if record is None:
                return
            if _answering(record) - _answering(job.record):
                release_row(db, job)
                return
            set_row(db, job.key, "shelved = ?, doomed = 0", how)
            if not is_current(db, job) or record.want is not Want.ABSENT:
                release_row(db, job)
                return
            if record.coming is not None:
                self.retire_row(db, job.key, record.coming, now, keep=[record.live])
            kept = [part for part in record.parts if part.ready]
            self.retire_parts(db, job.key, (one for one in record.parts if not one.ready), now)
            set_row(
                db,
                job.key,
                "state = 'completed', purge_at = ?, coming_dataset = ?, coming_document = ?,"
                " coming_name = ?, coming_batch = ?, intent_dataset = NULL, intent_name = NULL,"
                " attempts = 0, not_before = NULL, error = NULL, parts = ?, changed_at = ?",
                purge_at,
                *stored_remote(None),
                stored_parts(kept),
                now,
            )

    def trash(self, folder: str) -> Trash:
        """What is out of service in a folder."""
        rows = self.store.rows(
            "SELECT count(*), min(purge_at) FROM files INDEXED BY files_by_kind"
            " WHERE folder = ? AND kind = 'trash'",
            (folder,),
        )
        return Trash(*rows[0])


def _answering(record: Record) -> set[str]:
    parts = {part.remote.document_id for part in record.parts if part.ready}
    return parts if record.live is None else parts | {record.live.document_id}
