"""What the first run would send, before anything is sent."""

from __future__ import annotations

from collections import Counter

import click

from kbsync.assembly import looking, refuse_misfit
from kbsync.commands.doctor.findings import size
from kbsync.config import Settings
from kbsync.engine import Planned, Scope
from kbsync.log import printable
from kbsync.plurals import counted

_EXAMPLES = 5


def preview(settings: Settings) -> None:
    """Print how many files each folder would send, and why others would not be."""
    with looking(settings) as engine:
        refuse_misfit(engine.ledger, settings)
        for survey in engine.look([Scope(folder.name) for folder in settings.folders]):
            rows = sorted(engine.preview(survey), key=lambda row: row.key)
            _show(survey.folder.name, rows)
            for problem in survey.problems:
                where = printable(problem.path) or "the folder"
                click.echo(f"  cannot be read: {where} ({problem.reason})")


def _show(name: str, rows: list[Planned]) -> None:
    sent = [row for row in rows if row.action == "send"]
    total = size(sum(row.size or 0 for row in sent))
    files = counted(len(sent), "file")
    click.echo(f"\n{name}: the first run sends {files} ({total})")
    for row in sent[:_EXAMPLES]:
        click.echo(f"  + {printable(row.key.path)}")
    if len(sent) > _EXAMPLES:
        click.echo(f"    and {len(sent) - _EXAMPLES} more")
    reasons = Counter(row.reason for row in rows if row.action == "skip")
    for reason, count in reasons.most_common(_EXAMPLES):
        click.echo(f"  . {count} not sent: {printable(reason)}")
