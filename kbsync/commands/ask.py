"""`kbsync ask`: put a question to the application; see the files that its answer rests on."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import assert_never

import click

from kbsync.apps import App, Asked, Began, Citation, Ended, Replaced, Reply, Said
from kbsync.assembly import connect_app, looking
from kbsync.commands.options import as_json, configured
from kbsync.commands.passages import facts, heading
from kbsync.config import Settings
from kbsync.engine.searching import Origin
from kbsync.errors import BackendError, ConfigError, Denied
from kbsync.log import printable
from kbsync.model import Hit


@click.command(name="ask")
@click.argument("words", metavar="[QUESTION...]", nargs=-1)
@click.option("--conversation", metavar="ID", help="Go on with this conversation.")
@click.option("--continue", "resume", is_flag=True, help="Go on with the last conversation.")
@click.option("--history", is_flag=True, help="Show the last conversation, or --conversation.")
@click.option("--user", help="Whose conversations; else app.user of the configuration.")
@click.option("--blocking", is_flag=True, help="Wait for the whole answer instead of streaming it.")
@as_json
@configured
def command(
    settings: Settings,
    words: tuple[str, ...],
    conversation: str | None,
    resume: bool,
    history: bool,
    user: str | None,
    blocking: bool,
    as_json: bool,
) -> int:
    """Ask the configured application QUESTION; below the answer are the files that it rests on.

    Ctrl-C stops the answer at the server, too.

    Example: kbsync ask "How long is a voucher for the guest Wi-Fi valid?"
    """
    user, question = user or settings.app.user, " ".join(words).strip()
    with closing(connect_app(settings)) as app:
        if conversation is None and (resume or history):
            conversation = _last(app, user)
        if history:
            _show_history(settings, app.messages(conversation or "", user, limit=100), as_json)
            return 0
        if not question:
            raise ConfigError("there is no question; write it behind `kbsync ask`")
        if blocking:
            reply = _wait(app, question, user, conversation or "")
        else:
            reply = _follow(app, question, user, conversation or "", quiet=as_json)
    if as_json:
        _print_json(settings, reply)
        return 0
    _print_rest(settings, reply, streamed=not blocking)
    return 0


def ask_and_show(settings: Settings, question: str) -> tuple[Reply, Mapping[str, Origin]]:
    """What the command does with a new question, for the demo; the origins by document id."""
    with closing(connect_app(settings)) as app:
        reply = _follow(app, question, settings.app.user, "", quiet=False)
    return reply, _print_rest(settings, reply, streamed=True)


def _last(app: App, user: str) -> str:
    try:
        found = app.conversations(user, limit=1)
    except Denied as error:
        raise Denied(f"{error}; name one with --conversation") from error
    if not found:
        raise ConfigError(f"user {user!r} has no conversation yet; ask without --continue first")
    return found[0].id


def _wait(app: App, question: str, user: str, conversation: str) -> Reply:
    try:
        return app.ask(question, user=user, conversation_id=conversation)
    except KeyboardInterrupt:
        text = "the answer goes on at the server; without --blocking it can be stopped"
        click.echo(f"\nkbsync: {text}", err=True)
        raise


def _follow(app: App, question: str, user: str, conversation: str, *, quiet: bool) -> Reply:
    """Stream the answer: to a terminal piece by piece, else nowhere until it is whole."""
    shown, task = sys.stdout.isatty() and not quiet, ""
    try:
        with app.asking(question, user=user, conversation_id=conversation) as events:
            for event in events:
                match event:
                    case Began():
                        task = event.task_id
                    case Said() | Replaced():
                        if shown:
                            click.echo(_piece(event), nl=False)
                    case Ended():
                        if shown:
                            click.echo()
                        return event.reply
                    case _:
                        assert_never(event)
    except BackendError:
        if shown:
            click.echo()
        raise
    except KeyboardInterrupt:
        click.echo(err=True)
        _stop(app, task, user)
        raise
    raise AssertionError  # the events end with `Ended`, or raise


def _piece(event: Said | Replaced) -> str:
    if isinstance(event, Said):
        return _safe(event.text)
    return f"\n(the answer was withdrawn, and this took its place:)\n{_safe(event.text)}"


def _stop(app: App, task: str, user: str) -> None:
    if not task:
        return
    try:
        app.stop_asking(task, user)
    except BackendError as error:
        click.echo(f"kbsync: the answer goes on at the server: {error}", err=True)
    else:
        click.echo("kbsync: the answer was stopped at the server", err=True)


def _origins(settings: Settings, citations: Sequence[Citation]) -> Mapping[str, Origin]:
    if not citations:
        return {}
    with looking(settings) as engine:
        return engine.origins({citation.document_id for citation in citations})


def _print_rest(settings: Settings, reply: Reply, *, streamed: bool) -> Mapping[str, Origin]:
    """Print what the terminal has not seen of an answer: all of it, or the sources."""
    if not (streamed and sys.stdout.isatty()):
        click.echo(_safe(reply.text))
    origins = _origins(settings, reply.citations)
    _print_sources(reply, origins)
    return origins


def _print_sources(reply: Reply, origins: Mapping[str, Origin]) -> None:
    click.echo()
    once: dict[str, Citation] = {}
    for citation in reply.citations:
        once.setdefault(citation.document_id, citation)
    for number, citation in enumerate(once.values(), 1):
        click.echo(heading(number, citation.document_name, origins.get(citation.document_id)))
    if not once:
        click.echo(
            "No sources were cited: the app found none, or its citations are switched off in Dify"
        )
    if reply.stopped:
        click.echo("The answer was stopped before its end")
    if reply.conversation_id:
        click.echo(click.style(f"conversation {printable(reply.conversation_id)}", dim=True))


def _print_json(settings: Settings, reply: Reply) -> None:
    told = {
        "answer": reply.text,
        "conversation_id": reply.conversation_id,
        "message_id": reply.message_id,
        "stopped": reply.stopped,
        "tokens": reply.tokens,
        "sources": _sources(reply.citations, _origins(settings, reply.citations)),
    }
    click.echo(json.dumps(told, indent=2))


def _show_history(settings: Settings, asked: Sequence[Asked], as_json: bool) -> None:
    citations = [citation for one in asked for citation in one.citations]
    origins = _origins(settings, citations)
    if as_json:
        rows = [
            {
                "message_id": one.message_id,
                "asked_at": one.created_at,
                "question": one.question,
                "answer": one.answer,
                "error": one.error or None,
                "sources": _sources(one.citations, origins),
            }
            for one in asked
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    for one in asked:
        click.echo(click.style(f"{_when(one.created_at)}? {_safe(one.question)}", bold=True))
        click.echo(_safe(one.answer) or f"(no answer: {printable(one.error) or 'not finished'})")
        files = (origins.get(citation.document_id) for citation in one.citations)
        for file in dict.fromkeys(origin.file for origin in files if origin):
            click.echo(f"    {printable(file)}")


def _sources(
    citations: Sequence[Citation], origins: Mapping[str, Origin]
) -> list[Mapping[str, object]]:
    return [
        facts(
            Hit(one.document_id, one.document_name, one.text, one.score),
            origins.get(one.document_id),
        )
        for one in citations
    ]


def _safe(text: str) -> str:
    """Text of a server for a terminal: its lines as they are, without control characters."""
    return "\n".join(printable(line) for line in text.replace("\t", "    ").split("\n"))


def _when(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%MZ ")
