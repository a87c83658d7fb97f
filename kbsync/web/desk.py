"""What the pages are made from: a reader of the ledger, and the running service's hands."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kbsync.engine.engine import Engine
from kbsync.engine.overview import Facts, check_facts, folder_facts, moment, unsettled
from kbsync.ledger import KINDS, Complaint, Ledger
from kbsync.web.reports import complaint_facts

_MOST_COMPLAINTS = 25


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything the site may look at and do.

    Args:
        engine: the working one, for actions and for looking at what is held.
        ledger: a connection of its own that only reads, so that nobody waits for a page.
        service: what the service says of itself, as it publishes it.
        scan: asks for a whole scan of a folder, with the reason.
        wake: tells the senders that there is work.
        checks: the questions that are configured.
        about: what stays the same while the service runs: its version, instance and server.
    """

    engine: Engine
    ledger: Ledger
    service: Callable[[], Mapping[str, object]]
    scan: Callable[[str, str], None]
    wake: Callable[[], None]
    checks: Sequence[str] = ()
    about: Mapping[str, str] = field(default_factory=dict)
    clock: Callable[[], float] = field(default=time.time)

    def status(self) -> Facts:
        """The state of everything; reads the ledger and the service, asks no server."""
        now, service = self.clock(), self.service()
        tallies = self.ledger.tallies()
        folders = []
        for folder in self.engine.folders.values():
            facts = folder_facts(self.ledger, folder, service, now)
            kinds = tallies.get(folder.name, {})
            facts["kinds"] = {kind: kinds.get(kind, 0) for kind in KINDS}
            facts["unsettled"] = unsettled(facts)
            folders.append(facts)
        return {
            "at": moment(now),
            "problem": service.get("problem"),
            "hooks": service.get("hooks", []),
            "since": service.get("since"),
            "about": dict(self.about),
            "folders": folders,
            "complaints": [complaint_facts(each) for each in self._complaints()],
            "checks": check_facts(self.ledger, self.checks),
        }

    def _complaints(self) -> list[Complaint]:
        return self.ledger.complaints(list(self.engine.folders), _MOST_COMPLAINTS)

    def ready(self, status: Facts | None = None) -> list[str]:
        """Why not everything that should be indexed is; empty when it is."""
        told = self.status() if status is None else status
        reasons = [str(told["problem"])] if told["problem"] else []
        folders = told["folders"]
        assert isinstance(folders, list)  # noqa: S101 - made above
        return reasons + [
            f"{facts['name']}: {facts['unsettled']}" for facts in folders if facts["unsettled"]
        ]
