"""`kbsync reconcile`: make the datasets equal to the folders, once."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import click

from kbsync.assembly import opened, selected
from kbsync.commands.options import Span, as_json, configured, folder_names
from kbsync.commands.plan import show_plan
from kbsync.commands.terminal import Follower, Tally, follower, line
from kbsync.config import Settings
from kbsync.engine import Event, Happened
from kbsync.engine.engine import Engine
from kbsync.errors import LedgerDamaged, LedgerError
from kbsync.ledger import Trouble
from kbsync.log import printable
from kbsync.model import State
from kbsync.oneshot import Limits, Outcome, Run
from kbsync.plurals import are, counted

_MOST_TOLD = 20

DONE, FAILED, HELD, UNREACHABLE, INTERRUPTED = 0, 3, 4, 5, 130

#: How the history calls the end of a run.
_RESULTS = {
    DONE: "done",
    FAILED: "not everything is indexed",
    HELD: "deletions held",
    UNREACHABLE: "server unreachable, or it refused",
    INTERRUPTED: "stopped",
}


@click.command(name="reconcile")
@folder_names
@click.option("--dry-run", is_flag=True, help="Only show the plan, as `kbsync plan` does.")
@click.option("--full", is_flag=True, help="Compare every file by its content, not its metadata.")
@click.option("--no-wait", is_flag=True, help="Do not wait until everything is indexed.")
@click.option(
    "--timeout",
    type=Span(),
    metavar="TIME",
    help="Stop after so long (seconds, or 15m); the next run goes on from there.",
)
@click.option("--allow-delete", is_flag=True, help="Release deletions that a safety rule holds.")
@click.option("-q", "--quiet", is_flag=True, help="Print only what failed or is held.")
@as_json
@configured
def command(
    settings: Settings,
    folders: tuple[str, ...],
    dry_run: bool,
    full: bool,
    no_wait: bool,
    timeout: float | None,
    allow_delete: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Make the datasets equal to the folders (all, or these), once, and follow indexing.

    \b
    Exit codes:
      0   everything that should be there is indexed (with --no-wait: sent)
      1   internal error, or the ledger cannot be used
      2   usage or configuration
      3   some documents failed, or are not indexed yet
      4   deletions are held
      5   server unreachable, or it refused the key or the dataset
      75  another kbsync uses the ledger
      130 stopped by Ctrl-C or SIGTERM

    Example: kbsync reconcile handbook --timeout 600
    """  # noqa: D301 - click looks for the character \b
    if dry_run:
        return show_plan(settings, folders, full=full, allow_delete=allow_delete, as_json=as_json)
    names = selected(settings, folders)
    limits = Limits(wait=not no_wait, timeout=timeout, stall=_patience(settings))
    with follower(as_json=as_json, quiet=quiet) as watching:
        outcome, left, troubles = _reconcile(settings, names, limits, watching, full, allow_delete)
    code = exit_code(outcome, left, waited=not no_wait)
    if as_json:
        click.echo(json.dumps(_as_json(names, watching.tally, outcome, left, code), indent=2))
    else:
        _print_old_troubles(troubles, watching.tally)
        _print_summary(names, watching.tally, outcome, left, quiet=quiet)
    return code


def _patience(settings: Settings) -> float:
    """Longer than a document needs to be found stuck, which is progress of a kind."""
    return settings.server.index_timeout * 1.5 + 60


Left = dict[str, dict[State, int]]


def _reconcile(
    settings: Settings,
    names: Sequence[str],
    limits: Limits,
    watching: Follower,
    full: bool,
    allow_delete: bool,
) -> tuple[Outcome, Left, list[Trouble]]:
    with opened(settings, watching.event) as engine:
        number = engine.recorder.begin_run("reconcile")
        engine.ledger.prune(time.time() - settings.keep_history)
        run = Run(engine, names, workers=settings.server.max_connections, limits=limits)
        run.survey(hash_all=full, allow_delete=allow_delete, each=watching.surveyed)
        outcome = run.work()
        for name in names:
            engine.ledger.refused(name, outcome.denied.get(name))
        troubles = [trouble for name in names for trouble in engine.ledger.troubles(name)]
        left = _left(engine, names)
        engine.recorder.end_run(_RESULTS[exit_code(outcome, left, waited=limits.wait)])
        _tell_hooks(engine, settings, number, outcome)
        _back_up(engine)
        return outcome, left, troubles


def _tell_hooks(engine: Engine, settings: Settings, run: int, outcome: Outcome) -> None:
    """Tell what is news; whoever stops the run, now or before, waits for nothing more."""
    if not settings.hooks or outcome.interrupted:
        return
    from kbsync.service.afterwards import tell_afterwards

    problem = outcome.unavailable or next(iter(outcome.denied.values()), None)
    try:
        tell_afterwards(engine, settings, run, problem)
    except KeyboardInterrupt:
        outcome.interrupted = True


