"""`kbsync audit`: where the datasets are not as agreed, and putting it right."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence

import click

from kbsync.assembly import opened, reading, selected, visiting
from kbsync.commands.options import as_json, configured, folder_names
from kbsync.commands.reconcile import exit_code
from kbsync.commands.status_facts import running_service
from kbsync.commands.terminal import Follower, follower
from kbsync.config import Settings
from kbsync.engine.engine import Engine
from kbsync.engine.overview import Facts, audit_facts
from kbsync.errors import Unavailable
from kbsync.ledger import is_held
from kbsync.oneshot import Limits, Run

DONE, DRIFT = 0, 3

#: How long a running service has for its answer, and how often it is looked for, in seconds.
_PATIENCE, _LOOK = 120.0, 0.2


@click.command(name="audit")
@folder_names
@click.option("--repair", is_flag=True, help="Put right what is found, and follow it to its end.")
@as_json
@configured
def command(settings: Settings, folders: tuple[str, ...], repair: bool, as_json: bool) -> int:
    """Compare the datasets with the ledger: one request for each hundred documents.

    \b
    Told, and put right by --repair:
      missing    deleted in Dify                    sent again
      renamed    renamed in Dify                    sent again, then the renamed one goes
      error      in error, though it answered       sent again once
      empty      its text is gone (0 segments)      sent again once
      edited     more or less text than before      sent again, over the edited one
      disabled   disabled in Dify                   enabled
      archived   archived in Dify                   taken out of the archive
      doubled    a second document of one file      the one that the ledger does not know goes
      orphan     a document without a row           gets its row; without a file, the plan decides

    \b
    With drift = "accept", and without --repair, missing, renamed, edited, disabled and archived
    documents are taken as agreed until their file changes.

    Documents of other instances, and those that kbsync did not make, are counted and left alone.

    \b
    Exit codes:
      0   nothing was found, or all of it was put right
      3   something was found, and is not put right
      4   everything is put right but deletions, which are held
      5   server unreachable, or it refused the key or the dataset
      75  a run uses the ledger

    A running service is asked to do it, and goes on with what is put right.

    Example: kbsync audit handbook --repair
    """  # noqa: D301 - click looks for the character \b
    names = selected(settings, folders)
    code = DONE
    told = _asked(settings, names, repair=repair, as_json=as_json)
    if told is None:
        told, code = _audited(settings, names, repair=repair, as_json=as_json)
    if any(map(_left, told)):
        code = max(code, DRIFT)
    if as_json:
        click.echo(json.dumps({"exit_code": code, "folders": told}, indent=2))
    else:
        for facts in told:
            _print(facts)
    return code


def _audited(
    settings: Settings, names: Sequence[str], *, repair: bool, as_json: bool
) -> tuple[list[Facts], int]:
    """Audit, and follow what was put to work to its end; what was found, and the exit code."""
    limits, code = Limits(stall=settings.server.index_timeout), DONE
    with (
        follower(as_json=as_json, quiet=False) as watching,
        opened(settings, watching.event) as engine,
    ):
        engine.recorder.begin_run("audit")
        engine.ledger.recover()
        accept = [folder.name for folder in settings.folders if folder.drift == "accept"]
        repairing = names if repair else ()
        audits = engine.audit(names, repair=repairing, accept=() if repair else accept)
        if repair and any(audit.repaired for audit in audits):
            code = _finished(engine, names, settings, limits, watching)
    return [audit_facts(audit) for audit in audits], code


def _finished(
    engine: Engine, names: Sequence[str], settings: Settings, limits: Limits, watching: Follower
) -> int:
    """Do the work that the repair made, as `kbsync reconcile` would."""
    run = Run(engine, names, workers=settings.server.max_connections, limits=limits)
    run.survey(hash_all=False, allow_delete=False, each=watching.surveyed)
    outcome = run.work()
    left = {name: engine.ledger.counts(name) for name in names}
    return exit_code(outcome, left, waited=True)


def _asked(
    settings: Settings, names: Sequence[str], *, repair: bool, as_json: bool
) -> list[Facts] | None:
    """What the running service finds when it is asked to audit; None when none runs."""
    with reading(settings) as ledger:
        if running_service(ledger, settings) is None:
            return None
    mark = uuid.uuid4().hex
    with visiting(settings) as ledger:
        ledger.wish_audits(names, mark, repair=repair)
    found: dict[str, Facts] = {}
    deadline = time.monotonic() + _PATIENCE
    while len(found) < len(names):
        if time.monotonic() > deadline or not is_held(settings.ledger):
            raise Unavailable(
                "the running service has been asked to audit, and has not done it yet; it will"
                " when the server answers: see `kbsync status` and its log"
            )
        time.sleep(_LOOK)
        with reading(settings) as ledger:
            found = {name: told for name in names if (told := ledger.audit_told(name, mark))}
    if not as_json:
        for told in found.values():
            _print_findings(told)
    return [found[name] for name in names]


def _print_findings(told: Facts) -> None:
    for found in told["findings"]:
        where, what = f"{told['name']}/{found['path']}", f"{found['kind']}: {found['text']}"
        click.echo(f"{'restored' if found['repaired'] else 'drift':<8} {where}: {what}")


def _left(told: Facts) -> int:
    return sum(not found["repaired"] for found in told["findings"])


def _print(told: Facts) -> None:
    name, found = told["name"], len(told["findings"])
    if not told["listed"]:
        click.echo(f"{name}: this server's API style lists no documents: nothing was compared")
        return
    repaired = found - _left(told)
    parts = [f"{found} found" if found else "as agreed"]
    if repaired:
        parts.append(f"{repaired} put right")
    parts += [
        f"{count} {what}, left alone"
        for count, what in (
            (sum(told["others"].values()), "of other instances"),
            (told["unknown"], "of an instance that cannot be told"),
            (told["unmanaged"], "not made by kbsync"),
        )
        if count
    ]
    click.echo(f"{name}: {'; '.join(parts)}")
    if found and not repaired:
        click.echo(f"`kbsync audit --repair {name}` puts it right")
