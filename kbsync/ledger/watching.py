"""How documents in flight move: what their progress looked like, and for how long."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kbsync.ledger.rows import COLUMNS, path_of, record_of, stored_parts, stored_path
from kbsync.ledger.table import HERE, Table, get_row, marks_of, same_document, set_row
from kbsync.model import Key, Remote, State
from kbsync.stuck import Flight, Watch

_FACT = "watch"
#: Shorter pauses than this are added up before they are written down.
_LEAST_SECONDS = 1.0

#: What is being indexed, and what was parked as stuck.
_FOLLOWED = (
    "INDEXED BY files_indexing WHERE state = 'indexing'",
    "INDEXED BY files_again WHERE state = 'failed' AND again = 1",
)


class Watching(Table):
    """The flights, and the count of seconds for which they have been watched."""

    def in_flight(self, folders: Collection[str]) -> list[Flight]:
        """What the server is indexing for these folders, as far as the ledger knows.

        With it come documents that were parked as stuck: they may yet be finished.
        """
        marks = marks_of(folders)
        rows = self.store.rows(
            " UNION ALL ".join(
                "SELECT folder, path, coming_dataset, coming_document, coming_name, coming_batch,"
                f" progress, progress_at, changed_at, again, vanished, state FROM files {each}"
                f" AND coming_document IS NOT NULL AND folder IN ({marks})"
                for each in _FOLLOWED
            ),
            (*folders, *folders),
        )
        in_parts = self.store.rows(
            f"SELECT {COLUMNS}, progress, progress_at, changed_at, again, vanished, state"
            " FROM files INDEXED BY files_in_parts WHERE parts IS NOT NULL"
            f" AND (state = 'indexing' OR state = 'failed' AND again = 1) AND folder IN ({marks})",
            tuple(folders),
        )
        whole = [_flight(Key(row[0], path_of(row[1])), Remote(*row[2:6]), row[6:]) for row in rows]
        return whole + [
            _flight(record.key, part.remote, row[-6:])
            for row in in_parts
            for record in (record_of(row),)
            for part in record.parts
            if part.is_ahead
        ]

    def watch(
        self, marks: Mapping[Key, str], finished: Collection[float], now: float, most: float
    ) -> Watch:
        """Count the pause since the last look, at most `most` seconds of it, and what it brought.

        Args:
            marks: the progress of those for which it looks other than before.
            finished: when those were sent that a worker has finished since.
            now: seconds since the epoch; a clock that was set back or forward does no harm.
            most: what a longer pause counts for.
        """
        with self.store.transaction() as db:
            last, at = _read(db)
            pause = min(max(0.0, now - at), most) if at else 0.0
            moved = bool(marks or finished)
            if at and not moved and 0 <= now - at < _LEAST_SECONDS:
                return last
            seconds = last.seconds + pause
            # What was sent later than now was sent before the clock was set back.
            front = max((sent for sent in (last.front, *finished) if sent <= now), default=0.0)
            found = Watch(seconds, seconds if moved else last.moved, front)
            _write(db, found, now)
            db.executemany(
                f"UPDATE files SET progress = ?, progress_at = ? WHERE {HERE}",
                [(mark, seconds, key.folder, stored_path(key.path)) for key, mark in marks.items()],
            )
        return found

    def start_again(self, key: Key, remote: Remote, reason: str, now: float) -> bool:
        """A stuck document goes, and then its file is sent again, once; of parts, all that wait.

        It is put on the list of those that must go as being deleted, so that nothing is sent
        before; `leftover_gone` or `leftover_kept` ends that. False when something newer happened.
        """
        with self.store.transaction() as db:
            record = get_row(db, key)
            if record is None or record.state is not State.INDEXING:
                return False
            stuck = [part for part in record.parts if part.is_ahead]
            is_part = any(same_document(part.remote, remote) for part in stuck)
            if not is_part and not same_document(record.coming, remote):
                return False
            self.retire_parts(db, key, stuck, now)
            kept = stored_parts(part for part in record.parts if part not in stuck)
            self.retire_row(db, key, remote, now, keep=[record.live])
            db.execute("UPDATE leftovers SET busy = 1 WHERE document_id = ?", (remote.document_id,))
            set_row(
                db,
                key,
                "coming_dataset = NULL, coming_document = NULL, coming_name = NULL,"
                " coming_batch = NULL, parts = ?, state = 'pending', not_before = NULL, again = 1,"
                " progress = NULL, progress_at = NULL, error = ?, reason = 'was stuck',"
                " changed_at = ?",
                kept,
                reason,
                now,
            )
        return True


def _flight(key: Key, remote: Remote, told: Sequence[Any]) -> Flight:
    mark, since, sent_at, again, vanished, state = told
    return Flight(
        key,
        remote,
        mark,
        since or 0.0,
        sent_at,
        again=bool(again),
        vanished=vanished,
        parked=state == "failed",
    )


def _read(db: sqlite3.Connection) -> tuple[Watch, float]:
    row = db.execute("SELECT value FROM facts WHERE name = ?", (_FACT,)).fetchone()
    if row is None:
        return Watch(), 0.0
    seconds, moved, front, at = map(float, row[0].split())
    return Watch(seconds, moved, front), at


def _write(db: sqlite3.Connection, watch: Watch, now: float) -> None:
    told = f"{watch.seconds:.3f} {watch.moved:.3f} {watch.front:.3f} {now:.3f}"
    db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (_FACT, told))
