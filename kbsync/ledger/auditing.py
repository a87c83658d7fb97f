"""What an audit compares the server with, what it found, and how it is put right."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kbsync import naming
from kbsync.drift import Beside, Comparison, Finding, Measure
from kbsync.ledger.parting import without
from kbsync.ledger.rows import COLUMNS, record_of, stored_parts, stored_path, stored_version
from kbsync.ledger.table import Table, get_row, set_row
from kbsync.model import Key, Part, Record, Remote, State

_SETTLED = "('completed', 'failed', 'skipped')"


@dataclass(frozen=True, slots=True)
class LastAudit:
    """When a folder was audited last, in seconds since the epoch, and what was counted."""

    at: float | None
    findings: int
    others: Mapping[str, int]
    unknown: int
    unmanaged: int


@dataclass(frozen=True, slots=True)
class AuditWish:
    """A person asked the service for an audit; `mark` is what the answer is looked for under."""

    mark: str
    repair: bool


#: The facts that keep wishes and the last answer, by folder.
_WISH, _ANSWER = "audit wish ", "audit answer "


class Auditing(Table):
    """Findings of the last audit, and rows put to work for them."""

    def beside(self, dataset_id: str, since: float, now: float) -> Beside:
        """What the ledger has of a dataset; `since` is when its list began to be read.

        What seems to have changed in the future did so before the clock was set back.
        """
        here = "folder IN (SELECT folder FROM bindings WHERE dataset_id = ?)"
        rows = self.store.rows(
            f"SELECT {COLUMNS}, changed_at BETWEEN ? AND ? OR state NOT IN {_SETTLED}"
            f" FROM files WHERE {here} OR live_dataset = ? OR coming_dataset = ?"
            " OR parts IS NOT NULL AND json_extract(parts, '$[0][0]') = ?",
            (min(since, now), max(since, now), *(dataset_id,) * 4),
        )
        records = [record_of(row) for row in rows]
        documents = {remote.document_id for record in records for remote in record.documents}
        documents |= {row[0] for row in self.store.rows("SELECT document_id FROM leftovers")}
        busy = {
            record.key
            for record, row in zip(records, rows, strict=True)
            if row[-1] or any(one.dataset_id != dataset_id for one in record.documents)
        }
        return Beside(records, busy, documents, self._measures(dataset_id))

    def _measures(self, dataset_id: str) -> dict[str, Measure]:
        rows = self.store.rows(
            "SELECT document_id, words, size FROM measures WHERE dataset_id = ?", (dataset_id,)
        )
        return {row[0]: Measure(*row[1:]) for row in rows}

    def measured(
        self, dataset_id: str, measures: Mapping[str, Measure], agreed: Collection[str]
    ) -> None:
        """Remember how much is in documents; that of `agreed` ones is learned anew next time."""
        with self.store.transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO measures VALUES (?, ?, ?, ?)",
                [(document_id, dataset_id, *measure) for document_id, measure in measures.items()],
            )
            db.executemany("DELETE FROM measures WHERE document_id = ?", [(one,) for one in agreed])
            db.execute(
                "DELETE FROM measures WHERE dataset_id = ? AND document_id NOT IN ("
                "SELECT live_document FROM files WHERE live_document IS NOT NULL"
                " UNION ALL SELECT json_extract(part.value, '$[1]')"
                " FROM files, json_each(parts) AS part WHERE parts IS NOT NULL)",
                (dataset_id,),
            )

    def audited(
        self, folder: str, findings: Collection[Finding], compared: Comparison, now: float
    ) -> frozenset[Finding]:
        """Remember an audit's findings in place of the last one's; returns those that are new."""
        counted = {
            "others": dict(compared.others),
            "unknown": compared.unknown,
            "unmanaged": compared.unmanaged,
        }
        with self.store.transaction() as db:
            old = {
                tuple(row)
                for row in db.execute(
                    "SELECT path, kind, document_id FROM findings WHERE folder = ?", (folder,)
                )
            }
            db.execute("DELETE FROM findings WHERE folder = ?", (folder,))
            db.executemany(
                "INSERT INTO findings VALUES (?, ?, ?, ?, ?)",
                [(folder, *_place(finding), finding.text) for finding in findings],
            )
            db.execute(
                "UPDATE folders SET audited_at = ?, audit = ? WHERE name = ?",
                (now, json.dumps(counted), folder),
            )
        return frozenset(finding for finding in findings if _place(finding) not in old)

    def wish_audits(self, folders: Iterable[str], mark: str, *, repair: bool) -> None:
        """Ask the service to audit these folders, and to answer under this mark."""
        wish = json.dumps({"mark": mark, "repair": repair})
        with self.store.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO facts VALUES (?, ?)",
                [(f"{_WISH}{folder}", wish) for folder in folders],
            )

    def wished_audits(self) -> dict[str, AuditWish]:
        """What was asked for and not answered yet, by folder."""
        rows = self.store.rows("SELECT name, value FROM facts WHERE name GLOB ?", (f"{_WISH}*",))
        return {name.removeprefix(_WISH): AuditWish(**json.loads(wish)) for name, wish in rows}

    def answer_audit(self, folder: str, wish: AuditWish, told: Mapping[str, object]) -> None:
        """Tell who asked what was found; a later wish stays."""
        answer = json.dumps({"mark": wish.mark, "told": told})
        with self.store.transaction() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (f"{_ANSWER}{folder}", answer))
            db.execute(
                "DELETE FROM facts WHERE name = ? AND json_extract(value, '$.mark') = ?",
                (f"{_WISH}{folder}", wish.mark),
            )

    def audit_told(self, folder: str, mark: str) -> dict[str, Any] | None:
        """The answer to a wish, when there is one."""
        rows = self.store.rows("SELECT value FROM facts WHERE name = ?", (f"{_ANSWER}{folder}",))
        answer = json.loads(rows[0][0]) if rows else {}
        return dict(answer["told"]) if answer.get("mark") == mark else None

    def last_audit(self, folder: str) -> LastAudit:
        """When it was, and what it counted."""
        rows = self.store.rows(
            "SELECT audited_at, audit, (SELECT count(*) FROM findings WHERE folder = name)"
            " FROM folders WHERE name = ?",
            (folder,),
        )
        at, audit, count = rows[0] if rows else (None, None, 0)
        counted = json.loads(audit or '{"others": {}, "unknown": 0, "unmanaged": 0}')
        return LastAudit(at, count, **counted)

    def findings(self, key: Key) -> list[str]:
        """What the last audit found of a file, in words."""
        rows = self.store.rows(
            "SELECT text FROM findings WHERE folder = ? AND path = ? ORDER BY kind",
            (key.folder, stored_path(key.path)),
        )
        return [row[0] for row in rows]

    def settle_findings(self, findings: Iterable[Finding]) -> None:
        """They are put right, or on the way to it: forget them."""
        with self.store.transaction() as db:
            db.executemany(
                "DELETE FROM findings"
                " WHERE folder = ? AND path = ? AND kind = ? AND document_id = ?",
                [(finding.key.folder, *_place(finding)) for finding in findings],
            )

    def resend(self, key: Key, document_id: str, now: float, *, gone: bool) -> bool:
        """Send a file again whose document is not as agreed; False when the row moved on.

        The document stays the live one until the new one is indexed. That of a file which cannot
        be sent as it is stays so too, unless it is `gone`.
        """
        with self.store.transaction() as db:
            record = get_row(db, key)
            if record is None or not _rests_on(record, document_id):
                return False
            if record.state is State.FAILED and not gone:
                return False
            if record.state is State.FAILED:
                _forget(db, record, document_id, now)
                return True
            if record.parts:
                parts = (
                    replace(one, spoilt=True, number=0, of=0)
                    if one.remote.document_id == document_id
                    else one
                    for one in record.parts
                    if not (gone and one.remote.document_id == document_id)
                )
                set_row(db, key, "parts = ?", stored_parts(parts))
            set_row(
                db,
                key,
                "state = 'pending', generation = generation + 1, attempts = 0, parked = NULL,"
                " not_before = NULL, error = NULL, reason = ?, resend = 1, changed_at = ?,"
                " wanted_at = ?",
                "its document was not as agreed",
                now,
                now,
            )
            return True

    def decline(self, key: Key, document_id: str, now: float) -> None:
        """Take the deletion of a file's document as agreed, until the file changes."""
        with self.store.transaction() as db:
            record = get_row(db, key)
            if record is None or not _rests_on(record, document_id):
                return
            _forget(db, record, document_id, now)
            declined = stored_version(record.version)
            set_row(db, key, "segments = NULL, declined = ?", declined)

    def orphan(self, key: Key, remote: Remote, now: float) -> bool:
        """Give a document of ours its row back; what becomes of it, the next scan decides."""
        with self.store.transaction() as db:
            record = get_row(db, key)
            mark = naming.decode(remote.name)
            is_part = mark is not None and mark.is_part
            if record is not None and not _can_take(record, remote, is_part=is_part):
                return False
            db.execute(
                "INSERT INTO files (folder, path, want, state, generation, reason, changed_at,"
                " wanted_at) VALUES (?1, ?2, 'present', 'pending', 1, ?3, ?4, ?4)"
                " ON CONFLICT (folder, path) DO UPDATE SET state = 'pending',"
                " generation = generation + 1, attempts = 0, not_before = NULL, error = NULL,"
                " changed_at = excluded.changed_at, wanted_at = excluded.wanted_at",
                (key.folder, stored_path(key.path), "a document of it was found", now),
            )
            if is_part:
                others = () if record is None else record.parts
                parts = stored_parts((*others, Part(remote, ready=True)))
                set_row(db, key, "parts = ?", parts)
                return True
            set_row(
                db,
                key,
                "live_dataset = ?, live_document = ?, live_name = ?, live_batch = NULL",
                remote.dataset_id,
                remote.document_id,
                remote.name,
            )
            return True


def _can_take(record: Record, remote: Remote, *, is_part: bool) -> bool:
    """Whether a row has no document, or parts only and this is another one.

    The list that an orphan was found in may be older than the row: somebody adopted meanwhile.
    """
    alone = record.live is None and record.coming is None and record.state is not State.SENDING
    known = {one.document_id for one in record.documents}
    return alone and (is_part or not record.parts) and remote.document_id not in known


def _place(finding: Finding) -> tuple[str | bytes, str, str]:
    return stored_path(finding.key.path), finding.kind.value, finding.document_id


def _rests_on(record: Record, document_id: str) -> bool:
    resting = record.state in {State.COMPLETED, State.FAILED}
    return resting and any(one.document_id == document_id for one in record.documents)


def _forget(db: sqlite3.Connection, record: Record, document_id: str, now: float) -> None:
    """Take a document that is gone off its row."""
    if record.live is not None and record.live.document_id == document_id:
        set_row(
            db,
            record.key,
            "live_dataset = NULL, live_document = NULL, live_name = NULL, live_batch = NULL",
        )
    parts = stored_parts(without(record.parts, document_id))
    set_row(db, record.key, "parts = ?, changed_at = ?", parts, now)