def _back_up(engine: Engine) -> None:
    """Keep a copy of the ledger; a run that did its work is no failure for want of one."""
    try:
        engine.ledger.back_up_if_due(time.time())
    except LedgerDamaged:
        raise
    except LedgerError as error:
        click.echo(f"kbsync: {error}", err=True)


def _left(engine: Engine, names: Sequence[str]) -> Left:
    return {name: engine.ledger.counts(name) for name in names}


def exit_code(outcome: Outcome, left: Left, *, waited: bool) -> int:
    """The exit code of the table in the help; the most urgent finding wins."""
    if outcome.interrupted:
        return INTERRUPTED
    if outcome.unavailable or outcome.denied:
        return UNREACHABLE
    unfinished = [State.FAILED, State.PENDING, State.SENDING]
    if waited:
        unfinished.append(State.INDEXING)
    if outcome.problems or any(counts[state] for counts in left.values() for state in unfinished):
        return HELD if outcome.holds and not _failed(outcome, left) else FAILED
    return HELD if outcome.holds else DONE


def _failed(outcome: Outcome, left: Left) -> bool:
    below_root = [problem for problem in outcome.problems if problem.path]
    return bool(below_root) or any(counts[State.FAILED] for counts in left.values())


def _print_old_troubles(troubles: Sequence[Trouble], tally: Tally) -> None:
    """Name what is not in order and was not told in this run: a failure is never silent."""
    old = [trouble for trouble in troubles if trouble.key not in tally.told]
    for trouble in old[:_MOST_TOLD]:
        happened = Happened.FAILED if trouble.state is State.FAILED else Happened.POSTPONED
        click.echo(line(Event(happened, *trouble.key, trouble.reason)))
    if len(old) > _MOST_TOLD:
        click.echo(f"and {len(old) - _MOST_TOLD} more: see `kbsync status`")


def _print_summary(
    names: Sequence[str], tally: Tally, outcome: Outcome, left: Left, *, quiet: bool
) -> None:
    for name in names:
        counts = left[name]
        done = tally.of(name)
        told = [f"{counts[State.COMPLETED]} indexed"]
        told += [
            f"{done[happened]} {word}"
            for happened, word in (
                (Happened.SENT, "sent"),
                (Happened.MOVED, "moved"),
                (Happened.DELETED, "deleted"),
                (Happened.SHELVED, "taken out of service"),
                (Happened.RETURNED, "back in service"),
                (Happened.UNCHANGED, "unchanged in content"),
            )
            if done[happened]
        ]
        told += [
            f"{counts[state]} {word}"
            for state, word in (
                (State.FAILED, "failed"),
                (State.SKIPPED, "skipped"),
                (State.PENDING, "waiting"),
                (State.INDEXING, "being indexed"),
            )
            if counts[state]
        ]
        if not quiet:
            click.echo(f"{name}: {', '.join(told)}")
    for text in _closing(outcome):
        click.echo(text, err=True)


def _closing(outcome: Outcome) -> list[str]:
    lines = []
    if outcome.unavailable:
        lines.append(f"kbsync: {outcome.unavailable}; nothing is lost, run it again later")
    lines += [f"kbsync: {text}" for text in dict.fromkeys(outcome.denied.values())]
    if outcome.timed_out:
        lines.append("kbsync: stopped waiting for indexing; the next run goes on from there")
    if outcome.interrupted:
        lines.append("kbsync: stopped; the next run goes on from there")
    lines += [
        f"kbsync: {hold.folder}: {are(hold.count, 'deletion')} held: {hold.reason};"
        f" `kbsync approve {hold.folder}` shows and releases them"
        for hold in outcome.holds
        if hold.rule != "root"
    ]
    lines += [
        f"kbsync: {hold.folder}: {hold.reason}; nothing is done with its"
        f" {counted(hold.count, 'document')}"
        for hold in outcome.holds
        if hold.rule == "root"
    ]
    return lines


def _as_json(
    names: Sequence[str], tally: Tally, outcome: Outcome, left: Left, code: int
) -> dict[str, object]:
    return {
        "exit_code": code,
        "folders": [
            {
                "name": name,
                "done": {happened.value: count for happened, count in tally.of(name).items()},
                "counts": {state.value: count for state, count in left[name].items()},
                "denied": outcome.denied.get(name),
                "held": next(
                    (
                        {"rule": hold.rule, "count": hold.count, "reason": hold.reason}
                        for hold in outcome.holds
                        if hold.folder == name
                    ),
                    None,
                ),
                "problems": [
                    {"path": printable(problem.path), "reason": problem.reason}
                    for problem in outcome.problems
                    if problem.folder == name
                ],
            }
            for name in names
        ],
        "unavailable": outcome.unavailable,
        "timed_out": outcome.timed_out,
        "interrupted": outcome.interrupted,
    }
