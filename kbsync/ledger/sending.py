"""From a claimed row to a document on the server, or to none."""

from __future__ import annotations

from collections.abc import Collection

from kbsync.ledger.rows import (
    COLUMNS,
    record_of,
    stored_path,
    stored_remote,
    stored_version,
)
from kbsync.ledger.table import (
    DROPS_ONLY,
    HERE,
    IS_DUE,
    Job,
    Table,
    due,
    generation_of,
    get_row,
    is_as_judged,
    is_current,
    marks_of,
    release_row,
    same_document,
    set_row,
    settle_row,
)
from kbsync.model import UNTRUSTED, Remote, Stamp, State, Version, Want
from kbsync.plan import has_document


class Sending(Table):
    """Claim, intend, and every way a piece of work can end."""

    def claim(
        self,
        now: float,
        folders: Collection[str],
        reason: str | None = None,
        *,
        max_indexing: int = 0,
    ) -> Job | None:
        """Take the next due row to work on: puts before drops, small files first.

        With `reason`, only one that was last put to work for it. While `max_indexing` documents of
        these folders are being sent or indexed, only a drop; 0 is no limit.
        """
        marks = marks_of(folders)
        with self.store.transaction() as db:
            drops = DROPS_ONLY if self.is_full(folders, max_indexing) else ""
            row = db.execute(
                f"SELECT {COLUMNS}, reason FROM files INDEXED BY files_pending"
                f" WHERE state = 'pending' AND folder IN ({marks})"
                f" AND {IS_DUE} AND (? IS NULL OR reason = ?)"
                f"{drops}"
                " AND NOT EXISTS (SELECT 1 FROM leftovers AS l WHERE l.busy = 1"
                "  AND l.folder = files.folder AND l.path = files.path)"
                " ORDER BY want DESC, size LIMIT 1",
                (*folders, *due(now), reason, reason),
            ).fetchone()
            if row is None:
                return None
            record = record_of(row)
            doomed = record.doomed or record.want is Want.ABSENT
            set_row(db, record.key, "state = 'sending', doomed = ?, changed_at = ?", doomed, now)
        return Job(record, row[-1] or "")

    def intend(self, job: Job, dataset_id: str, name: str) -> bool:
        """Write down what is about to be created; False when the job is no longer wanted."""
        with self.store.transaction() as db:
            if not is_current(db, job):
                release_row(db, job)
                return False
            set_row(db, job.key, "intent_dataset = ?, intent_name = ?", dataset_id, name)
        self.store.secure()
        return True

    def sent(
        self, job: Job, remote: Remote, version: Version, stamp: Stamp | None, now: float
    ) -> None:
        """A version is on the server and being indexed; kept even if no longer the newest."""
        content = (version.sha256, version.recipe)
        with self.store.transaction() as db:
            self.made_row(db, remote.document_id)
            record = get_row(db, job.key)
            if record is None:
                self.retire_row(db, job.key, remote, now)
                return
            if record.coming is not None:
                self.retire_row(db, job.key, record.coming, now, keep=[record.live, remote])
            self.set_aside(db, record, now)
            if same_document(record.live, remote):  # made over it: it is not what it was
                set_row(
                    db,
                    job.key,
                    "live_dataset = NULL, live_document = NULL, live_name = NULL,"
                    " live_batch = NULL",
                )
            set_row(
                db,
                job.key,
                "coming_dataset = ?, coming_document = ?, coming_name = ?, coming_batch = ?,"
                " intent_dataset = NULL, intent_name = NULL, sha256 = ?, recipe = ?,"
                " parked = NULL, described = 0, segments = NULL, resend = 0, declined = NULL,"
                " progress = NULL,"
                " progress_at = NULL, again = iif(sha256 = ? AND recipe = ?, again, 0),"
                " vanished = iif(sha256 = ? AND recipe = ?, vanished, 0)",
                *stored_remote(remote),
                *content,
                *content,
                *content,
            )
            if is_current(db, job):
                settle_row(db, job.key, State.INDEXING, stamp, now)
            else:
                release_row(db, job)

    def unchanged(
        self,
        job: Job,
        version: Version,
        stamp: Stamp | None,
        now: float,
        *,
        describe: bool = False,
    ) -> None:
        """The live version has the file's content already: whatever was coming is not wanted.

        With `describe`, its metadata may have changed.
        """
        with self.store.transaction() as db:
            if not is_as_judged(db, job):
                release_row(db, job)
                return
            record = get_row(db, job.key)
            if record is not None and record.coming is not None:
                self.retire_row(db, job.key, record.coming, now, keep=[record.live])
            if record is not None:
                self.retire_parts(db, job.key, record.parts, now)
            set_row(
                db,
                job.key,
                "coming_dataset = NULL, coming_document = NULL, coming_name = NULL,"
                " coming_batch = NULL, shelved = NULL, purge_at = NULL, parts = NULL,"
                " sha256 = ?, recipe = ?,"
                " described = iif(?, 0, described)",
                version.sha256,
                version.recipe,
                describe,
            )
            settle_row(db, job.key, State.COMPLETED, stamp, now)

    def still_indexing(self, job: Job, version: Version, stamp: Stamp | None, now: float) -> None:
        """The version being indexed has the file's content already.

        It may have been finished since the job was claimed, or be gone: then the file is looked
        at again.
        """
        with self.store.transaction() as db:
            if is_as_judged(db, job):
                set_row(db, job.key, "sha256 = ?, recipe = ?", version.sha256, version.recipe)
                settle_row(db, job.key, State.INDEXING, stamp, now)
            else:
                release_row(db, job)

    def declined(self, job: Job, stamp: Stamp | None, now: float) -> None:
        """The file is still the one whose document a person deleted: it stays away."""
        with self.store.transaction() as db:
            if is_current(db, job):
                settle_row(db, job.key, State.COMPLETED, stamp, now)
            else:
                release_row(db, job)

    def park(
        self,
        job: Job,
        error: str,
        version: Version | None,
        stamp: Stamp | None,
        now: float,
        *,
        nothing: bool = False,
    ) -> None:
        """It cannot be sent until the file or the recipe changes; `version` is what was refused.

        With `nothing` to index in it, it is skipped, unless an older version still answers.
        """
        with self.store.transaction() as db:
            if not is_current(db, job):
                release_row(db, job)
                return
            skipped = nothing and not job.record.answers
            settle_row(db, job.key, State.SKIPPED if skipped else State.FAILED, stamp, now)
            set_row(
                db,
                job.key,
                "error = ?, attempts = ?, parked = ?, intent_dataset = NULL, intent_name = NULL",
                error,
                job.record.attempts + 1,
                stored_version(version),
            )

    def postpone(self, job: Job, error: str, not_before: float) -> None:
        """It could not be done now; it is due again at `not_before`."""
        with self.store.transaction() as db:
            release_row(db, job)
            if generation_of(db, job.key) == job.record.generation:
                set_row(
                    db,
                    job.key,
                    "attempts = attempts + 1, error = ?, not_before = ?",
                    error,
                    not_before,
                )

    def release(self, job: Job, reason: str | None = None) -> None:
        """Give a claimed row back as it was, or with another reason to work on it."""
        with self.store.transaction() as db:
            release_row(db, job)
            if reason is not None:
                set_row(db, job.key, "reason = ?", reason)

    def lose(self, job: Job, now: float) -> None:
        """The file vanished before it was read: the next scan decides about its documents.

        It may find the file at another place: what is being indexed is followed until then.
        """
        with self.store.transaction() as db:
            record = get_row(db, job.key)
            if record is None or not is_current(db, job):
                release_row(db, job)
            elif has_document(job.record):
                ahead = record.coming is not None or any(part.is_ahead for part in record.parts)
                state = State.INDEXING if ahead else State.COMPLETED
                stamp = job.record.stamp and job.record.stamp._replace(ctime_ns=UNTRUSTED)
                settle_row(db, job.key, state, stamp, now)
            else:
                here = (job.key.folder, stored_path(job.key.path))
                db.execute(f"DELETE FROM files WHERE {HERE}", here)

    def dropped(self, job: Job) -> None:
        """All documents of the row are deleted; the row goes, unless the file came back."""
        with self.store.transaction() as db:
            if is_current(db, job) and job.record.want is Want.ABSENT:
                here = (job.key.folder, stored_path(job.key.path))
                db.execute(f"DELETE FROM files WHERE {HERE}", here)
                return
            release_row(db, job)
            set_row(
                db,
                job.key,
                "live_dataset = NULL, live_document = NULL, live_name = NULL, live_batch = NULL,"
                " coming_dataset = NULL, coming_document = NULL, coming_name = NULL,"
                " coming_batch = NULL, intent_dataset = NULL, intent_name = NULL, shelved = NULL,"
                " purge_at = NULL, parts = NULL, doomed = 0",
            )
