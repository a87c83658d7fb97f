"""Rows whose documents are in doubt, and what a look at the server made sure of."""

from __future__ import annotations

from dataclasses import dataclass

from kbsync.ledger.rows import stored_parts, stored_remote
from kbsync.ledger.table import Job, Table, get_row, is_current, release_row, same_document, set_row
from kbsync.model import Part, Remote, Want


@dataclass(frozen=True, slots=True)
class Sure:
    """A row's documents as the server has them; `strays` are others of its file, which must go."""

    live: Remote | None
    coming: Remote | None
    shelved: str | None
    parts: tuple[Part, ...] = ()
    strays: tuple[Remote, ...] = ()


class Doubting(Table):
    """The way out of doubt."""

    def made_sure(self, job: Job, found: Sure, now: float) -> Job | None:
        """Take up what was found; returns the job with it, or None when it is not wanted any more.

        Then the doubt stays, for the next who works on the row.
        """
        with self.store.transaction() as db:
            if not is_current(db, job):
                release_row(db, job)
                return None
            before = job.record.coming
            for remote in found.strays if before is None else (*found.strays, before):
                self.retire_row(db, job.key, remote, now, keep=[found.live, found.coming])
            for part in found.parts:
                self.made_row(db, part.remote.document_id)
            set_row(
                db,
                job.key,
                "live_dataset = ?, live_document = ?, live_name = ?, live_batch = ?,"
                " coming_dataset = ?, coming_document = ?, coming_name = ?, coming_batch = ?,"
                " parts = ?, shelved = ?, intent_dataset = NULL, intent_name = NULL, doomed = ?",
                *stored_remote(found.live),
                *stored_remote(found.coming),
                stored_parts(found.parts),
                found.shelved,
                int(job.record.want is Want.ABSENT),
            )
            if found.coming is not None and not same_document(found.coming, before):
                self.made_row(db, found.coming.document_id)
                set_row(
                    db,
                    job.key,
                    "described = 0, segments = NULL, progress = NULL, progress_at = NULL",
                )
            record = get_row(db, job.key)
        return None if record is None else Job(record, job.reason)
