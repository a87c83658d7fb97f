"""The ledger's transitions: one method each, one transaction each."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, assert_never

from kbsync.ledger.rows import (
    COLUMNS,
    path_of,
    record_of,
    stamp_of,
    stored_path,
    stored_remote,
    stored_stamp,
    stored_version,
)
from kbsync.ledger.store import Store
from kbsync.model import (
    Change,
    Drop,
    Hold,
    Key,
    Put,
    Record,
    Remote,
    Skip,
    Stamp,
    State,
    Version,
    Want,
)
from kbsync.plan import has_document, skip_error

_BATCH = 500
_HERE = "folder = ? AND path = ?"


@dataclass(frozen=True, slots=True)
class Job:
    """A row claimed for work; its result counts only for this record's generation."""

    record: Record
    reason: str

    @property
    def key(self) -> Key:
        """The file it is about."""
        return self.record.key


@dataclass(frozen=True, slots=True)
class Leftover:
    """A document of ours that must still be deleted: replaced, or made twice by an accident."""

    remote: Remote
    key: Key
    attempts: int


@dataclass(frozen=True, slots=True)
class FolderRow:
    """What the ledger remembers of a folder; `last_scan` in seconds since the epoch."""

    name: str
    root: str
    device: int | None
    inode: int | None
    dataset: str
    dataset_id: str | None
    last_scan: float | None
    hold: Hold | None


