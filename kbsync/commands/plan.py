"""`kbsync plan`: what reconcile would do, and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

import click

from kbsync.assembly import looking, refuse_misfit, selected
from kbsync.commands.options import as_json, configured, folder_names
from kbsync.config import Settings
from kbsync.engine import Planned, Scope, Survey
from kbsync.engine.engine import Engine
from kbsync.log import printable
from kbsync.plurals import counted

HELD, TROUBLED = 4, 3

_MARKS = {
    "send": ("+", "green"),
    "replace": ("~", "yellow"),
    "refresh": ("=", "blue"),
    "move": (">", "cyan"),
    "delete": ("-", "red"),
    "disable": ("-", "yellow"),
    "archive": ("-", "yellow"),
    "purge": ("-", "red"),
    "hold": ("H", "magenta"),
    "skip": (".", None),
    "fail": ("!", "red"),
}

#: What also has the mark of a deletion is named.
_MILDER = frozenset({"disable", "archive", "purge"})


@click.command(name="plan")
@folder_names
@click.option("--full", is_flag=True, help="Compare every file by its content.")
@click.option("--allow-delete", is_flag=True, help="Plan as if held deletions were approved.")
@as_json
@configured
def command(
    settings: Settings,
    folders: tuple[str, ...],
    full: bool,
    allow_delete: bool,
    as_json: bool,
) -> int:
    """Show what `kbsync reconcile` would do with each file, and why; changes nothing.

    \b
    +  send      a new document
    ~  replace   a new version, the old one answers until it is indexed
    =  refresh   same content, only the ledger is brought up to date
    >  move      renamed: the document stays, only its metadata change
    -  delete    the file is gone; also disable, archive, and purge after days in the trash
    H  hold      a deletion that waits for approval
    .  skip      not sent, with the reason
    !  fail      cannot be read or sent; the version indexed before still answers
    ?            cannot be looked at; left as it is, with all below it

    Example: kbsync plan handbook
    """  # noqa: D301 - click looks for the character \b
    return show_plan(settings, folders, full=full, allow_delete=allow_delete, as_json=as_json)


def show_plan(
    settings: Settings,
    folders: tuple[str, ...],
    *,
    full: bool,
    allow_delete: bool,
    as_json: bool,
) -> int:
    """Print the plan of these folders; returns 0, 3 if something is unknown, 4 if held."""
    names = selected(settings, folders)
    with looking(settings) as engine:
        refuse_misfit(engine.ledger, settings)
        rows: list[Planned] = []
        scopes = [Scope(name) for name in names]
        surveys = engine.look(scopes, hash_all=full, allow_delete=allow_delete)
        for survey in surveys:
            found = sorted(engine.preview(survey), key=lambda row: row.key)
            if not as_json:
                _print_folder(engine, survey, found)
            rows.extend(found)
    if as_json:
        click.echo(json.dumps(_as_json(surveys, rows), indent=2))
    if any(survey.plan.holds for survey in surveys):
        return HELD
    return TROUBLED if any(survey.problems for survey in surveys) else 0


def _print_folder(engine: Engine, survey: Survey, rows: Sequence[Planned]) -> None:
    name = survey.folder.name
    counts = Counter(row.action for row in rows)
    others = _before_all(engine, survey, counts)
    for line in others:
        click.echo(f"{name}: {line}")
    for row in rows:
        mark, colour = _MARKS[row.action]
        path = printable(row.key.path)
        told = f"{row.action}: {row.reason}" if row.action in _MILDER else row.reason
        click.echo(f"{click.style(mark, fg=colour)} {name}/{path}  ({told})")
    for problem in survey.problems:
        where = f"{name}/{printable(problem.path)}".rstrip("/")
        click.echo(f"{click.style('?', fg='red')} {where}  ({problem.reason}; left as it is)")
    for hold in survey.plan.holds:
        way_out = "" if hold.rule == "root" else f"; `kbsync approve {name}` releases it"
        click.echo(f"{click.style('held', fg='magenta')}: {name}: {hold.reason}{way_out}")
    told = ", ".join(f"{count} to {action}" for action, count in sorted(counts.items()))
    nothing = "nothing else to do" if others else "nothing to do"
    click.echo(f"{name}: {counted(survey.present, 'file')} seen; {told or nothing}")


def _before_all(engine: Engine, survey: Survey, counts: Mapping[str, int]) -> list[str]:
    """What changes the meaning of all that follows, and only the server knows to its end."""
    name, dataset = survey.folder.name, survey.folder.dataset
    lines = []
    before = engine.ledger.folder(name)
    if before is not None and before.dataset != dataset:
        documents = counted(engine.ledger.with_document(name), "document")
        lines.append(
            f"the dataset was {before.dataset!r}, now {dataset!r}: unless both are the same,"
            f" its {documents} will be sent to the new one, and then deleted from the old one"
        )
    if server := engine.left_server(name):
        lines.append(
            f"the server was {server}, now {engine.address}: unless both are the same, what its"
            " datasets there do not hold will be sent to them"
        )
    if counts.get("send") and not engine.is_adopted(name):
        lines.append(
            "first run with this dataset: of these files, those whose document it holds already"
            " are taken over, not sent again"
        )
    return lines


def _as_json(surveys: list[Survey], rows: list[Planned]) -> dict[str, object]:
    return {
        "changes": [
            {
                "action": row.action,
                "folder": row.key.folder,
                "path": printable(row.key.path),
                "reason": row.reason,
                "size": row.size,
            }
            for row in rows
        ],
        "problems": [
            {
                "folder": problem.folder,
                "path": printable(problem.path),
                "reason": problem.reason,
            }
            for survey in surveys
            for problem in survey.problems
        ],
        "held": [
            {"folder": hold.folder, "rule": hold.rule, "count": hold.count, "reason": hold.reason}
            for survey in surveys
            for hold in survey.plan.holds
        ],
    }
