"""What happened: every event of a file, and the runs that they belong to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kbsync.ledger.rows import path_of, stored_path
from kbsync.ledger.table import Table
from kbsync.log import printable
from kbsync.model import Key

#: A prune deletes at most so many events at a time, so that it holds nobody up.
PRUNE_AT_ONCE = 5_000

_EVENT = "id, at, run, folder, path, happened, text, seconds"
_RUN = "id, kind, folders, started_at, ended_at, counts, result"


class Happening(NamedTuple):
    """An event to be kept; `at` in seconds since the epoch, `path` a file, a directory or ""."""

    at: float
    key: Key
    happened: str
    text: str


@dataclass(frozen=True, slots=True)
class Kept:
    """An event as it was kept.

    `seconds` is how long an indexed file took from being found changed to being searchable.
    """

    id: int
    at: float
    run: int | None
    key: Key
    happened: str
    text: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run, or a time of work of the service; `ended_at` is None while it goes on."""

    id: int
    kind: str
    folders: tuple[str, ...]
    started_at: float
    ended_at: float | None
    counts: Mapping[str, int] = field(default_factory=dict)
    result: str | None = None


class History(Table):
    """Events and runs: written in batches, read by people, pruned by age."""

    def keep(self, happenings: Sequence[Happening], run: int | None) -> None:
        """Keep these events, all of one run, or of none."""
        with self.store.transaction() as db:
            db.executemany(
                "INSERT INTO events (at, run, folder, path, happened, text, seconds)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, (SELECT ?1 - wanted_at FROM files WHERE"
                " ?5 = 'indexed' AND folder = ?3 AND path = ?4 AND wanted_at <= ?1))",
                [
                    (
                        one.at,
                        run,
                        one.key.folder,
                        stored_path(one.key.path),
                        one.happened,
                        printable(one.text),
                    )
                    for one in happenings
                ],
            )
        self.store.leave_mark()

    def begin_run(self, kind: str, now: float) -> int:
        """A run begins; one that a crash left open ended with its last event."""
        with self.store.transaction() as db:
            db.execute(
                "UPDATE runs SET ended_at = last_at, result = 'broke off' WHERE ended_at IS NULL"
            )
            made = db.execute(
                "INSERT INTO runs (kind, folders, started_at, last_at, counts)"
                " VALUES (?, '[]', ?, ?, '{}')",
                (kind, now, now),
            )
            return int(made.lastrowid or 0)

    def update_run(
        self,
        run: int,
        folders: Sequence[str],
        counts: Mapping[str, int],
        now: float,
        result: str | None = None,
    ) -> None:
        """What a run has done so far; with a `result` it ends at `now`."""
        with self.store.transaction() as db:
            db.execute(
                "UPDATE runs SET folders = ?, counts = ?, last_at = ?, ended_at = ?, result = ?"
                " WHERE id = ?",
                (
                    json.dumps(list(folders)),
                    json.dumps(dict(counts)),
                    now,
                    None if result is None else now,
                    result,
                    run,
                ),
            )

    def runs(self, limit: int, *, before: int | None = None) -> list[RunRow]:
        """The latest runs, newest first; with `before`, those older than that one."""
        rows = self.store.rows(
            f"SELECT {_RUN} FROM runs WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2",
            (before, limit),
        )
        return [_run(row) for row in rows]

    def runs_after(self, last: int, limit: int) -> list[RunRow]:
        """The last runs after the run `last` that have ended, oldest first."""
        rows = self.store.rows(
            f"SELECT {_RUN} FROM runs WHERE id > ? AND ended_at IS NOT NULL"
            " ORDER BY id DESC LIMIT ?",
            (last, limit),
        )
        return [_run(row) for row in reversed(rows)]

    def events(self, limit: int, *, of: Key | None = None, before: int | None = None) -> list[Kept]:
        """The latest events, newest first: of all, or of a file, a directory or a folder.

        `of` with the path "" is the whole folder; with `before`, only events older than that one.
        """
        here, values = ("1", ()) if of is None else _within(of)
        rows = self.store.rows(
            f"SELECT {_EVENT} FROM events WHERE {here} AND id < ? ORDER BY id DESC LIMIT ?",
            (*values, (1 << 62) if before is None else before, limit),
        )
        return [_kept(row) for row in rows]

    def events_after(self, last: int, limit: int, *, of: Key | None = None) -> list[Kept]:
        """What was kept after the event `last`, oldest first."""
        here, values = ("1", ()) if of is None else _within(of)
        rows = self.store.rows(
            f"SELECT {_EVENT} FROM events WHERE {here} AND id > ? ORDER BY id LIMIT ?",
            (*values, last, limit),
        )
        return [_kept(row) for row in rows]

    def next_run(self) -> int:
        """The number of the oldest run that has not ended; else that of the next one."""
        rows = self.store.rows(
            "SELECT coalesce(min(CASE WHEN ended_at IS NULL THEN id END), max(id) + 1, 1) FROM runs"
        )
        return int(rows[0][0])

    def last_event(self) -> int:
        """The number of the newest event; 0 when there is none."""
        return int(self.store.rows("SELECT coalesce(max(id), 0) FROM events")[0][0])

    def prune(self, before: float) -> int:
        """Forget up to `PRUNE_AT_ONCE` events, and all runs, that are older; returns the events."""
        with self.store.transaction() as db:
            db.execute("DELETE FROM runs WHERE ended_at < ?", (before,))
            return db.execute(
                "DELETE FROM events WHERE id IN"
                " (SELECT id FROM events WHERE at < ? ORDER BY at LIMIT ?)",
                (before, PRUNE_AT_ONCE),
            ).rowcount


def _within(of: Key) -> tuple[str, tuple[object, ...]]:
    if not of.path:
        return "folder = ?", (of.folder,)
    here = stored_path(of.path)
    first, last = stored_path(of.path + "/"), stored_path(of.path + "0")  # "0" follows "/"
    return "folder = ? AND (path = ? OR path >= ? AND path < ?)", (of.folder, here, first, last)


def _run(row: Sequence[Any]) -> RunRow:
    return RunRow(
        id=row[0],
        kind=row[1],
        folders=tuple(json.loads(row[2])),
        started_at=row[3],
        ended_at=row[4],
        counts=json.loads(row[5]),
        result=row[6],
    )


def _kept(row: Sequence[Any]) -> Kept:
    return Kept(row[0], row[1], row[2], Key(row[3], path_of(row[4])), *row[5:8])
