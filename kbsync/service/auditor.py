"""The step that compares the server with the ledger, each folder at its own times."""

from __future__ import annotations

from collections.abc import Callable, Collection

from kbsync.config import FolderSettings
from kbsync.engine.engine import Engine
from kbsync.engine.overview import audit_facts
from kbsync.errors import Denied, Unavailable
from kbsync.ledger import AuditWish
from kbsync.log import get_logger
from kbsync.plan import is_over
from kbsync.service.gate import Gate

_REST, _AGAIN = 60.0, 300.0
#: A folder that was never audited is left to its first sync for so long.
_FIRST = 3600.0


class Auditor:
    """One step: audit what is due, by the time of its last audit in the ledger."""

    def __init__(
        self,
        engine: Engine,
        gate: Gate,
        folders: Collection[FolderSettings],
        clock: Callable[[], float],
        repaired: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._gate = gate
        self._folders = list(folders)
        self._clock = clock
        self._repaired = repaired
        self._since = clock()
        self._log = get_logger()

    def step(self) -> float:
        """Audit what is due or was asked for; returns seconds until the next look."""
        if self._gate.closed_for() > 0:
            return max(_REST, self._gate.closed_for())
        wishes = self._wishes()
        names = list(dict.fromkeys([*wishes, *self._due()]))
        if not names:
            return _REST
        asked = [name for name, wish in wishes.items() if wish.repair]
        restore, accept = (
            [folder.name for folder in self._folders if folder.drift == policy]
            for policy in ("restore", "accept")
        )
        accept = [name for name in accept if name not in asked]
        try:
            audits = self._engine.audit(names, repair=[*restore, *asked], accept=accept)
        except Unavailable as error:
            self._gate.missed(error)
            return _AGAIN
        except Denied as error:
            self._gate.refused(error)
            return _AGAIN
        for audit in audits:
            self._gate.answered(audit.folder)
            found, done = len(audit.findings), len(audit.repaired)
            self._log.info("audited", folder=audit.folder, findings=found, restored=done)
            if audit.folder in wishes:
                told = audit_facts(audit)
                self._engine.ledger.answer_audit(audit.folder, wishes[audit.folder], told)
        if any(audit.repaired for audit in audits):
            self._repaired()
        return _REST

    def _wishes(self) -> dict[str, AuditWish]:
        """What `kbsync audit` asked for, of folders that can be audited now."""
        open_folders = self._gate.open_folders()
        wished = self._engine.ledger.wished_audits()
        return {name: wish for name, wish in wished.items() if name in open_folders}

    def _due(self) -> list[str]:
        open_folders = self._gate.open_folders()
        return [
            folder.name
            for folder in self._folders
            if folder.audit
            and folder.name in open_folders
            and self._engine.is_adopted(folder.name)
            and self._is_due(folder)
        ]

    def _is_due(self, folder: FolderSettings) -> bool:
        last, now = self._engine.ledger.last_audit(folder.name).at, self._clock()
        if last is None:
            return is_over(self._since, min(folder.audit, _FIRST), now)
        return is_over(last, folder.audit, now)
