"""The demo as it is told: each step does something real, shows it, and checks what came of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from kbsync.commands.ask import ask_and_show
from kbsync.commands.demo_check import compare
from kbsync.commands.demo_place import (
    Answer,
    Place,
    Synced,
    a_place,
    temporary,
    wait_until_trusted,
)
from kbsync.commands.demo_talk import heading, question_about, say, told_calls
from kbsync.commands.passages import excerpt
from kbsync.commands.plan import show_plan
from kbsync.engine import Happened
from kbsync.engine.searching import Freshness
from kbsync.errors import KbsyncError
from kbsync.log import printable
from kbsync.model import SERVER_TYPES, State
from kbsync.plurals import counted
from kbsync.standin import samples

_EXAMPLES, _MOST_REASONS = 3, 12

_EDITED, _OLD, _NEW = "IT/Guest Wi-Fi.md", "valid for 24 hours", "valid for 36 hours"
_RENAMED, _TO = "Sales/Price list.csv", "Sales/Price list 2027.csv"
_DELETED = "Meetings/All-hands September 2026.vtt"
_TOUCHED = "People/Expenses.md"
_ADDED = "IT/Coffee machine.md"
_ADDED_TEXT = "# Coffee machine\n\nIt is descaled on the first Monday of each month.\n"
_EDIT_QUESTION = "How long is a voucher for the guest Wi-Fi valid?"


def show_samples(behave: str, *, keep: bool) -> None:
    """Sync the sample handbook, change it, sync again, ask; raises KbsyncError if not all is so."""
    with temporary(keep=keep) as directory:
        root = directory / "handbook"
        files = samples.copy_to(root)
        with a_place(directory, root, "handbook", behave, pace=0.25) as place:
            _introduce(place, behave, f"a sample handbook of {len(files)} documents")
            _first_sync_of_samples(place, len(files))
            _again(place, 2)
            last = _changes(place, 3)
            _ask_samples(place, 4)
            _ask_app(place, 5, _EDIT_QUESTION, _EDITED, _NEW)
            _conclude(place, last, 6, directory if keep else None)


def show_folder(folder: Path, behave: str, *, keep: bool) -> None:
    """Sync a user's folder, which is only read; raises KbsyncError if not all is so."""
    root = folder.resolve()
    with (
        temporary(keep=keep, outside=root) as directory,
        a_place(directory, root, "documents", behave, pace=0.02) as place,
    ):
        _introduce(place, behave, "your folder, which is only read")
        heading(1, "The first sync: kbsync reconcile")
        _tell_sync(place.sync())
        last = _again(place, 2)
        _tell_what_is_not_in(place, last, 3)
        chosen = _ask_folder(place, 4)
        if chosen is not None:
            _ask_app(place, 5, *chosen)
        _conclude(place, last, 5 if chosen is None else 6, directory if keep else None)


# Steps


def _introduce(place: Place, behave: str, what: str) -> None:
    say(
        f"kbsync keeps folders equal to knowledge bases in Dify. Here it works on {what}, and in"
        f" place of Dify {behave} a small stand-in answers at {place.settings.server.url}."
        " All the rest is what you would run: configuration, ledger, requests over HTTP."
    )
    say(f"Folder: {printable(str(place.root))}")


def _first_sync_of_samples(place: Place, files: int) -> None:
    wait_until_trusted(place.root)
    heading(1, "The first sync: kbsync reconcile")
    done = place.sync()
    _tell_sync(done)
    _check_all_in(place)
    _check(done.calls["create"] == files, f"{files} files, but {done.calls['create']} uploads")
    _check_equal(place, done)
    say("Done means that the server says it is indexed, not only that it was uploaded.")


def _again(place: Place, number: int) -> Synced:
    heading(number, "The same again: nothing to do")
    done = place.sync()
    requests = done.calls.total()
    say(
        f"{counted(requests, 'request')} to the server; {counted(done.present, 'file')} looked at"
        f" in {done.seconds:.2f} s. An unchanged folder costs a walk through it."
    )
    moved = done.count(Happened.SENT, Happened.DELETED)
    if moved:
        say(f"{counted(moved, 'document')} followed files that changed meanwhile.")
    _check(not requests or moved > 0, f"nothing changed, and there were {requests} requests")
    return done


