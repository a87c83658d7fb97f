"""The state of everything as plain values for JSON: `kbsync status` and the status page."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from kbsync.engine.values import Audit, Folder
from kbsync.ledger import Ledger, Trouble
from kbsync.log import printable
from kbsync.model import State

Facts = dict[str, Any]


def folder_facts(
    ledger: Ledger, folder: Folder, service: Mapping[str, object] | None, now: float
) -> Facts:
    """One folder; `service` is what the running service says of itself, `now` in epoch seconds."""
    row = ledger.folder(folder.name)
    oldest = ledger.oldest_pending(folder.name)
    hold = None if row is None else row.hold
    trash = ledger.trash(folder.name)
    audit = ledger.last_audit(folder.name)
    watching = _watching(service, folder.name)
    upcoming = watching.get("next_scan")
    return {
        "name": folder.name,
        "path": printable(folder.root),
        "dataset": folder.dataset,
        **_dataset_facts(ledger, folder),
        "counts": {state.value: count for state, count in ledger.counts(folder.name).items()},
        "drift": {
            "findings": audit.findings,
            "last_audit": moment(audit.at),
            "others": dict(audit.others),
            "unknown": audit.unknown,
            "unmanaged": audit.unmanaged,
        },
        "trash": {"count": trash.count, "next_purge": moment(trash.next_purge)},
        "held": hold and {"rule": hold.rule, "count": hold.count, "reason": hold.reason},
        "oldest_pending_seconds": 0 if oldest is None else max(0, round(now - oldest)),
        "last_scan": None if row is None else moment(row.last_scan),
        "next_scan": moment(upcoming) if isinstance(upcoming, float) else None,
        "watch": watching.get("watch"),
        "watch_problem": watching.get("problem"),
        "lost_events": watching.get("lost_events"),
    }


def _dataset_facts(ledger: Ledger, folder: Folder) -> Facts:
    """The dataset's id; where there are several, there is none, and all of them by name."""
    known = ledger.datasets(folder.name)
    if folder.places.is_one:
        return {"dataset_id": next(iter(known.values()), None)}
    return {"dataset_id": None, "datasets": known}


def check_facts(ledger: Ledger, asked: Collection[str]) -> list[Facts]:
    """What the service last found of each of these smoke questions."""
    told = json.loads(ledger.published("checks") or "[]")
    return [row for row in told if row["question"] in asked]


def failure_facts(trouble: Trouble) -> Facts:
    """A file that is not on the server as it should be."""
    return {
        "folder": trouble.key.folder,
        "path": printable(trouble.key.path),
        "state": trouble.state.value,
        "reason": printable(trouble.reason),
        "attempts": trouble.attempts,
        "next_try": moment(trouble.next_try),
    }


def audit_facts(audit: Audit) -> Facts:
    """What an audit found of a folder."""
    return {
        "name": audit.folder,
        "listed": audit.listed,
        "findings": [
            {
                "kind": found.kind.value,
                "path": printable(found.key.path),
                "document_id": found.document_id,
                "text": printable(found.text),
                "repaired": found in audit.repaired,
            }
            for found in audit.findings
        ],
        "others": dict(audit.others),
        "unknown": audit.unknown,
        "unmanaged": audit.unmanaged,
    }


def moment(seconds: float | None) -> str | None:
    """Seconds since the epoch as people and programs read it, in UTC."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def unsettled(facts: Mapping[str, object]) -> str | None:
    """Why a folder, by its facts, is not equal to its dataset; None when it is."""
    counts, held = facts["counts"], facts["held"]
    assert isinstance(counts, dict)  # noqa: S101 - made above
    if facts["last_scan"] is None:
        return "not scanned yet"
    told = [
        f"{counts[state.value]} {state.value}"
        for state in (State.FAILED, State.PENDING, State.SENDING, State.INDEXING)
        if counts[state.value]
    ]
    if isinstance(held, dict):
        told.append(f"deletions are held: {held['reason']}")
    return ", ".join(told) or None


def _watching(service: Mapping[str, object] | None, name: str) -> Mapping[str, object]:
    folders = None if service is None else service.get("folders")
    found = folders.get(name) if isinstance(folders, dict) else None
    return found if isinstance(found, dict) else {}
