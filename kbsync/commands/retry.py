"""`kbsync retry`: send failed files again."""

from __future__ import annotations

import time

import click

from kbsync.assembly import selected, visiting
from kbsync.commands.locating import locate
from kbsync.commands.options import configured
from kbsync.config import Settings
from kbsync.errors import ConfigError
from kbsync.ledger import is_held
from kbsync.plurals import counted


@click.command(name="retry")
@click.argument("what", nargs=-1, metavar="[FOLDER|PATH]...")
@configured
def command(settings: Settings, what: tuple[str, ...]) -> int:
    """Put failed files (all, of these folders, or these files) to work again.

    The running service takes it up at once, else the next `kbsync reconcile`; files are sent even
    though they are unchanged.

    Example: kbsync retry handbook/scans/contract.pdf
    """
    wanted = _wanted(settings, what)
    total = 0
    with visiting(settings) as ledger:
        for folder, paths in wanted.items():
            total += ledger.retry(folder, paths, time.time())
    when = "now" if is_held(settings.ledger) else "by the next `kbsync reconcile`"
    if total:
        click.echo(f"{counted(total, 'file')} will be sent again {when}")
    else:
        click.echo("no file has failed there: none is sent again")
    return 0


def _wanted(settings: Settings, what: tuple[str, ...]) -> dict[str, list[str] | None]:
    if not what:
        return dict.fromkeys(selected(settings, []))
    wanted: dict[str, list[str] | None] = {}
    for name in what:
        key = locate(settings, name)
        if key is None:
            raise ConfigError(f"{name!r} is neither a folder's name nor a path below a folder")
        paths = wanted.setdefault(key.folder, [])
        if not key.path:
            wanted[key.folder] = None
        elif paths is not None:
            paths.append(key.path)
    return wanted
