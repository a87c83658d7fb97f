"""Files that are too large for one document: their parts, each of which is a document.

A row has all of them, so that they live and die as one file. What is sent is what is missing; the
row is completed, and what is not used any more goes, when the last part of the version is indexed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace

from kbsync.ledger.rows import stored_parts, stored_version
from kbsync.ledger.table import Job, Table, get_row, is_current, release_row, set_row, settle_row
from kbsync.model import Key, Part, Record, Remote, Stamp, State, Version


class Parting(Table):
    """Send, index, lose and refuse parts."""

    def part_sent(self, job: Job, remote: Remote, now: float) -> None:
        """A part is on the server; what else it belongs to, `parts_sent` tells."""
        with self.store.transaction() as db:
            self.made_row(db, remote.document_id)
            record = get_row(db, job.key)
            if record is None:
                self.retire_row(db, job.key, remote, now)
                return
            others = without(record.parts, remote.document_id)
            set_row(
                db,
                job.key,
                "parts = ?, intent_dataset = NULL, intent_name = NULL",
                stored_parts((*others, Part(remote))),
            )

    def parts_sent(
        self,
        job: Job,
        order: Sequence[str],
        version: Version,
        stamp: Stamp | None,
        now: float,
        *,
        describe: bool = True,
    ) -> bool:
        """These documents, in this order, are the file's newest version.

        Without `describe`, their metadata are only written if their numbers change. Returns
        whether all of them have been indexed already.
        """
        content = (version.sha256, version.recipe)
        with self.store.transaction() as db:
            record = get_row(db, job.key)
            if record is None or not is_current(db, job):
                release_row(db, job)
                return False
            if record.coming is not None:
                self.retire_row(db, job.key, record.coming, now, keep=[record.live])
            parts = list(_numbered(record.parts, order))
            kept = [part for part in parts if part.number or part.ready]
            self.retire_parts(db, job.key, (one for one in parts if one not in kept), now)
            set_row(
                db,
                job.key,
                "coming_dataset = NULL, coming_document = NULL, coming_name = NULL,"
                " coming_batch = NULL, intent_dataset = NULL, intent_name = NULL, parts = ?,"
                " sha256 = ?, recipe = ?, parked = NULL, described = iif(?, described, 0),"
                " declined = NULL, shelved = NULL, purge_at = NULL, progress = NULL,"
                " progress_at = NULL, again = iif(sha256 = ? AND recipe = ?, again, 0),"
                " vanished = iif(sha256 = ? AND recipe = ?, vanished, 0)",
                stored_parts(kept),
                *content,
                not describe and tuple(kept) == record.parts,
                *content,
                *content,
            )
            settle_row(db, job.key, State.INDEXING, stamp, now)
            return self.end_parts(db, job.key, now)

    def part_indexed(
        self, db: sqlite3.Connection, record: Record, remote: Remote, segments: int | None
    ) -> None:
        """A part answers from now on; inside a transaction."""
        parts = [
            replace(part, ready=True, segments=segments, error=None)
            if part.remote.document_id == remote.document_id
            else part
            for part in record.parts
        ]
        set_row(db, record.key, "parts = ?", stored_parts(parts))

    def part_rejected(
        self, db: sqlite3.Connection, record: Record, remote: Remote, reason: str
    ) -> None:
        """A part cannot be indexed; inside a transaction."""
        parts = [
            replace(part, error=reason) if part.remote.document_id == remote.document_id else part
            for part in record.parts
        ]
        set_row(db, record.key, "parts = ?", stored_parts(parts))

    def end_parts(self, db: sqlite3.Connection, key: Key, now: float) -> bool:
        """If no part is waited for any more, the row is completed, or failed; inside a transaction.

        Returns whether it was completed.
        """
        record = get_row(db, key)
        if record is None or any(part.is_ahead for part in record.parts):
            return False
        current = [part for part in record.parts if part.number]
        refused = [part for part in current if part.error is not None]
        if refused:
            _fail(db, record, refused, now)
            return False
        self.retire_parts(db, key, (part for part in record.parts if not part.number), now)
        if record.live is not None:
            self.retire_row(db, key, record.live, now)
        counts = [part.segments for part in current]
        set_row(
            db,
            key,
            "live_dataset = NULL, live_document = NULL, live_name = NULL, live_batch = NULL,"
            " parts = ?, segments = ?, again = 0, vanished = 0, progress = NULL,"
            " progress_at = NULL, state = 'completed', attempts = 0, error = NULL,"
            " parked = NULL, changed_at = ?",
            stored_parts(current),
            None if None in counts else sum(count or 0 for count in counts),
            now,
        )
        return True


def without(parts: Iterable[Part], document_id: str) -> tuple[Part, ...]:
    """The parts but one."""
    return tuple(part for part in parts if part.remote.document_id != document_id)


def _numbered(parts: Iterable[Part], order: Sequence[str]) -> Iterable[Part]:
    places = {document_id: number for number, document_id in enumerate(order, 1)}
    for part in parts:
        number = places.get(part.remote.document_id, 0)
        yield replace(part, number=number, of=len(order) if number else 0)


def _fail(db: sqlite3.Connection, record: Record, refused: Sequence[Part], now: float) -> None:
    first = refused[0]
    reason = f"part {first.number} of {first.of}: {first.error}"
    if len(refused) > 1:
        reason += f"; and {len(refused) - 1} more"
    set_row(
        db,
        record.key,
        "state = 'failed', error = ?, attempts = attempts + 1, parked = ?, changed_at = ?",
        reason,
        stored_version(record.version),
        now,
    )
