"""Taking over documents that were on the server before this ledger knew of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from kbsync.ledger.parting import without
from kbsync.ledger.rows import COLUMNS, path_of, record_of, stored_parts, stored_path, stored_remote
from kbsync.ledger.table import Table, get_row, same_document, set_row
from kbsync.model import Key, Part, Remote, State

#: Why an adopted row is put to work: its file must be read to know whether it is the same.
ADOPTED = "its document was there already"

_GONE = "its document is gone, or another file's"
_TO_WORK = (
    "state = 'pending', generation = generation + 1,"
    " attempts = 0, not_before = NULL, reason = ?, changed_at = ?"
)


@dataclass(frozen=True, slots=True)
class Adoptee:
    """A file's documents as they were found.

    `described` when their metadata are complete; `shelved` says how the live one is out of service
    because its file was gone, None when it is not.
    """

    key: Key
    live: Remote | None
    coming: Remote | None
    twins: tuple[Remote, ...]
    described: bool
    shelved: str | None = None
    parts: tuple[Part, ...] = ()

    @property
    def documents(self) -> frozenset[str]:
        """The ids of all of them."""
        found = (self.live, self.coming, *self.twins, *(part.remote for part in self.parts))
        return frozenset(remote.document_id for remote in found if remote is not None)


@dataclass(frozen=True, slots=True)
class Told:
    """A document that a row tells of."""

    key: Key
    remote: Remote


class Adopting(Table):
    """Which folders were adopted, and the rows made from what was found."""

    def is_adopted(self, name: str, dataset: str) -> bool:
        """Whether what a folder's dataset, as the settings name it, held was taken over once."""
        rows = self.store.rows(
            "SELECT 1 FROM bindings WHERE folder = ? AND dataset = ? AND adopted = dataset_id",
            (name, dataset),
        )
        return bool(rows)

    def has_documents(self) -> bool:
        """Whether the ledger knows of any document at all."""
        rows = self.store.rows(
            "SELECT EXISTS (SELECT 1 FROM files WHERE"
            " coalesce(live_document, coming_document, intent_name, parts) IS NOT NULL)"
            " OR EXISTS (SELECT 1 FROM leftovers)"
        )
        return bool(rows[0][0])

    def keys(self, dataset_id: str) -> list[Key]:
        """The files, with a row, of all folders that fill a dataset."""
        rows = self.store.rows(
            "SELECT folder, path FROM files"
            " WHERE folder IN (SELECT folder FROM bindings WHERE dataset_id = ?)",
            (dataset_id,),
        )
        return [Key(folder, path_of(path)) for folder, path in rows]

    def told(self, dataset_id: str) -> dict[str, Told]:
        """What the rows of all folders that fill a dataset tell of its documents, by their ids."""
        here = "folder IN (SELECT folder FROM bindings WHERE dataset_id = ?1)"
        found: dict[str, Told] = {}
        for kind in ("live", "coming"):
            rows = self.store.rows(
                f"SELECT folder, path, {kind}_document, {kind}_name, {kind}_batch FROM files"
                f" WHERE {here} AND {kind}_dataset = ?1",
                (dataset_id,),
            )
            for folder, path, document_id, name, batch in rows:
                remote = Remote(dataset_id, document_id, name, batch)
                found[document_id] = Told(Key(folder, path_of(path)), remote)
        rows = self.store.rows(
            f"SELECT {COLUMNS} FROM files WHERE parts IS NOT NULL AND {here}", (dataset_id,)
        )
        for record in map(record_of, rows):
            for part in record.parts:
                if part.remote.dataset_id != dataset_id:
                    continue
                found[part.remote.document_id] = Told(record.key, part.remote)
        return found

    def going(self, dataset_id: str) -> frozenset[str]:
        """Documents of a dataset that are on their way out."""
        rows = self.store.rows(
            "SELECT document_id FROM leftovers WHERE dataset_id = ?", (dataset_id,)
        )
        return frozenset(row[0] for row in rows)

    def adopt(
        self,
        name: str,
        dataset_id: str,
        found: Iterable[Adoptee],
        stale: Iterable[Told],
        now: float,
    ) -> list[Adoptee]:
        """Take over what a dataset's whole list holds, all or nothing; returns those that are news.

        What a row knows of the dataset gives way to what was found; what is `stale` is forgotten.
        """
        with self.store.transaction() as db:
            for one in stale:
                _forget(db, one, now)
            news = [one for one in found if self._adopt(db, one, dataset_id, now)]
            db.execute(
                "UPDATE bindings SET adopted = ?1 WHERE folder = ?2 AND dataset_id = ?1",
                (dataset_id, name),
            )
        return news

    def _adopt(self, db: sqlite3.Connection, one: Adoptee, dataset_id: str, now: float) -> bool:
        record = get_row(db, one.key)
        if record is not None:
            known = record.documents
            elsewhere = any(remote.dataset_id != dataset_id for remote in known)
            same = one.documents <= {remote.document_id for remote in known}
            served = record.shelved == one.shelved or not (one.live or one.parts)
            if record.state is State.SENDING or elsewhere or (same and served):
                return False
        self._put_to_work(db, one, now)
        for twin in one.twins:
            self.retire_row(db, one.key, twin, now)
        return True

    def _put_to_work(self, db: sqlite3.Connection, one: Adoptee, now: float) -> None:
        db.execute(
            "INSERT INTO files (folder, path, want, state, generation, reason, changed_at,"
            " wanted_at) VALUES (?1, ?2, 'present', 'pending', 1, ?3, ?4, ?4)"
            " ON CONFLICT (folder, path) DO UPDATE SET state = 'pending',"
            " generation = generation + 1, attempts = 0, not_before = NULL, error = NULL,"
            " reason = iif(want = 'present', excluded.reason, reason),"
            " changed_at = excluded.changed_at, wanted_at = excluded.wanted_at",
            (one.key.folder, stored_path(one.key.path), ADOPTED, now),
        )
        set_row(
            db,
            one.key,
            "live_dataset = ?, live_document = ?, live_name = ?, live_batch = ?,"
            " coming_dataset = ?, coming_document = ?, coming_name = ?, coming_batch = ?,"
            " parts = ?, described = ?, shelved = ?",
            *stored_remote(one.live),
            *stored_remote(one.coming),
            stored_parts(one.parts),
            int(one.described),
            one.shelved,
        )


def _forget(db: sqlite3.Connection, told: Told, now: float) -> None:
    """Take a document off its row, and put the row to work."""
    record = get_row(db, told.key)
    if record is None or record.state is State.SENDING:
        return
    if any(same_document(part.remote, told.remote) for part in record.parts):
        kept = stored_parts(without(record.parts, told.remote.document_id))
        set_row(db, told.key, f"parts = ?, {_TO_WORK}", kept, _GONE, now)
    for kind, remote in (("live", record.live), ("coming", record.coming)):
        if same_document(remote, told.remote):
            set_row(
                db,
                told.key,
                f"{kind}_dataset = NULL, {kind}_document = NULL, {kind}_name = NULL,"
                f" {kind}_batch = NULL, {_TO_WORK}",
                _GONE,
                now,
            )
