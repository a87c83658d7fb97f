"""`kbsync audit`: where the datasets are not as agreed, and putting it right."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from kbsync.assembly import opened, selected
from kbsync.commands.options import as_json, configured, folder_names
from kbsync.commands.reconcile import exit_code
from kbsync.commands.terminal import Follower, follower
from kbsync.config import Settings
from kbsync.engine import Audit, Engine
from kbsync.log import printable
from kbsync.oneshot import Limits, Run

DONE, DRIFT = 0, 3


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
      disabled   disabled in Dify                   enabled
      archived   archived in Dify                   taken out of the archive
      doubled    a second document of one file      the one that the ledger does not know goes
      orphan     a document without a row           gets its row; without a file, the plan decides

    \b
    With drift = "accept", and without --repair, missing, renamed, disabled and archived
    documents are taken as agreed until their file changes.

    Documents of other instances, and those that kbsync did not make, are counted and left alone.

    \b
    Exit codes:
      0   nothing was found, or all of it was put right
      3   something was found, and is not put right
      4   everything is put right but deletions, which are held
      5   server unreachable, or it refused the key or the dataset
      75  another kbsync uses the ledger; the running service audits by itself (`audit`, `drift`)

    Example: kbsync audit handbook --repair
    """  # noqa: D301 - click looks for the character \b
    names = selected(settings, folders)
    limits = Limits(stall=settings.server.index_timeout)
    with (
        follower(as_json=as_json, quiet=False) as watching,
        opened(settings, watching.event) as engine,
    ):
        engine.recorder.begin_run("audit")
        engine.ledger.recover()
        accept = [folder.name for folder in settings.folders if folder.drift == "accept"]
        repairing = names if repair else ()
        audits = engine.audit(names, repair=repairing, accept=() if repair else accept)
        code = DRIFT if any(audit.left for audit in audits) else DONE
        if repair and any(audit.repaired for audit in audits):
            code = max(code, _finished(engine, names, settings, limits, watching))
    if as_json:
        told = {"exit_code": code, "folders": [_as_json(audit) for audit in audits]}
        click.echo(json.dumps(told, indent=2))
    else:
        for audit in audits:
            _print(audit)
    return code


def _finished(
    engine: Engine, names: Sequence[str], settings: Settings, limits: Limits, watching: Follower
) -> int:
    """Do the work that the repair made, as `kbsync reconcile` would."""
    run = Run(engine, names, workers=settings.server.max_connections, limits=limits)
    run.survey(hash_all=False, allow_delete=False, each=watching.surveyed)
    outcome = run.work()
    left = {name: engine.ledger.counts(name) for name in names}
    return exit_code(outcome, left, waited=True)


def _print(audit: Audit) -> None:
    if not audit.listed:
        text = "this server's API style lists no documents: nothing was compared"
        click.echo(f"{audit.folder}: {text}")
        return
    told = [f"{len(audit.findings)} found" if audit.findings else "as agreed"]
    if audit.repaired:
        told.append(f"{len(audit.repaired)} put right")
    others = sum(audit.others.values())
    told += [
        f"{count} {what}, left alone"
        for count, what in (
            (others, "of other instances"),
            (audit.unknown, "of an instance that cannot be told"),
            (audit.unmanaged, "not made by kbsync"),
        )
        if count
    ]
    click.echo(f"{audit.folder}: {'; '.join(told)}")
    if audit.left and not audit.repaired:
        click.echo(f"`kbsync audit --repair {audit.folder}` puts it right")


def _as_json(audit: Audit) -> dict[str, object]:
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