class Ledger:
    """kbsync's memory; safe to use from several threads.

    `now` arguments are seconds since the epoch.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    @classmethod
    def open(cls, path: Path, *, readonly: bool = False) -> Self:
        """Open, and for a writer create, lock and migrate; raises LedgerError, LedgerBusy."""
        return cls(Store(path, readonly=readonly))

    def close(self) -> None:
        """Close the file and release the writer's lock."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Facts and folders

    def fact(self, name: str, value: str) -> str:
        """The fact of this name, set to `value` if there was none."""
        with self.store.transaction() as db:
            db.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", (name, value))
            row = db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row[0])

    def folder(self, name: str) -> FolderRow | None:
        """What is remembered of a folder, or None before its first scan."""
        rows = self.store.rows(
            "SELECT name, root, device, inode, dataset, dataset_id, last_scan,"
            " held_rule, held_count, held_reason FROM folders WHERE name = ?",
            (name,),
        )
        if not rows:
            return None
        *plain, rule, count, reason = rows[0]
        return FolderRow(*plain, None if rule is None else Hold(name, rule, count, reason))

    def bind(self, name: str, root: str, dataset: str, dataset_id: str) -> None:
        """Remember which dataset a folder's setting means; on another one, send everything."""
        with self.store.transaction() as db:
            db.execute(
                "INSERT INTO folders (name, root, dataset, dataset_id) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET dataset = excluded.dataset,"
                " dataset_id = excluded.dataset_id",
                (name, root, dataset, dataset_id),
            )
            db.execute(
                "UPDATE files SET state = 'pending', generation = generation + 1,"
                " reason = 'dataset changed', not_before = NULL, parked = NULL"
                " WHERE folder = ? AND want = 'present' AND state IN ('completed', 'indexing')"
                " AND coalesce(coming_dataset, live_dataset) <> ?",
                (name, dataset_id),
            )

    def scanned(
        self,
        name: str,
        root: str,
        dataset: str,
        identity: tuple[int, int] | None,
        hold: Hold | None,
        now: float,
    ) -> None:
        """Remember a scan: the root's device and inode (None: keep the last), and its hold."""
        device, inode = (
            stored_stamp(Stamp(0, 0, 0, identity[1], identity[0]))[:2:-1]
            if (identity)
            else (None, None)
        )
        held = (None, None, None) if hold is None else (hold.rule, hold.count, hold.reason)
        with self.store.transaction() as db:
            db.execute(
                "INSERT INTO folders (name, root, dataset, device, inode, last_scan,"
                " held_rule, held_count, held_reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET root = excluded.root,"
                " device = coalesce(excluded.device, device),"
                " inode = coalesce(excluded.inode, inode),"
                " last_scan = excluded.last_scan, held_rule = excluded.held_rule,"
                " held_count = excluded.held_count, held_reason = excluded.held_reason",
                (name, root, dataset, device, inode, now, *held),
            )

    # What the plan compares with

    def settled(self, folder: str, recipe: str) -> dict[str, Stamp]:
        """Stamps, by path, of rows that an equal stamp on disk leaves as they are."""
        rows = self.store.rows(
            f"SELECT path, size, mtime_ns, ctime_ns, inode, device FROM files WHERE {_SETTLED}",  # noqa: S608 - constant text
            (folder, recipe),
        )
        return {
            path_of(path): stamp
            for path, *values in rows
            if (stamp := stamp_of(values)) is not None
        }

    def unsettled(self, folder: str, recipe: str) -> dict[str, Record]:
        """All other rows of the folder, by path."""
        rows = self.store.rows(
            f"SELECT {COLUMNS} FROM files WHERE folder = ? AND NOT ({_SETTLED})",  # noqa: S608 - constant text
            (folder, folder, recipe),
        )
        return {record.key.path: record for record in map(record_of, rows)}

    def records(self, folder: str, paths: Iterable[str]) -> dict[str, Record]:
        """The rows of these paths, by path."""
        found: dict[str, Record] = {}
        wanted = [stored_path(path) for path in paths]
        for start in range(0, len(wanted), _BATCH):
            part = wanted[start : start + _BATCH]
            marks = ",".join("?" * len(part))
            rows = self.store.rows(
                f"SELECT {COLUMNS} FROM files WHERE folder = ? AND path IN ({marks})",  # noqa: S608 - marks only
                (folder, *part),
            )
            found.update((record.key.path, record) for record in map(record_of, rows))
        return found

    def record(self, key: Key) -> Record | None:
        """One row."""
        return self.records(key.folder, [key.path]).get(key.path)

    def with_document(self, folder: str) -> int:
        """How many files of the folder have a document on the server."""
        rows = self.store.rows(
            "SELECT count(*) FROM files WHERE folder = ?"
            " AND coalesce(live_document, coming_document, intent_name) IS NOT NULL",
            (folder,),
        )
        return int(rows[0][0])

    # The plan's word

    def observe(self, changes: Iterable[Change], now: float) -> None:
        """Take up planned changes, all or none: what was seen and what is wanted, not done."""
        with self.store.transaction() as db:
            for change in changes:
                match change:
                    case Put():
                        self._put(db, change, now)
                    case Drop():
                        self._drop(db, change, now)
                    case Skip():
                        self._skip(db, change, now)
                    case _:
                        assert_never(change)

    def _put(self, db: sqlite3.Connection, put: Put, now: float) -> None:
        folder, path = put.seen.key
        db.execute(
            "INSERT INTO files (folder, path, want, state, generation, size, mtime_ns, ctime_ns,"
            " inode, device, reason, changed_at)"
            " VALUES (?, ?, 'present', 'pending', 1, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (folder, path) DO UPDATE SET want = 'present',"
            " state = iif(state = 'sending', state, 'pending'),"
            " generation = generation + 1, size = excluded.size, mtime_ns = excluded.mtime_ns,"
            " ctime_ns = excluded.ctime_ns, inode = excluded.inode, device = excluded.device,"
            " attempts = 0, not_before = NULL, error = NULL, reason = excluded.reason,"
            " changed_at = excluded.changed_at",
            (folder, stored_path(path), *stored_stamp(put.seen.stamp), put.reason, now),
        )

    def _drop(self, db: sqlite3.Connection, drop: Drop, now: float) -> None:
        here = (drop.key.folder, stored_path(drop.key.path))
        record = _get(db, drop.key)
        if record is None:
            return
        if not has_document(record) and record.state is not State.SENDING:
            db.execute(f"DELETE FROM files WHERE {_HERE}", here)  # noqa: S608 - constant text
            return
        db.execute(
            "UPDATE files SET want = 'absent', state = iif(state = 'sending', state, 'pending'),"
            " generation = generation + 1,"
            " attempts = 0, not_before = NULL, error = NULL, reason = ?, changed_at = ?"
            f" WHERE {_HERE}",
            (drop.reason, now, *here),
        )

    def _skip(self, db: sqlite3.Connection, skip: Skip, now: float) -> None:
        key, stamp, _ = skip.skipped
        record = _get(db, key)
        if record is not None and record.state is State.SENDING:
            _set(db, key, "generation = generation + 1, mtime_ns = NULL")
            return
        if record is not None and record.coming is not None:
            self._retire(db, key, record.coming, now, keep=[record.live])
        has_live = record is not None and record.live is not None
        state = State.FAILED if has_live else State.SKIPPED
        db.execute(
            "INSERT INTO files (folder, path, want, state, generation, size, mtime_ns, ctime_ns,"
            " inode, device, error, changed_at)"
            " VALUES (?, ?, 'present', ?, 1, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (folder, path) DO UPDATE SET want = 'present', state = excluded.state,"
            " generation = generation + 1, size = excluded.size, mtime_ns = excluded.mtime_ns,"
            " ctime_ns = excluded.ctime_ns, inode = excluded.inode, device = excluded.device,"
            " coming_dataset = NULL, coming_document = NULL, coming_name = NULL,"
            " coming_batch = NULL, attempts = 0, not_before = NULL, error = excluded.error,"
            " changed_at = excluded.changed_at",
            (key.folder, stored_path(key.path), state, *stored_stamp(stamp))
            + (skip_error(skip.skipped, record), now),
        )

    # Sending

    def claim(self, now: float, folders: Collection[str]) -> Job | None:
        """Take the next due row to work on: puts before drops, small files first."""
        marks = ",".join("?" * len(folders))
        with self.store.transaction() as db:
            row = db.execute(
                f"SELECT {COLUMNS}, reason FROM files"  # noqa: S608 - marks only
                f" WHERE state = 'pending' AND folder IN ({marks})"
                " AND (not_before IS NULL OR not_before <= ?)"
                " AND NOT EXISTS (SELECT 1 FROM leftovers AS l WHERE l.busy = 1"
                "  AND l.folder = files.folder AND l.path = files.path)"
                " ORDER BY want DESC, size LIMIT 1",
                (*folders, now),
            ).fetchone()
            if row is None:
                return None
            record = record_of(row)
            _set(db, record.key, "state = 'sending', changed_at = ?", now)
        return Job(record, row[-1] or "")

    def intend(self, job: Job, dataset_id: str, name: str) -> bool:
        """Write down what is about to be created; False when the job is no longer wanted."""
        with self.store.transaction() as db:
            if not _current(db, job):
                _release(db, job)
                return False
            _set(db, job.key, "intent_dataset = ?, intent_name = ?", dataset_id, name)
        return True

    def sent(
        self, job: Job, remote: Remote, version: Version, stamp: Stamp | None, now: float
    ) -> None:
        """A version is on the server and being indexed; kept even if no longer the newest."""
        with self.store.transaction() as db:
            db.execute("DELETE FROM leftovers WHERE document_id = ?", (remote.document_id,))
            record = _get(db, job.key)
            if record is None:
                self._retire(db, job.key, remote, now)
                return
            if record.coming is not None:
                self._retire(db, job.key, record.coming, now, keep=[record.live, remote])
            _set(
                db,
                job.key,
                "coming_dataset = ?, coming_document = ?, coming_name = ?, coming_batch = ?,"
                " intent_dataset = NULL, intent_name = NULL, sha256 = ?, recipe = ?,"
                " parked = NULL, described = 0, segments = NULL",
                *stored_remote(remote),
                version.sha256,
                version.recipe,
            )
            if _current(db, job):
                self._settle(db, job.key, State.INDEXING, stamp, now)
            else:
                _release(db, job)

    def unchanged(self, job: Job, version: Version, stamp: Stamp | None, now: float) -> None:
        """The live version has the file's content already: whatever was coming is not wanted."""
        with self.store.transaction() as db:
            if not _current(db, job):
                _release(db, job)
                return
            record = _get(db, job.key)
            if record is not None and record.coming is not None:
                self._retire(db, job.key, record.coming, now, keep=[record.live])
            _set(
                db,
                job.key,
                "coming_dataset = NULL, coming_document = NULL, coming_name = NULL,"
                " coming_batch = NULL, sha256 = ?, recipe = ?",
                version.sha256,
                version.recipe,
            )
            self._settle(db, job.key, State.COMPLETED, stamp, now)

    def still_indexing(self, job: Job, stamp: Stamp | None, now: float) -> None:
        """The version being indexed has the file's content already."""
        with self.store.transaction() as db:
            if _current(db, job):
                self._settle(db, job.key, State.INDEXING, stamp, now)
            else:
                _release(db, job)

    def _settle(
        self, db: sqlite3.Connection, key: Key, state: State, stamp: Stamp | None, now: float
    ) -> None:
        _set(
            db,
            key,
            "state = ?, size = coalesce(?, size), mtime_ns = ?, ctime_ns = ?, inode = ?,"
            " device = ?, attempts = 0, not_before = NULL, error = NULL, changed_at = ?",
            state,
            *stored_stamp(stamp),
            now,
        )

    def park(
        self, job: Job, error: str, version: Version | None, stamp: Stamp | None, now: float
    ) -> None:
        """It cannot be sent until the file or the recipe changes; `version` is what was refused."""
        with self.store.transaction() as db:
            if not _current(db, job):
                _release(db, job)
                return
            self._settle(db, job.key, State.FAILED, stamp, now)
            _set(
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
            _release(db, job)
            if _generation(db, job.key) == job.record.generation:
                _set(
                    db,
                    job.key,
                    "attempts = attempts + 1, error = ?, not_before = ?",
                    error,
                    not_before,
                )

    def release(self, job: Job) -> None:
        """Give a claimed row back as it was."""
        with self.store.transaction() as db:
            _release(db, job)

    def lose(self, job: Job, now: float) -> None:
        """The file vanished before it was read: the next scan decides about its document."""
        with self.store.transaction() as db:
            if not _current(db, job):
                _release(db, job)
            elif has_document(job.record):
                self._settle(db, job.key, State.COMPLETED, None, now)
            else:
                here = (job.key.folder, stored_path(job.key.path))
                db.execute(f"DELETE FROM files WHERE {_HERE}", here)  # noqa: S608 - constant text

    def dropped(self, job: Job) -> None:
        """All documents of the row are deleted; the row goes, unless the file came back."""
        with self.store.transaction() as db:
            if _current(db, job) and job.record.want is Want.ABSENT:
                here = (job.key.folder, stored_path(job.key.path))
                db.execute(f"DELETE FROM files WHERE {_HERE}", here)  # noqa: S608 - constant text
                return
            _release(db, job)
            _set(
                db,
                job.key,
                "live_dataset = NULL, live_document = NULL, live_name = NULL, live_batch = NULL,"
                " coming_dataset = NULL, coming_document = NULL, coming_name = NULL,"
                " coming_batch = NULL, intent_dataset = NULL, intent_name = NULL",
            )

    # Indexing

    def in_flight(self, folders: Collection[str]) -> list[tuple[Key, Remote]]:
        """What the server is indexing for these folders, as far as the ledger knows."""
        marks = ",".join("?" * len(folders))
        rows = self.store.rows(
            "SELECT folder, path, coming_dataset, coming_document, coming_name, coming_batch"  # noqa: S608 - marks only
            " FROM files WHERE state = 'indexing' AND coming_document IS NOT NULL"
            f" AND folder IN ({marks})",
            tuple(folders),
        )
        return [(Key(row[0], path_of(row[1])), Remote(*row[2:])) for row in rows]

    def indexed(self, key: Key, remote: Remote, segments: int | None, now: float) -> bool:
        """The coming version answers from now on; the one before it may go.

        Returns whether this completed the row (False: something newer is wanted already).
        """
        with self.store.transaction() as db:
            record = _get(db, key)
            if record is None or not _same(record.coming, remote):
                return False
            if record.live is not None:
                self._retire(db, key, record.live, now, keep=[record.coming])
            _set(
                db,
                key,
                "live_dataset = coming_dataset, live_document = coming_document,"
                " live_name = coming_name, live_batch = coming_batch, coming_dataset = NULL,"
                " coming_document = NULL, coming_name = NULL, coming_batch = NULL, segments = ?",
                segments,
            )
            if record.state is not State.INDEXING:
                return False
            _set(db, key, "state = 'completed', attempts = 0, error = NULL, changed_at = ?", now)
            return True

    def rejected(self, key: Key, remote: Remote, reason: str, now: float) -> bool:
        """Indexing ended without a searchable document: parked, the version before stays live."""
        with self.store.transaction() as db:
            record = _get(db, key)
            if record is None or not _same(record.coming, remote):
                return False
            if record.state is not State.INDEXING:
                return False
            _set(
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
            record = _get(db, key)
            if record is None or not _same(record.coming, remote):
                return False
            state = State.PENDING if record.state is State.INDEXING else record.state
            live_too = _same(record.live, remote)
            _set(
                db,
                key,
                "coming_dataset = NULL, coming_document = NULL, coming_name = NULL,"
                " coming_batch = NULL, state = ?, attempts = attempts + 1, not_before = ?,"
                " error = 'its document disappeared from the server while being indexed'",
                state,
                not_before,
            )
            if live_too:
                _set(
                    db,
                    key,
                    "live_dataset = NULL, live_document = NULL, live_name = NULL,"
                    " live_batch = NULL",
                )
            return True

    # Metadata

    def undescribed(self, folder: str, limit: int = 100) -> list[Record]:
        """Rows whose newest document has not got its metadata yet."""
        rows = self.store.rows(
            f"SELECT {COLUMNS} FROM files WHERE described = 0"  # noqa: S608 - constant text
            " AND state IN ('indexing', 'completed') AND folder = ?"
            " AND coalesce(coming_document, live_document) IS NOT NULL LIMIT ?",
            (folder, limit),
        )
        return [record_of(row) for row in rows]

    def describe(self, documents: Mapping[str, Key]) -> None:
        """The metadata of these documents has been read back as set."""
        with self.store.transaction() as db:
            db.executemany(
                "UPDATE files SET described = 1"
                f" WHERE {_HERE} AND coalesce(coming_document, live_document) = ?",
                [
                    (key.folder, stored_path(key.path), document_id)
                    for document_id, key in documents.items()
                ],
            )

    # Leftovers

    def retire(self, key: Key, remote: Remote, now: float) -> None:
        """Put a document of ours on the list of those that must go."""
        with self.store.transaction() as db:
            record = _get(db, key)
            keep = [] if record is None else [record.live, record.coming]
            self._retire(db, key, remote, now, keep=keep)

    def _retire(
        self,
        db: sqlite3.Connection,
        key: Key,
        remote: Remote,
        now: float,
        *,
        keep: Sequence[Remote | None] = (),
    ) -> None:
        if any(_same(remote, other) for other in keep):
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

    def take_leftover(self, now: float, folders: Collection[str]) -> Leftover | None:
        """The next document that must go, unless its file is being sent at this moment."""
        marks = ",".join("?" * len(folders))
        with self.store.transaction() as db:
            row = db.execute(
                "SELECT dataset_id, document_id, name, folder, path, attempts FROM leftovers AS l"  # noqa: S608 - marks only
                f" WHERE busy = 0 AND folder IN ({marks})"
                " AND (not_before IS NULL OR not_before <= ?)"
                " AND NOT EXISTS (SELECT 1 FROM files WHERE state = 'sending'"
                "  AND files.folder = l.folder AND files.path = l.path)"
                " ORDER BY since LIMIT 1",
                (*folders, now),
            ).fetchone()
            if row is None:
                return None
            db.execute("UPDATE leftovers SET busy = 1 WHERE document_id = ?", (row[1],))
        remote = Remote(row[0], row[1], row[2])
        return Leftover(remote, Key(row[3], path_of(row[4])), row[5])

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

    # Starting again

    def recover(self) -> int:
        """After a crash or a stop: give back what was being worked on; returns how many rows.

        Intents stay, so that the next claim looks for what the lost call made.
        """
        with self.store.transaction() as db:
            db.execute("UPDATE leftovers SET busy = 0 WHERE busy = 1")
            return db.execute("UPDATE files SET state = 'pending' WHERE state = 'sending'").rowcount

    def retry(self, folder: str, paths: Collection[str] | None, now: float) -> int:
        """Send failed files again, all of the folder's or these; returns how many."""
        wanted = None if paths is None else {stored_path(path) for path in paths}
        with self.store.transaction() as db:
            rows = db.execute(
                "SELECT path FROM files WHERE folder = ? AND state IN ('failed', 'pending')"
                " AND (state = 'failed' OR not_before IS NOT NULL)",
                (folder,),
            ).fetchall()
            due = [path for (path,) in rows if wanted is None or path in wanted]
            db.executemany(
                "UPDATE files SET state = 'pending', generation = generation + 1, parked = NULL,"
                " attempts = 0, not_before = NULL, error = NULL, reason = 'retry asked for',"
                f" changed_at = ? WHERE {_HERE}",  # noqa: S608 - constant text
                [(now, folder, path) for path in due],
            )
        return len(due)


# `not_before IS NULL` keeps rows that wait for a later try on the full path.
_SETTLED = (
    "folder = ? AND want = 'present' AND mtime_ns IS NOT NULL"
    " AND (recipe = ? OR recipe IS NULL AND state = 'pending')"
    " AND state IN ('completed', 'indexing', 'pending', 'sending', 'failed')"
)


def _get(db: sqlite3.Connection, key: Key) -> Record | None:
    row = db.execute(
        f"SELECT {COLUMNS} FROM files WHERE {_HERE}",  # noqa: S608 - constant text
        (key.folder, stored_path(key.path)),
    ).fetchone()
    return None if row is None else record_of(row)


def _set(db: sqlite3.Connection, key: Key, assignments: str, *values: object) -> None:
    db.execute(
        f"UPDATE files SET {assignments} WHERE {_HERE}",  # noqa: S608 - constant text
        (*values, key.folder, stored_path(key.path)),
    )


def _generation(db: sqlite3.Connection, key: Key) -> int | None:
    record = _get(db, key)
    return None if record is None else record.generation


def _current(db: sqlite3.Connection, job: Job) -> bool:
    record = _get(db, job.key)
    return (
        record is not None
        and record.generation == job.record.generation
        and record.state is State.SENDING
    )


def _release(db: sqlite3.Connection, job: Job) -> None:
    record = _get(db, job.key)
    if record is not None and record.state is State.SENDING:
        _set(db, job.key, "state = 'pending'")


def _same(one: Remote | None, other: Remote | None) -> bool:
    return one is not None and other is not None and one.document_id == other.document_id
