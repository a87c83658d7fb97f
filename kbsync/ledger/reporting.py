"""Read-only answers for people: counts, failures, what waits."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from kbsync.ledger.listing import Listing
from kbsync.ledger.rows import COLUMNS, path_of, record_of, stored_path
from kbsync.ledger.table import HERE
from kbsync.model import Key, Record, State

#: The state of each kind of row but those in the trash.
_STATE_OF = {state.value: state for state in State} | {
    "again": State.PENDING,
    "deleting": State.PENDING,
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """A file that is not on the server as it should be; `next_try` in seconds since the epoch."""

    key: Key
    state: State
    reason: str
    attempts: int
    next_try: float | None


@dataclass(frozen=True, slots=True)
class Details:
    """What `explain` tells of one row beyond its record; times in seconds since the epoch."""

    record: Record
    reason: str | None
    described: bool
    segments: int | None
    changed_at: float


@dataclass(frozen=True, slots=True)
class Abandoned:
    """A folder that is configured no more, and whose documents are there still."""

    name: str
    root: str
    dataset: str
    documents: int


class Reporting(Listing):
    """Questions that change nothing."""

    def abandoned(self, configured: Collection[str]) -> list[Abandoned]:
        """Folders with documents that are not among these."""
        marks = ",".join("?" * len(configured))
        rows = self.store.rows(
            "SELECT name, root, dataset, (SELECT count(*) FROM files WHERE folder = name"
            "  AND coalesce(live_document, coming_document, intent_name, parts) IS NOT NULL)"
            " AS documents"
            f" FROM folders WHERE name NOT IN ({marks}) AND documents > 0 ORDER BY name",
            tuple(configured),
        )
        return [Abandoned(*row) for row in rows]

    def counts(self, folder: str) -> dict[State, int]:
        """Files by state; every state is there, and documents out of service are not counted."""
        counts = dict.fromkeys(State, 0)
        for kind, count in self.kinds_of(folder).items():
            if (state := _STATE_OF.get(kind)) is not None:
                counts[state] += count
        return counts

    def signature(self) -> str:
        """Text that is another one after any row came, went, or changed its state."""
        rows = self.store.rows("SELECT coalesce(sum(count), 0), sum(changes) FROM tallies")
        return repr(tuple(rows[0]))

    def oldest_pending(self, folder: str) -> float | None:
        """Since when the longest waiting file has waited."""
        rows = self.store.rows(
            "SELECT min(wanted_at) FROM files INDEXED BY files_waiting"
            " WHERE folder = ? AND state IN ('pending', 'sending', 'indexing')",
            (folder,),
        )
        return None if rows[0][0] is None else float(rows[0][0])

    def troubles(self, folder: str) -> list[Trouble]:
        """Failed files, and those whose last try failed and that wait for the next."""
        return self._troubles(
            "folder = ? AND kind IN ('failed', 'again', 'deleting')"
            " AND (kind = 'failed' OR error IS NOT NULL)",
            folder,
        )

    def skipped(self, folder: str) -> list[Trouble]:
        """Files that are there and not sent, with the reason."""
        return self._troubles("folder = ? AND kind = 'skipped'", folder)

    def _troubles(self, condition: str, folder: str) -> list[Trouble]:
        rows = self.store.rows(
            "SELECT path, state, error, attempts, not_before FROM files"
            f" INDEXED BY files_by_kind WHERE {condition} ORDER BY path",
            (folder,),
        )
        return [
            Trouble(Key(folder, path_of(path)), State(state), error or "", attempts, not_before)
            for path, state, error, attempts, not_before in rows
        ]

    def by_document(self, document_ids: Collection[str]) -> dict[str, Record]:
        """The file that each document belongs to, where it is one of ours; reads every row."""
        marks = ", ".join("?" * len(document_ids))
        rows = self.store.rows(
            f"SELECT {COLUMNS} FROM files"
            f" WHERE live_document IN ({marks}) OR coming_document IN ({marks})"
            " OR parts IS NOT NULL",
            (*document_ids, *document_ids),
        )
        records = [record_of(row) for row in rows]
        return {
            remote.document_id: record
            for record in records
            for remote in record.documents
            if remote.document_id in document_ids
        }

    def details(self, key: Key) -> Details | None:
        """Everything about one file."""
        rows = self.store.rows(
            f"SELECT {COLUMNS}, reason, described, segments, changed_at FROM files WHERE {HERE}",
            (key.folder, stored_path(key.path)),
        )
        if not rows:
            return None
        reason, described, segments, changed_at = rows[0][-4:]
        return Details(record_of(rows[0]), reason, described > 0, segments, changed_at)
