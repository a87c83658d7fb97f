"""`kbsync approve`: show the deletions that a safety rule holds, ask, and release exactly those."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import click

from kbsync.assembly import looking, selected, visiting
from kbsync.commands.options import as_json, complete_folder, configured
from kbsync.config import Settings
from kbsync.engine.holding import Held
from kbsync.ledger import is_held
from kbsync.log import printable
from kbsync.plurals import counted

_MOST_GROUPS = 20

DONE, HELD = 0, 4


@click.command(name="approve")
@click.argument(
    "folders", nargs=-1, required=True, metavar="FOLDER...", shell_complete=complete_folder
)
@click.option("--all", "everything", is_flag=True, help="List every file, not only directories.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask, as in a script.")
@as_json
@configured
def command(
    settings: Settings, folders: tuple[str, ...], everything: bool, yes: bool, as_json: bool
) -> int:
    """Show the deletions that are held in FOLDER, ask, and release exactly what was shown.

    What goes missing later is held anew. The running service carries it out at once, else the
    next `kbsync reconcile` does. With --json nothing is asked, and only --yes releases.

    Exit codes: 0 nothing is held any more, 4 something is.

    Example: kbsync approve handbook --all | less
    """
    results = [
        _approve(settings, name, everything=everything, yes=yes, quiet=as_json)
        for name in selected(settings, folders)
    ]
    released = sum(result.released for result in results)
    if as_json:
        click.echo(json.dumps({"folders": [_as_json(result) for result in results]}, indent=2))
    elif released:
        now = "the running service carries them out now"
        later = "the next `kbsync reconcile` or start of `kbsync run` carries them out"
        when = now if is_held(settings.ledger) else later
        click.echo(f"{counted(released, 'deletion')} released; {when}")
    return HELD if any(result.waits for result in results) else DONE


@dataclass(frozen=True, slots=True)
class _Result:
    name: str
    held: Held | None
    released: int = 0
    waits: bool = False


def _approve(settings: Settings, name: str, *, everything: bool, yes: bool, quiet: bool) -> _Result:
    held = _look(settings, name)
    if held is not None and held.records:
        return _ask(settings, held, everything=everything, yes=yes, quiet=quiet)
    if not quiet:
        click.echo(f"{name}: {_nothing(held)}")
    return _Result(name, held, waits=held is not None)


def _look(settings: Settings, name: str) -> Held | None:
    with looking(settings) as engine:
        return engine.held(name)


def _nothing(held: Held | None) -> str:
    if held is None:
        return "nothing is held"
    return f"{held.hold.reason}; nothing is deleted for that, and nothing can be approved"


def _ask(settings: Settings, held: Held, *, everything: bool, yes: bool, quiet: bool) -> _Result:
    """Show, ask, look again, and release; what went missing meanwhile is asked about anew."""
    name = held.hold.folder
    waits = _Result(name, held, waits=True)
    while True:
        if not quiet:
            _show(held, everything=everything)
        if not yes and (quiet or not _agreed(held)):
            return waits
        now = _look(settings, name)
        if now is None:
            return _Result(name, held)
        still = [record for record in now.records if record.key in held.keys]
        if len(still) == len(now.records):
            with visiting(settings) as ledger:
                return _Result(name, held, ledger.approve(name, still, time.time()))
        more = len(now.records) - len(still)
        click.echo(f"{name}: meanwhile {counted(more, 'file')} more went missing", err=True)
        if yes:
            return waits
        held = now


def _agreed(held: Held) -> bool:
    if not sys.stdin.isatty():
        click.echo("nothing is released: nobody can be asked here; --yes releases", err=True)
        return False
    count = len(held.records)
    these = "this document" if count == 1 else f"these {count} documents"
    return click.confirm(f"{held.verb.capitalize()} {these}?")


def _show(held: Held, *, everything: bool) -> None:
    name = held.hold.folder
    if everything:
        for path in _paths(held):
            click.echo(f"{name}/{path}")
    click.echo(f"{name}: {counted(len(held.records), 'deletion')} held: {held.hold.reason}")
    if not everything:
        for line in _grouped(_paths(held)):
            click.echo(line)


def _paths(held: Held) -> list[str]:
    return [printable(record.key.path) for record in held.records]


def _grouped(paths: Sequence[str]) -> list[str]:
    """How many below each directory at the top; files there are named when they are few."""
    groups = Counter(path.partition("/")[0] + "/" if "/" in path else path for path in paths)
    most = groups.most_common(_MOST_GROUPS)
    lines = [f"{count:>7}  {group}" for group, count in most]
    rest = len(paths) - sum(count for _, count in most)
    return lines + ([f"{rest:>7}  elsewhere; --all lists every file"] if rest else [])


def _as_json(result: _Result) -> dict[str, object]:
    held = result.held
    return {
        "name": result.name,
        "held": held
        and {"rule": held.hold.rule, "count": held.hold.count, "reason": held.hold.reason},
        "paths": [] if held is None else _paths(held),
        "released": result.released,
    }
