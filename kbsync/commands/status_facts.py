"""What `kbsync status` tells, gathered from the ledger and the server."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kbsync.assembly import abandoned, folder_of
from kbsync.config import Settings
from kbsync.engine.overview import check_facts, failure_facts, folder_facts
from kbsync.ledger import Abandoned, Kept, Ledger, Trouble, is_held
from kbsync.log import printable

#: A service that tells nothing for so long, in seconds, cannot write to the ledger, or hangs.
_SILENCE = 20.0


@dataclass(frozen=True, slots=True)
class View:
    """Everything that is shown; `rows` are the folders' facts, `events` the last ones."""

    server: Mapping[str, Any]
    service: Mapping[str, Any] | None
    rows: Sequence[Mapping[str, Any]]
    troubles: Sequence[Trouble]
    skipped: Sequence[Trouble] = ()
    checks: Sequence[Mapping[str, Any]] = ()
    abandoned: Sequence[Abandoned] = ()
    refusals: Sequence[str] = ()
    events: Sequence[Kept] = ()
    every: bool = False


def look(
    ledger: Ledger,
    settings: Settings,
    names: Sequence[str],
    server: Mapping[str, object],
    *,
    skipped: bool,
    every: bool = False,
    events: int = 0,
) -> View:
    """Gather it, the last `events` of the history with it; asks no server."""
    service = running_service(ledger, settings)
    folders = [folder_of(folder) for folder in settings.folders if folder.name in names]
    now = time.time()
    return View(
        server=server,
        service=service,
        rows=[folder_facts(ledger, folder, service, now) for folder in folders],
        troubles=[trouble for name in names for trouble in ledger.troubles(name)],
        skipped=[each for name in names for each in ledger.skipped(name)] if skipped else (),
        checks=check_facts(ledger, [check.question for check in settings.checks]),
        abandoned=abandoned(ledger, settings),
        refusals=() if service else list(filter(None, map(ledger.refusal, names))),
        events=ledger.events(events) if events else (),
        every=every,
    )


def facts(view: View, *, skipped: bool) -> dict[str, object]:
    """The same for programs."""
    told: dict[str, object] = {
        "server": view.server,
        "service": view.service,
        "folders": view.rows,
        "failures": [failure_facts(trouble) for trouble in view.troubles],
        "checks": view.checks,
        "abandoned": [asdict(one) for one in view.abandoned],
        "refusals": view.refusals,
    }
    if skipped:
        told["skipped"] = [
            {"folder": row.key.folder, "path": printable(row.key.path), "reason": row.reason}
            for row in view.skipped
        ]
    return told


def running_service(ledger: Ledger, settings: Settings) -> dict[str, object] | None:
    """What the running service published in the ledger; None when none runs."""
    told = ledger.published("service")
    if not told or not is_held(settings.ledger):
        return None
    service = json.loads(told)
    silence = time.time() - service["at"]
    if silence > _SILENCE:
        service["problem"] = f"it has told nothing for {silence:.0f} s, see its log"
    return dict(service)


def told_of(folder: Abandoned) -> str:
    """What became of a folder that is configured no more, and how to be rid of its documents."""
    return (
        f"folder {folder.name!r} is not in the configuration any more: its {folder.documents}"
        f" documents stay in dataset {folder.dataset!r} and go on answering; to have them deleted,"
        ' put it back with exclude = ["*"], reconcile, approve, and take it out again'
    )
