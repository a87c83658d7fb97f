"""What a safety rule holds in a folder, as it is now: for a person to look at and to release."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from kbsync.engine.looking import Looking
from kbsync.model import Drop, Hold, Key, Record


@dataclass(frozen=True, slots=True)
class Held:
    """What waits in a folder: the rule, the rows, and what would happen to their documents.

    `verb` is delete, disable or archive. Without records, nothing can be released: the root is
    missing, and nothing is deleted for that.
    """

    hold: Hold
    verb: str
    records: tuple[Record, ...]

    @property
    def keys(self) -> frozenset[Key]:
        """The files."""
        return frozenset(record.key for record in self.records)

    @property
    def digest(self) -> str:
        """Names exactly these deletions; another set has another one."""
        told = hashlib.sha256()
        for record in self.records:
            told.update(os.fsencode(record.key.path) + b"\0%d\0" % record.generation)
        return told.hexdigest()[:32]


class Holding(Looking):
    """Look at what is held."""

    def held(self, name: str) -> Held | None:
        """Scan the folder now: what is held, by the rule of this scan or by the last one's."""
        survey = self.survey(name)
        row = self.ledger.folder(name)
        paths = [
            change.key.path
            for change in survey.plan.changes
            if isinstance(change, Drop) and change.key.path not in survey.plan.released
        ]
        holds = survey.plan.holds or ((row.hold,) if row and row.hold and paths else ())
        if not holds:
            return None
        records = self.ledger.records(name, sorted(paths))
        verb = survey.folder.rules.shelving or "delete"
        return Held(holds[0], verb, tuple(records[path] for path in sorted(records)))