def _changes(place: Place, number: int) -> Synced:
    heading(number, "Changes")
    _change(place.root)
    say("What would happen now: kbsync plan", bold=True)
    show_plan(place.settings, (), full=False, allow_delete=False, as_json=False)
    click.echo()
    say("And it happens: kbsync reconcile", bold=True)
    done = place.sync()
    _tell_sync(done)
    say(
        "The uploads are the edited and the added file. The deletions are the edited file's old"
        " version (after the new one was indexed) and the deleted file. The renamed file keeps its"
        " document. The touched file has the same content: no request."
    )
    told = (done.count(Happened.UNCHANGED), done.count(Happened.MOVED))
    calls = (done.calls["create"], done.calls["delete"], *told)
    _check(
        calls == (2, 2, 1, 1),
        "expected 2 uploads, 2 deletions, 1 file unchanged in content and 1 moved, there were"
        f" {calls[0]}, {calls[1]}, {calls[2]} and {calls[3]}",
    )
    _check_all_in(place)
    _check_equal(place, done)
    return done


def _change(root: Path) -> None:
    edited = root / _EDITED
    edited.write_bytes(edited.read_bytes().replace(_OLD.encode(), _NEW.encode()))
    (root / _RENAMED).rename(root / _TO)
    (root / _DELETED).unlink()
    os.utime(root / _TOUCHED)
    (root / _ADDED).write_text(_ADDED_TEXT, encoding="utf-8")
    for verb, what in (
        ("edited", f"{_EDITED}: {_OLD!r} is now {_NEW!r}"),
        ("renamed", f"{_RENAMED} to {_TO.rpartition('/')[2]}"),
        ("deleted", _DELETED),
        ("touched", f"{_TOUCHED}: a new date, the same content"),
        ("added", _ADDED),
    ):
        click.echo(f"  {verb:<8} {what}")
    click.echo()


def _ask_samples(place: Place, number: int) -> None:
    heading(number, "Answers, and the files they come from")
    question, path = samples.QUESTION
    _ask(place, question, path)
    click.echo()
    answer = _ask(place, _EDIT_QUESTION, _EDITED)
    _check(_NEW in answer.text, f"the search found an old version of {_EDITED}")


def _ask_folder(place: Place, number: int) -> tuple[str, str] | None:
    """The question that was asked, and the file that the answer came from."""
    heading(number, "An answer, and the file it comes from")
    chosen = question_about(place.documents())
    if chosen is None:
        say("There is no document with a line of text of its own to search for.")
        return None
    document, words = chosen
    paths = {one.live.document_id: one.key.path for one in place.records() if one.live}
    say("The question is a few words out of one of your documents.")
    _ask(place, words, paths[document.id])
    return words, paths[document.id]


def _ask_app(place: Place, number: int, question: str, path: str, words: str = "") -> None:
    """Ask an application, as `kbsync ask` does; it must cite the file, unchanged since."""
    heading(number, "A question to an application: kbsync ask")
    say(f"? {question}", bold=True)
    reply, origins = ask_and_show(place.settings, question)
    cited = [origins[one.document_id] for one in reply.citations if one.document_id in origins]
    _check(words in reply.text, f"the answer does not say {words!r}")
    fresh = any(one.key.path == path and one.freshness is Freshness.CURRENT for one in cited)
    _check(fresh, f"the answer does not cite {printable(path)} as it is now")


def _ask(place: Place, question: str, path: str) -> Answer:
    answers = place.search(question)
    say(f"? {question}", bold=True)
    _check(bool(answers), "the search found nothing")
    answer = answers[0]
    for line in excerpt(answer.text, question):
        say(line, indent=4)
    file = printable(str(place.root / answer.path))
    click.echo(f"  from {click.style(file, fg='green')}")
    _check(answer.path == path, f"that should have come from {printable(path)}")
    return answer


