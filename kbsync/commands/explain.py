"""`kbsync explain`: everything about one file."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import assert_never

import click

from kbsync import scan
from kbsync.assembly import folder_of, reading
from kbsync.commands.locating import locate
from kbsync.commands.options import as_json, configuration_file, configured
from kbsync.config import Settings
from kbsync.engine import Folder
from kbsync.errors import ConfigError
from kbsync.filters import Admitted, Excluded, Unsupported
from kbsync.ledger import Details, Ledger
from kbsync.log import printable
from kbsync.model import Hold, Key, Problem, Record, Seen, Skipped, State, Want
from kbsync.plan import Rules


@click.command(name="explain")
@click.argument("path")
@as_json
@configured
def command(settings: Settings, path: str, as_json: bool) -> int:
    """Tell which rule decides about PATH, its state, its live version, and what happens next.

    PATH is a file's path, or FOLDER/relative/path; it need not exist.

    Example: kbsync explain /srv/docs/handbook/travel.md
    """
    folder, key = _meant(settings, path)
    with reading(settings) as ledger:
        facts = _facts(ledger, folder, key) | {"configuration": str(configuration_file())}
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return 0
    click.echo(f"{key.folder}/{printable(key.path)}")
    for name, value in facts.items():
        if value is not None and name not in {"folder", "path"}:
            click.echo(f"  {name.replace('_', ' ') + ':':<15} {value}")
    return 0


def _meant(settings: Settings, path: str) -> tuple[Folder, Key]:
    key = locate(settings, path)
    if key is None:
        raise ConfigError(
            f"{path!r} is in no configured folder; there are: "
            + ", ".join(f"{folder.name} ({folder.path})" for folder in settings.folders)
        )
    folder = next(folder_of(one) for one in settings.folders if one.name == key.folder)
    place = os.path.join(folder.root, key.path)  # noqa: PTH118 - text, as the key is
    if not key.path or (os.path.isdir(place) and not os.path.islink(place)):  # noqa: PTH112, PTH114 - never raise
        raise ConfigError(f"{path!r} is a directory; give a file's path")
    return folder, key


def _facts(ledger: Ledger, folder: Folder, key: Key) -> dict[str, object]:
    found = scan.look(folder.root, key, folder.filters, max_size=folder.max_size)
    details = ledger.details(key)
    facts: dict[str, object] = {
        "folder": key.folder,
        "path": printable(key.path),
        "on_disk": _on_disk(found),
        "rule": _rule(folder, key),
        "dataset": _dataset(ledger, folder, key, details),
        "indexed_by": _indexed_by(folder, key),
    }
    if details is None:
        facts["state"] = "unknown to the ledger"
    else:
        facts |= _remembered(details)
        facts["drift"] = "; ".join(map(printable, ledger.findings(key))) or None
    row = ledger.folder(key.folder)
    facts["next"] = _next(found, details, folder, None if row is None else row.hold)
    refusal = ledger.refusal(key.folder)
    if refusal is not None and details is not None and details.record.state is State.PENDING:
        facts["next"] = f"tried again at the next run; at the last one: {printable(refusal)}"
    return facts


def _on_disk(found: Seen | Skipped | Problem | None) -> str:
    match found:
        case None:
            return "not there, or excluded"
        case Seen():
            changed = _when(found.stamp.mtime_ns / 1e9)
            return f"{found.stamp.size} bytes, modified {changed}"
        case Skipped() | Problem():
            return found.reason
        case _:
            assert_never(found)


def _rule(folder: Folder, key: Key) -> str:
    verdict = scan.decide(folder.root, key, folder.filters)
    match verdict:
        case Problem():
            where = printable(verdict.path) or "the folder"
            return f"unknown: {where} cannot be looked into: {verdict.reason}"
        case Admitted():
            return f"admitted by {verdict.rule}"
        case Excluded():
            return f"excluded by {verdict.rule}"
        case Unsupported():
            return f"type .{verdict.extension} is not one that the server takes"
        case _:
            assert_never(verdict)


def _dataset(ledger: Ledger, folder: Folder, key: Key, details: Details | None) -> str | None:
    if folder.places.is_one:
        return None
    there = set() if details is None else {one.dataset_id for one in details.record.newest}
    own = folder.places.own(key.path, ledger.datasets(key.folder), there)
    return own or folder.places.dataset_of(key.path) or None


def _indexed_by(folder: Folder, key: Key) -> str | None:
    number = folder.recipes.rule_of(key.path)
    return None if number is None else f"rule {number + 1} of the folder"


def _remembered(details: Details) -> dict[str, object]:
    record = details.record
    since = _when(details.changed_at)
    declined = record.declined is not None and record.live is None and record.coming is None
    return {
        "state": f"{_state(record)} since {since}",
        "accepted": "its document was deleted in Dify; sent again when the file changes"
        if declined
        else None,
        "purge": None if record.purge_at is None else f"after {_when(record.purge_at)}",
        "error": None if record.error is None else printable(record.error),
        "attempts": record.attempts or None,
        "last_reason": details.reason,
        "live_document": record.live and f"{record.live.document_id} {record.live.name!r}",
        "parts": _parts(record),
        "coming": record.coming and f"{record.coming.document_id} {record.coming.name!r}",
        "sha256": record.version and record.version.sha256,
        "segments": details.segments,
        "metadata": "written" if details.described else "not written",
    }


def _parts(record: Record) -> str | None:
    if not record.parts:
        return None
    current = [part for part in record.parts if part.number]
    ready = sum(part.ready for part in current)
    told = f"{len(current)}, {'all' if ready == len(current) else ready} of them indexed"
    older = len(record.parts) - len(current)
    return told + (f"; {older} that come or go" if older else "")


def _state(record: Record) -> str:
    if record.want is Want.PRESENT:
        return record.state.value
    if record.state is State.COMPLETED:
        return f"out of service ({record.shelved})"
    return f"{record.state.value} (to be deleted)"


def _next(
    found: Seen | Skipped | Problem | None,
    details: Details | None,
    folder: Folder,
    hold: Hold | None,
) -> str:
    record = None if details is None else details.record
    if record is None:
        return "will be sent" if isinstance(found, Seen) else "nothing"
    if record.state is State.FAILED:
        return "nothing until the file changes; `kbsync retry` sends it again as it is"
    if record.not_before is not None:
        work = "its document is deleted" if record.want is Want.ABSENT else "tried again"
        return f"{work} after {_when(record.not_before)}"
    if found is None and (gone := _next_of_gone(record, folder.rules, hold)):
        return gone
    if record.state is State.INDEXING:
        return "the server is indexing it"
    if record.state in {State.PENDING, State.SENDING}:
        return "worked on at the next run"
    if isinstance(found, Seen) and found.stamp != record.stamp:
        return "looked into at the next run: its metadata changed"
    return "nothing"


def _next_of_gone(record: Record, rules: Rules, hold: Hold | None) -> str | None:
    if record.want is Want.ABSENT:
        waits = record.state is State.COMPLETED
        return "its document is in service again when the file returns" if waits else None
    if rules.on_delete == "keep":
        return 'nothing: on_delete = "keep"'
    if hold is not None and hold.rule == "root":
        return f"its document stays: {hold.reason}"
    if hold is not None:
        return f"its document stays, as {hold.reason}; see `kbsync approve {record.key.folder}`"
    return f"its document is {rules.shelving or 'delete'}d at the next run"


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
