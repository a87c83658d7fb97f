"""What the plan compares the disk with, and how its word is taken up."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import assert_never

from kbsync.ledger.moving import Moving
from kbsync.ledger.rows import (
    COLUMNS,
    number_of,
    record_of,
    stored_number,
    stored_path,
    stored_stamp,
)
from kbsync.ledger.shelving import IN_TRASH
from kbsync.ledger.table import HERE, Job, get_row, is_current, release_row, set_row
from kbsync.model import Change, Drop, Hold, Key, Move, Put, Record, Skip, Skipped, State
from kbsync.plan import has_document, skip_error

_BATCH = 500


# A wish that is renewed before it is fulfilled waits since it was first made.
_WANTED_AT = (
    "iif(state IN ('pending', 'sending', 'indexing'),"
    " coalesce(wanted_at, excluded.wanted_at), excluded.wanted_at)"
)


# Where a row's newest documents are: as `Record.newest`, of parts those that have a number.
_DATASET = (
    "coalesce(coming_dataset, CASE WHEN parts IS NOT NULL THEN"
    " (SELECT json_extract(value, '$[0]') FROM json_each(parts)"
    " WHERE json_extract(value, '$[4]') > 0 LIMIT 1) END,"
    " live_dataset, json_extract(parts, '$[0][0]'))"
)


@dataclass(frozen=True, slots=True)
class FolderRow:
    """What the ledger remembers of a folder; `last_scan` in seconds since the epoch.

    `identity` is the device and the inode of its root at the last complete scan.
    """

    name: str
    root: str
    identity: tuple[int, int] | None
    dataset: str
    dataset_id: str | None
    last_scan: float | None
    hold: Hold | None


class Planning(Moving):
    """Folders, the rows a plan needs, and the rows it writes."""

    def folder(self, name: str) -> FolderRow | None:
        """What is remembered of a folder, or None before its first scan."""
        rows = self.store.rows(
            "SELECT name, root, device, inode, dataset, dataset_id, last_scan,"
            " held_rule, held_count, held_reason FROM folders WHERE name = ?",
            (name,),
        )
        if not rows:
            return None
        _, root, device, inode, dataset, dataset_id, last_scan, rule, count, reason = rows[0]
        hold = None if rule is None else Hold(name, rule, count, reason)
        identity = None if device is None else (number_of(device), number_of(inode))
        return FolderRow(name, root, identity, dataset, dataset_id, last_scan, hold)

    def bind(
        self,
        name: str,
        root: str,
        dataset: str,
        dataset_id: str,
        now: float,
        *,
        setting: str | None = None,
    ) -> None:
        """Remember which dataset a name means; what is in the one that it meant is sent again.

        Without a `setting` that names several, it is the folder's only dataset.
        """
        with self.store.transaction() as db:
            db.execute(
                "INSERT INTO folders (name, root, dataset, dataset_id) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET dataset = excluded.dataset,"
                " dataset_id = excluded.dataset_id",
                (name, root, setting or dataset, dataset_id),
            )
            before = db.execute(
                "SELECT dataset_id FROM bindings WHERE folder = ? AND dataset = ?", (name, dataset)
            ).fetchone()
            db.execute(
                "INSERT INTO bindings (folder, dataset, dataset_id) VALUES (?, ?, ?)"
                " ON CONFLICT (folder, dataset) DO UPDATE SET dataset_id = excluded.dataset_id",
                (name, dataset, dataset_id),
            )
            if setting is None:
                db.execute(
                    "DELETE FROM bindings WHERE folder = ? AND dataset <> ?", (name, dataset)
                )
                _send_again(db, name, f"{_DATASET} <> ?", dataset_id, now)
            elif before is not None and before[0] != dataset_id:
                _send_again(db, name, f"{_DATASET} = ?", before[0], now)

    def rebind(self, name: str, setting: str, now: float) -> None:
        """Another setting names the datasets of a folder: look at all of it again."""
        with self.store.transaction() as db:
            db.execute("UPDATE folders SET dataset = ? WHERE name = ?", (setting, name))
            _send_again(db, name, f"{_DATASET} <> ?", "", now)

    def datasets(self, name: str) -> dict[str, str]:
        """The ids of a folder's datasets that are known, by their names."""
        rows = self.store.rows(
            "SELECT dataset, dataset_id FROM bindings WHERE folder = ? ORDER BY dataset", (name,)
        )
        return dict(rows)

    def documents_in(self, dataset_id: str, *, but: Collection[Key] = ()) -> int:
        """How many documents of ours a dataset has, or is about to have; reads every row.

        Those of the files `but` are left out, which are few.
        """
        others = [value for key in but for value in (key.folder, stored_path(key.path))]
        rows = self.store.rows(
            "SELECT coalesce(sum(CASE WHEN parts IS NOT NULL THEN json_array_length(parts)"
            " ELSE 1 END), 0) FROM files"
            f" WHERE coalesce(intent_dataset, {_DATASET}) = ?"
            + " AND NOT (folder = ? AND path = ?)"
            * len(but),
            (dataset_id, *others),
        )
        return int(rows[0][0])

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
        device, inode = (None, None) if identity is None else map(stored_number, identity)
        held = (None, None, None) if hold is None else (hold.rule, hold.count, hold.reason)
        with self.store.transaction() as db:
            db.execute(
                "INSERT INTO folders (name, root, dataset, device, inode, last_scan,"
                " held_rule, held_count, held_reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET"
                " root = iif(excluded.device IS NULL, root, excluded.root),"
                " device = coalesce(excluded.device, device),"
                " inode = coalesce(excluded.inode, inode),"
                " last_scan = excluded.last_scan, held_rule = excluded.held_rule,"
                " held_count = excluded.held_count, held_reason = excluded.held_reason",
                (name, root, dataset, device, inode, now, *held),
            )

    def refused(self, name: str, reason: str | None) -> None:
        """Remember what the server said when it would have nothing of a folder; None: it did."""
        with self.store.transaction() as db:
            db.execute("DELETE FROM facts WHERE name = ?", (f"refused {name}",))
            if reason is not None:
                db.execute("INSERT INTO facts VALUES (?, ?)", (f"refused {name}", reason))

    def refusal(self, name: str) -> str | None:
        """What the server said to the last run, if it refused a folder."""
        rows = self.store.rows("SELECT value FROM facts WHERE name = ?", (f"refused {name}",))
        return None if not rows else str(rows[0][0])

    def hold(self, hold: Hold) -> None:
        """Remember a hold that a look at a part of the folder met."""
        with self.store.transaction() as db:
            db.execute(
                "UPDATE folders SET held_rule = ?, held_count = ?, held_reason = ? WHERE name = ?",
                (hold.rule, hold.count, hold.reason, hold.folder),
            )

    def everything(self, folder: str) -> dict[str, Record]:
        """Every row of the folder, by path."""
        rows = self.store.rows(f"SELECT {COLUMNS} FROM files WHERE folder = ?", (folder,))
        return {record.key.path: record for record in map(record_of, rows)}

    def records(self, folder: str, paths: Iterable[str]) -> dict[str, Record]:
        """The rows of these paths, by path."""
        found: dict[str, Record] = {}
        wanted = [stored_path(path) for path in paths]
        for start in range(0, len(wanted), _BATCH):
            part = wanted[start : start + _BATCH]
            marks = ",".join("?" * len(part))
            rows = self.store.rows(
                f"SELECT {COLUMNS} FROM files WHERE folder = ? AND path IN ({marks})",
                (folder, *part),
            )
            found.update((record.key.path, record) for record in map(record_of, rows))
        return found

    def record(self, key: Key) -> Record | None:
        """One row."""
        return self.records(key.folder, [key.path]).get(key.path)

    def with_document(self, folder: str) -> int:
        """How many files of the folder have a document on the server, in service or about to be."""
        rows = self.store.rows(
            "SELECT count(*) FROM files WHERE folder = ?"
            " AND coalesce(live_document, coming_document, intent_name, parts) IS NOT NULL"
            f" AND NOT ({IN_TRASH})",
            (folder,),
        )
        return int(rows[0][0])

    def unfinished(self, folder: str) -> list[Record]:
        """Rows with work left over: to be sent, or to be deleted."""
        rows = self.store.rows(
            f"SELECT {COLUMNS} FROM files INDEXED BY files_waiting"
            " WHERE folder = ? AND state IN ('pending', 'sending')"
            " AND state IN ('pending', 'sending', 'indexing')",  # the index's own condition
            (folder,),
        )
        return [record_of(row) for row in rows]

    def observe(
        self, changes: Sequence[Change], now: float, *, drop_at: float | None = None
    ) -> None:
        """Take up planned changes, all or none: what was seen and what is wanted, not done.

        Documents of files that are gone are kept until `drop_at`, in seconds since the epoch.
        """
        moves = [change for change in changes if isinstance(change, Move)]
        with self.store.transaction() as db:
            for move in self.move_rows(db, moves, now):
                self._put(db, Put(move.seen, "new"), now)
            for change in changes:
                match change:
                    case Move():
                        pass  # came first: what they leave behind may be the place of a new file
                    case Put():
                        self._put(db, change, now)
                    case Drop():
                        self._drop(db, change, now, drop_at)
                    case Skip():
                        self._skip(db, change, now)
                    case _:
                        assert_never(change)

    def _put(self, db: sqlite3.Connection, put: Put, now: float) -> None:
        folder, path = put.seen.key
        db.execute(
            "INSERT INTO files (folder, path, want, state, generation, size, mtime_ns, ctime_ns,"
            " inode, device, reason, changed_at, wanted_at)"
            " VALUES (?1, ?2, 'present', 'pending', 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)"
            " ON CONFLICT (folder, path) DO UPDATE SET want = 'present',"
            " state = iif(state = 'sending', state, 'pending'),"
            " generation = generation + 1, size = excluded.size, mtime_ns = excluded.mtime_ns,"
            " ctime_ns = excluded.ctime_ns, inode = excluded.inode, device = excluded.device,"
            " attempts = 0, not_before = NULL, error = iif(parked IS NULL, NULL, error),"
            f" purge_at = NULL, wanted_at = {_WANTED_AT},"
            " reason = excluded.reason, changed_at = excluded.changed_at",
            (folder, stored_path(path), *stored_stamp(put.seen.stamp), put.reason, now),
        )

    def _drop(
        self, db: sqlite3.Connection, drop: Drop, now: float, not_before: float | None
    ) -> None:
        here = (drop.key.folder, stored_path(drop.key.path))
        record = get_row(db, drop.key)
        if record is None:
            return
        if not has_document(record) and record.state is not State.SENDING:
            db.execute(f"DELETE FROM files WHERE {HERE}", here)
            return
        db.execute(
            "UPDATE files SET want = 'absent', state = iif(state = 'sending', state, 'pending'),"
            " generation = generation + 1,"
            " attempts = 0, not_before = ?5, error = NULL, reason = ?1, changed_at = ?2,"
            f" wanted_at = {_WANTED_AT.replace('excluded.wanted_at', '?2')}"
            " WHERE folder = ?3 AND path = ?4",
            (drop.reason, now, *here, not_before),
        )

    def skip(self, job: Job, skipped: Skipped, now: float) -> None:
        """What was claimed turned out to be nothing that can be sent."""
        with self.store.transaction() as db:
            current = is_current(db, job)
            release_row(db, job)
            if current:
                self._skip(db, Skip(skipped), now)

    def _skip(self, db: sqlite3.Connection, skip: Skip, now: float) -> None:
        key, stamp, _ = skip.skipped
        record = get_row(db, key)
        if record is not None and record.state is State.SENDING:
            set_row(db, key, "generation = generation + 1, mtime_ns = NULL")
            return
        if record is not None and (record.intent is not None or record.doomed):
            # First somebody has to look what is on the server.
            set_row(
                db,
                key,
                "want = 'present', state = 'pending', generation = generation + 1,"
                " mtime_ns = NULL, not_before = NULL, reason = 'an answer was lost'",
            )
            return
        if record is not None and record.coming is not None:
            self.retire_row(db, key, record.coming, now, keep=[record.live])
        if record is not None and record.parts:
            self.set_aside(db, record, now)
        state = State.FAILED if record is not None and record.answers else State.SKIPPED
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
            (
                key.folder,
                stored_path(key.path),
                state,
                *stored_stamp(stamp),
                skip_error(skip.skipped, record),
                now,
            ),
        )


def _send_again(db: sqlite3.Connection, name: str, condition: str, value: str, now: float) -> None:
    db.execute(
        "UPDATE files SET state = 'pending', generation = generation + 1,"
        " reason = 'dataset changed', not_before = NULL, parked = NULL, again = 0, wanted_at = ?"
        " WHERE folder = ? AND want = 'present'"
        " AND (state IN ('completed', 'indexing') OR state = 'failed' AND again = 1)"
        f" AND {condition}",
        (now, name, value),
    )
