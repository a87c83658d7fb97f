"""`kbsync status`: what is in, what is not, and why."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from kbsync.assembly import abandoned, looking, selected
from kbsync.commands.options import as_json, configured, folder_names
from kbsync.config import Settings
from kbsync.engine import Engine
from kbsync.engine.overview import check_facts, failure_facts, folder_facts, moment
from kbsync.ledger import Abandoned, Trouble, is_held
from kbsync.log import printable
from kbsync.model import State

#: A service that tells nothing for so long, in seconds, cannot write to the ledger, or hangs.
_SILENCE = 20.0
_WORTH_A_WORD = 10
_COLUMNS = (
    "folder",
    "completed",
    "pending",
    "indexing",
    "failed",
    "skipped",
    "watch",
    "last scan",
)


@click.command(name="status")
@folder_names
@click.option("--skipped", is_flag=True, help="List the files that are not sent, and why.")
@click.option("--offline", is_flag=True, help="Do not ask the server whether it answers.")
@as_json
@configured
def command(
    settings: Settings, folders: tuple[str, ...], skipped: bool, offline: bool, as_json: bool
) -> int:
    """Show counts, holds and failures from the ledger; also while a run or a service works.

    Example: kbsync status --json
    """
    names = selected(settings, folders)
    with looking(settings) as engine:
        server = _server(settings, offline=offline)
        service = _service(engine, settings)
        rows = [
            folder_facts(engine.ledger, engine.folders[name], service, time.time())
            for name in names
        ]
        troubles = [trouble for name in names for trouble in engine.ledger.troubles(name)]
        left_out = [entry for name in names for entry in engine.ledger.skipped(name)]
        checks = check_facts(engine.ledger, [check.question for check in settings.checks])
        left = abandoned(engine.ledger, settings)
        refusals = [] if service else list(filter(None, map(engine.ledger.refusal, names)))
    if as_json:
        failures = [failure_facts(trouble) for trouble in troubles]
        told: dict[str, object] = {
            "server": server,
            "service": service,
            "folders": rows,
            "failures": failures,
            "checks": checks,
            "abandoned": [asdict(one) for one in left],
            "refusals": refusals,
        }
        if skipped:
            told["skipped"] = [
                {"folder": row.key.folder, "path": printable(row.key.path), "reason": row.reason}
                for row in left_out
            ]
        click.echo(json.dumps(told, indent=2))
    else:
        _print(server, service, rows, troubles, left_out if skipped else [])
        for refusal in dict.fromkeys(refusals):
            click.echo(f"refused  at the last run: {printable(refusal)}")
        for one in left:
            click.echo(f"left     {told_of(one)}")
        for check in checks:
            if not check["passed"]:
                question = printable(str(check["question"]))
                click.echo(f'check    "{question}": {printable(str(check["reason"]))}')
    return 0


def _server(settings: Settings, *, offline: bool) -> dict[str, object]:
    told: dict[str, object] = {
        "base_url": settings.server.url,
        "api_style": settings.server.api_style,
        "reachable": None,
    }
    if offline:
        return told
    from kbsync.assembly import connect
    from kbsync.errors import BackendError

    try:
        backend = connect(settings)
    except BackendError as error:
        return told | {"reachable": False, "error": str(error)}
    backend.close()
    return told | {"api_style": backend.style, "reachable": True}


def _service(engine: Engine, settings: Settings) -> dict[str, object] | None:
    """What the running service published in the ledger; None when none runs."""
    told = engine.ledger.published("service")
    if not told or not is_held(settings.ledger):
        return None
    service = json.loads(told)
    silence = time.time() - service["at"]
    if silence > _SILENCE:
        service["problem"] = f"it has told nothing for {silence:.0f} s, see its log"
    return dict(service)


def _print(
    server: dict[str, object],
    service: dict[str, object] | None,
    rows: list[dict[str, object]],
    troubles: list[Trouble],
    left_out: list[Trouble],
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    console.print(Text(_server_line(server)))
    console.print(Text(_service_line(service)))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in _COLUMNS:
        table.add_column(
            title, justify="left" if title in {"folder", "watch", "last scan"} else "right"
        )
    for row in rows:
        counts = row["counts"]
        assert isinstance(counts, dict)  # noqa: S101 - made above
        waiting = counts["pending"] + counts["sending"]
        failed = Text(str(counts["failed"]), style="red" if counts["failed"] else "")
        table.add_row(
            Text(str(row["name"])),
            Text(str(counts["completed"]), style="green"),
            str(waiting) + _oldest(row),
            str(counts["indexing"]),
            failed,
            str(counts["skipped"]),
            _watch_cell(row),
            _ago(row["last_scan"]) + _next(row),
        )
    console.print(table)
    for row in rows:
        if row["watch_problem"]:
            console.print(Text(f"watch: {row['name']}: {row['watch_problem']}"), soft_wrap=True)
        if isinstance(row["trash"], dict) and row["trash"]["count"]:
            purge = row["trash"]["next_purge"]
            next_purge = f"; next purge {purge}" if purge else ""
            click.echo(f"out of service: {row['name']}: {row['trash']['count']}{next_purge}")
        if isinstance(row["drift"], dict) and row["drift"]["findings"]:
            when = _ago(row["drift"]["last_audit"])
            text = f"drift: {row['name']}: {row['drift']['findings']} not as agreed, {when}"
            console.print(
                Text(f"{text}; see `kbsync audit {row['name']}`", style="magenta"), soft_wrap=True
            )
        if isinstance(row["held"], dict):
            text = f"held: {row['name']}: {row['held']['reason']}{_way_out(row)}"
            console.print(Text(text, style="magenta"), soft_wrap=True)
    for trouble in troubles:
        word = "failed" if trouble.state is State.FAILED else "waiting"
        _print_one(word, trouble)
    for entry in left_out:
        _print_one("skipped", entry)


def _ago(moment: object) -> str:
    if not isinstance(moment, str):
        return "never"
    return f"{_lasting(time.time() - datetime.fromisoformat(moment).timestamp())} ago"


def _next(row: Mapping[str, Any]) -> str:
    """When the folder is scanned next, where a service does so."""
    if row["next_scan"] is None:
        return ""
    left = datetime.fromisoformat(row["next_scan"]).timestamp() - time.time()
    return f", next in {_lasting(left)}"


def _oldest(row: Mapping[str, Any]) -> str:
    """For how long the oldest of what waits does so, if that is worth a word."""
    seconds = row["oldest_pending_seconds"]
    return f" (oldest {_lasting(seconds)})" if seconds >= _WORTH_A_WORD else ""


def _lasting(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def _watch_cell(row: dict[str, object]) -> str:
    lost = row["lost_events"]
    return str(row["watch"] or "-") + (f", {lost} overflows" if lost else "")


def _service_line(service: dict[str, object] | None) -> str:
    if service is None:
        return "service: not running"
    problem = service.get("problem")
    return f"service: running as process {service.get('pid')}{f', {problem}' if problem else ''}"


def _server_line(server: dict[str, object]) -> str:
    match server["reachable"]:
        case True:
            word = "answers"
        case False:
            word = f"does not answer: {server.get('error')}"
        case _:
            word = "not asked"
    return f"server {server['base_url']} ({server['api_style']}): {word}"


def _way_out(row: Mapping[str, Any]) -> str:
    name, rule = row["name"], row["held"]["rule"]
    return "" if rule == "root" else f"; `kbsync approve {name}` shows and releases them"


def told_of(folder: Abandoned) -> str:
    """What became of a folder that is configured no more, and how to be rid of its documents."""
    return (
        f"folder {folder.name!r} is not in the configuration any more: its {folder.documents}"
        f" documents stay in dataset {folder.dataset!r} and go on answering; to have them deleted,"
        ' put it back with exclude = ["*"], reconcile, approve, and take it out again'
    )


def _print_one(word: str, entry: Trouble) -> None:
    path = f"{entry.key.folder}/{printable(entry.key.path)}"
    due = f" (next try {moment(entry.next_try)})" if entry.next_try else ""
    click.echo(f"{word:<8} {path}: {printable(entry.reason)}{due}")