def _tell_sync(done: Synced) -> None:
    sent, indexed = done.count(Happened.SENT), done.count(Happened.INDEXED)
    deleted = done.count(Happened.DELETED)
    parts = [f"{sent} sent", f"{indexed} indexed"]
    parts += [f"{deleted} deleted"] if deleted else []
    failed = done.count(Happened.FAILED)
    parts += [f"{failed} failed"] if failed else []
    say(f"{', '.join(parts)} in {done.seconds:.1f} s.", bold=True)
    say(f"Requests: {told_calls(done.calls)}.")


def _tell_what_is_not_in(place: Place, last: Synced, number: int) -> None:
    heading(number, "What is not in, and why")
    reasons: dict[str, list[str]] = {}
    for trouble in place.not_in():
        reason = f"{trouble.state}: {_without_details(trouble.reason)}"
        reasons.setdefault(reason, []).append(trouble.key.path)
    for problem in last.problems:
        reasons.setdefault(f"unknown: {problem.reason}", []).append(problem.path)
    by_count = sorted(
        reasons.items(), key=lambda item: (item[0].startswith(State.SKIPPED), -len(item[1]))
    )
    for reason, paths in by_count[:_MOST_REASONS]:
        say(f"{len(paths)} {printable(reason)}", indent=2)
        for path in paths[:_EXAMPLES]:
            click.echo(f"      {printable(path)}")
        if len(paths) > _EXAMPLES:
            click.echo(f"      and {len(paths) - _EXAMPLES} more")
    rest = [paths for _, paths in by_count[_MOST_REASONS:]]
    if rest:
        say(f"{sum(map(len, rest))} for {counted(len(rest), 'other reason')}", indent=2)
    if any(reason.startswith(f"{State.SKIPPED}: type .") for reason in reasons):
        say(f"The server takes {', '.join(sorted(SERVER_TYPES))}.")
    if not reasons:
        say("Nothing: every file is in." if last.present else "There is no file in it.")


def _without_details(reason: str) -> str:
    """A reason without what differs from file to file, or goes without saying."""
    return re.sub(r"(?<=too large): [\d,]+ bytes|: the server takes .*", "", reason)


def _conclude(place: Place, last: Synced, number: int, kept: Path | None) -> None:
    heading(number, "With your own Dify")
    for command, what in (
        ("kbsync init", "write a configuration"),
        ("kbsync doctor", "try every part of it"),
        ("kbsync plan", "see what would happen"),
        ("kbsync reconcile", "do it"),
    ):
        click.echo(f"  {click.style(f'{command:<18}', bold=True)} {what}")
    if kept is not None:
        _tell_kept(place, kept)
    _check_equal(place, last, told=True)


def _tell_kept(place: Place, kept: Path) -> None:
    port = place.settings.server.url.rpartition(":")[2].partition("/")[0]
    click.echo(
        f"\nKept in {kept}. To go on with it:\n"
        f"  kbsync standin --data {kept / 'standin.db'} --port {port}\n"
        f"  kbsync status --config {place.config}"
    )


def _check_all_in(place: Place) -> None:
    for trouble in place.not_in():
        _check(False, f"{printable(trouble.key.path)}: {printable(trouble.reason)}")


def _check_equal(place: Place, last: Synced, *, told: bool = False) -> None:
    """Compare disk, ledger and server; with `told`, say the outcome."""
    truth = compare(place, last)
    for line in truth.wrong:
        click.echo(f"wrong: {line}", err=True)
    if told:
        parts = [
            f"{counted(truth.files, 'file')} indexed",
            f"{counted(truth.documents, 'document')} on the server",
            f"{truth.equal} equal byte for byte",
        ]
        parts[1] += f" ({truth.failed} failed)" if truth.failed else ""
        parts += [f"{truth.in_parts} in parts"] if truth.in_parts else []
        parts += [f"{truth.changed} changed since"] if truth.changed else []
        mark = click.style("✗", fg="red") if truth.wrong else click.style("✓", fg="green")
        click.echo(f"\n{mark} {', '.join(parts)}")
    _check(not truth.wrong, "folder, ledger and server disagree; that is a defect of kbsync")


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise KbsyncError(f"the demo failed: {otherwise}")
