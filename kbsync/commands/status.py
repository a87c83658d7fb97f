"""`kbsync status`: what is in, what is not, and why."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from kbsync.assembly import is_proven, reading, selected
from kbsync.commands.asking import ServerFacts, asking, server_asked, server_unasked
from kbsync.commands.options import as_json, configured, folder_names
from kbsync.commands.status_facts import facts, look
from kbsync.config import Settings
from kbsync.errors import ConfigError

_LOOK_AGAIN = 1.0
_EVENTS = 30
_WIDE = 132


@click.command(name="status")
@folder_names
@click.option("--skipped", is_flag=True, help="List the files that are not sent, and why.")
@click.option("--every", is_flag=True, help="List every file, also many with the same reason.")
@click.option("--offline", is_flag=True, help="Do not ask the server whether it answers.")
@click.option("-w", "--watch", is_flag=True, help="Stay, and look again each second, until Ctrl-C.")
@as_json
@configured
def command(
    settings: Settings,
    folders: tuple[str, ...],
    skipped: bool,
    every: bool,
    offline: bool,
    watch: bool,
    as_json: bool,
) -> int:
    """Show counts, holds and failures from the ledger; also while a run or a service works.

    The server is asked whether it answers; with --watch, again each half minute.

    Example: kbsync status --watch
    """
    names = selected(settings, folders)
    if watch and (as_json or not sys.stdout.isatty()):
        raise ConfigError(
            "--watch is for a terminal; `kbsync history --follow --json` tells programs"
        )
    if watch:
        with asking(settings, offline=offline) as latest:
            _watch(settings, names, latest, skipped=skipped)
        return 0
    with reading(settings) as ledger:
        proven = is_proven(ledger, settings)
        server = server_unasked(settings) if offline else server_asked(settings, proven=proven)
        view = look(ledger, settings, names, server, skipped=skipped, every=every)
    if as_json:
        click.echo(json.dumps(facts(view, skipped=skipped), indent=2))
    else:
        from rich.console import Console

        from kbsync.commands.status_view import show

        # A pipe has no width that a table would have to fit.
        wide = None if sys.stdout.isatty() else _WIDE
        show(view, Console(highlight=False, width=wide))
    return 0


def _watch(
    settings: Settings,
    names: Sequence[str],
    latest: Callable[[], ServerFacts],
    *,
    skipped: bool,
) -> None:
    """Show it on the whole screen until Ctrl-C, which is how this ends well."""
    from rich.console import Console
    from rich.live import Live

    from kbsync.commands.status_view import screen

    console = Console(highlight=False)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        try:
            while True:
                identity = _identity(settings.ledger)
                with reading(settings) as ledger:
                    while _identity(settings.ledger) == identity:
                        view = look(
                            ledger, settings, names, latest(), skipped=skipped, events=_EVENTS
                        )
                        live.update(screen(view, *console.size), refresh=True)
                        time.sleep(_LOOK_AGAIN)
        except KeyboardInterrupt:
            return


def _identity(ledger: Path) -> tuple[int, int] | None:
    """Which file it is: one that is made, lost or restored while we look is another one."""
    try:
        status = ledger.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
