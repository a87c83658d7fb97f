"""`kbsync history`: what happened, to which file, and the runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime

import click

from kbsync.assembly import reading
from kbsync.commands.locating import locate
from kbsync.commands.options import as_json, configured
from kbsync.commands.terminal import line
from kbsync.config import Settings
from kbsync.engine import Event, Happened
from kbsync.engine.runs import lasted, precise, run_facts, run_text
from kbsync.errors import ConfigError
from kbsync.ledger import Kept, Ledger, RunRow
from kbsync.log import printable
from kbsync.model import Key

_LOOK_AGAIN = 0.5
_AT_ONCE = 1_000


@click.command(name="history")
@click.argument("path", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens, until Ctrl-C.")
@click.option("--runs", is_flag=True, help="List runs: what, when, how long, how many, result.")
@click.option("-n", "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@as_json
@configured
def command(
    settings: Settings, path: str | None, follow: bool, runs: bool, limit: int, as_json: bool
) -> int:
    """Show what happened: to everything, or to PATH, a file, a directory or a folder's name.

    With --follow --json, each event is one line of JSON.

    Example: kbsync history handbook/travel.md
    """
    if runs and (follow or path):
        raise ConfigError("--runs lists all runs; leave out PATH and --follow")
    of = None if path is None else _meant(settings, path)
    with reading(settings) as ledger:
        if runs:
            _show_runs(ledger.runs(limit), as_json=as_json)
        elif follow:
            _follow(ledger, of, limit, _as_line if as_json else _as_text)
        else:
            _show(ledger.events(limit, of=of), as_json=as_json)
    return 0


def _meant(settings: Settings, path: str) -> Key:
    key = locate(settings, path)
    if key is None:
        raise ConfigError(f"{path!r} is neither a folder's name nor a path below a folder")
    return key


def _show(events: list[Kept], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"events": [facts(event) for event in reversed(events)]}, indent=2))
        return
    for event in reversed(events):
        click.echo(_as_text(event))
    if not events:
        click.echo("nothing has been recorded")


def _follow(ledger: Ledger, of: Key | None, limit: int, told: Callable[[Kept], str]) -> None:
    """Show the latest, and then what comes, until Ctrl-C, which is how this ends well."""
    latest = ledger.events(limit, of=of)
    last = latest[0].id if latest else ledger.last_event()
    for event in reversed(latest):
        click.echo(told(event))
    try:
        while True:
            news = ledger.events_after(last, _AT_ONCE, of=of)
            for event in news:
                click.echo(told(event))
                last = event.id
            if len(news) < _AT_ONCE:
                time.sleep(_LOOK_AGAIN)
    except KeyboardInterrupt:
        return


def facts(event: Kept) -> dict[str, object]:
    """An event for programs."""
    return {
        "id": event.id,
        "at": precise(event.at),
        "run": event.run,
        "folder": event.key.folder or None,
        "path": printable(event.key.path) or None,
        "happened": event.happened,
        "text": printable(event.text) or None,
        "seconds": None if event.seconds is None else round(event.seconds, 3),
    }


def _as_line(event: Kept) -> str:
    return json.dumps(facts(event))


def _as_text(event: Kept) -> str:
    text = event.text
    if event.seconds is not None:
        text = f"{lasted(event.seconds)} after it was found changed"
    told = line(Event(Happened(event.happened), *event.key, text))
    return f"{_local(event.at)}  {told}"


def _show_runs(runs: list[RunRow], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"runs": [run_facts(run) for run in reversed(runs)]}, indent=2))
        return
    for run in reversed(runs):
        click.echo(f"{_local(run.started_at)}  {run_text(run)}")
    if not runs:
        click.echo("no run has been recorded")


def _local(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
