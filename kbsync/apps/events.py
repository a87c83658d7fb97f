"""From the data of a stream's events to what happened; the type of each is in its JSON.

An unknown event is ignored; an end without its last event is a broken connection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kbsync.apps.reading import citations_of, run_of, tokens_of
from kbsync.apps.refusals import told_in_stream
from kbsync.apps.values import (
    Began,
    ChatEvent,
    Ended,
    Replaced,
    Reply,
    RunBegan,
    RunEnded,
    RunEvent,
    RunText,
    Said,
    Step,
)
from kbsync.errors import Unavailable
from kbsync.transport.answer import one_line
from kbsync.transport.fields import Row, inner, text


@dataclass(frozen=True, slots=True)
class Source:
    """Where a stream comes from, for messages."""

    told: str
    host: str


def chat_events(stream: Iterable[str], source: Source) -> Iterator[ChatEvent]:
    """An answer as it comes; ends with `Ended`, or raises BackendError."""
    began, said, stopped = Began("", "", ""), "", False
    for event in _events(stream, source):
        found = Began(*(text(event, key) for key in ("task_id", "conversation_id", "message_id")))
        if found.task_id and not began.task_id:
            began = found
            yield began
        match text(event, "event"):
            case "message" | "agent_message":
                said += text(event, "answer")
                yield Said(text(event, "answer"))
            case "message_replace":
                said = text(event, "answer")
                yield Replaced(said)
            case "workflow_finished":
                status = text(inner(event, "data"), "status")
                stopped = status == "stopped"
                if status == "failed":
                    raise _failed(event, source)
            case "message_end":
                yield Ended(_reply(event, began, said, stopped=stopped))
                return
    if not stopped:
        raise _cut(source)
    yield Ended(Reply(said, began.conversation_id, began.message_id, stopped=True))


def run_events(stream: Iterable[str], source: Source) -> Iterator[RunEvent]:
    """A workflow's run as it goes; ends with `RunEnded`, or raises BackendError."""
    began = False
    for event in _events(stream, source):
        task_id, data = text(event, "task_id"), inner(event, "data")
        if task_id and not began:
            began = True
            yield RunBegan(task_id, text(event, "workflow_run_id"))
        match text(event, "event"):
            case "text_chunk":
                yield RunText(text(data, "text"))
            case "node_finished":
                names = (text(data, key) for key in ("title", "node_type", "status", "error"))
                yield Step(*names)
            case "workflow_finished":
                yield RunEnded(run_of(data, task_id))
                return
    raise _cut(source)


def _events(stream: Iterable[str], source: Source) -> Iterator[Row]:
    for data in stream:
        if not data:
            continue
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            raise Unavailable(
                f"{source.host} sent no JSON in the answer to {source.told}:"
                f" {one_line(data[:80])!r}",
                ambiguous=True,
            )
        if event.get("event") == "error":
            raise told_in_stream(event, source.told, source.host)
        yield event


def _reply(event: Row, began: Began, said: str, *, stopped: bool) -> Reply:
    return Reply(
        said,
        text(event, "conversation_id") or began.conversation_id,
        text(event, "message_id") or text(event, "id") or began.message_id,
        citations_of(inner(event, "metadata").get("retriever_resources")),
        tokens_of(event),
        stopped=stopped,
    )


def _failed(event: Row, source: Source) -> Unavailable:
    reason = one_line(text(inner(event, "data"), "error")) or "no reason given"
    return Unavailable(f"{source.host}: the app failed: {reason}", ambiguous=True)


def _cut(source: Source) -> Unavailable:
    return Unavailable(
        f"{source.host}: the answer to {source.told} broke off before its end", ambiguous=True
    )
