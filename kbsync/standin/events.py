"""Streaming answers: the events of a chatflow or a workflow in the order of the server version.

Each is one ``data:`` line of raw UTF-8; keep-alives have no data; there is no ``[DONE]``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kbsync.standin.apps import Ids, Json
from kbsync.standin.call import Call
from kbsync.standin.errors import Answer, Flow

PING = b"event: ping\n\n"
ABORTED = "Aborted: User requested stop"


@dataclass(frozen=True, slots=True)
class Story:
    """One answer or run: what goes in, the pieces of text, what comes out or why it fails.

    `conversation` is "" for a workflow; `end` is what a chat's last event has of its own.
    """

    call: Call
    ids: Ids
    inputs: Json
    pieces: Sequence[str]
    outputs: Json
    failure: str = ""
    conversation: str = ""
    end: Json | None = None

    def row(self, status: str, error: str | None) -> Json:
        """The run as events and the status call tell it."""
        over, now = status != "running", int(self.call.world.epoch())
        return {
            "id": self.ids.run,
            "workflow_id": self.call.application.id,
            "status": status,
            "outputs": self.outputs if status == "succeeded" else {},
            "error": error,
            "elapsed_time": 0.05 if over else 0.0,
            "total_tokens": 0,
            "total_steps": 2 if over else 0,
            "created_at": now,
            "finished_at": now if over else None,
        }

    @property
    def ended(self) -> Json:
        """The run when nobody stops it."""
        return self.row("failed" if self.failure else "succeeded", self.failure or None)


def streamed(story: Story, done: Callable[[Json], None]) -> Answer:
    """The answer as a stream, with the faults that are on; `done` is told the run in the end."""
    call, faults, path = story.call, story.call.world.faults, story.call.path
    begin, told, rest = _parts(story)
    if faults.take("stream-cut", "POST", path):
        rest, told = [], told[:1]
    if error := faults.take("stream-error", "POST", path):
        words = {"code": "completion_request_error", "status": 400, "message": error.text}
        rest, told = [_event(story, "error", **words)], told[:1]
    slow = faults.take("stream-slow", "POST", path)
    stopped = story.row("stopped", ABORTED if call.behaviour.new_fields else None)
    flow = Flow(
        [*begin, *told, *rest],
        [_event(story, "workflow_finished", data=_whole(story, stopped))],
        slow.seconds if slow else 0.0,
        lambda: story.ids.task in call.world.apps.stopped,
        lambda was_stopped: done(stopped if was_stopped else story.ended),
    )
    return Answer(flow=flow, media_type="text/event-stream; charset=utf-8")


def _parts(story: Story) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """What comes before the text, the text, and what comes after it."""
    new = story.call.behaviour.new_fields
    begin = [_event(story, "workflow_started", data=_started(story))]
    start = [_node(story, "node_started", "start"), _node(story, "node_finished", "start")]
    last = "answer" if story.conversation else "end"
    nodes = [_node(story, "node_started", last), _node(story, "node_finished", last)]
    ends = [_event(story, "workflow_finished", data=_whole(story, story.ended))]
    told = [] if story.failure else [_piece(story, piece) for piece in story.pieces]
    if story.conversation and not story.failure:
        words = {"id": story.ids.message, **(story.end or {}), "files": []}
        over = _event(story, "message_end", **words)
        ends = [over, *ends] if new else [*ends, over]
    if new:
        return [PING, *begin], told, [*start, *nodes, *ends]
    return [*begin, start[0]], told, [start[1], *nodes, *ends]


def _piece(story: Story, text: str) -> bytes:
    if story.conversation:
        selector = ["answer", "answer"]
        return _event(
            story, "message", id=story.ids.message, answer=text, from_variable_selector=selector
        )
    return _event(
        story, "text_chunk", data={"text": text, "from_variable_selector": ["end", "out"]}
    )


def _started(story: Story) -> Json:
    now = int(story.call.world.epoch())
    return {
        "id": story.ids.run,
        "workflow_id": story.call.application.id,
        "inputs": story.inputs,
        "created_at": now,
    }


def _node(story: Story, event: str, kind: str) -> bytes:
    data: Json = {
        "id": f"{story.ids.run}-{kind}",
        "node_id": kind,
        "node_type": kind,
        "title": kind.title(),
        "index": 1,
        "predecessor_node_id": None,
        "inputs": None,
    }
    if event == "node_finished":
        failed = bool(story.failure) and kind != "start"
        data |= {
            "outputs": {},
            "status": "failed" if failed else "succeeded",
            "error": story.failure if failed else None,
            "elapsed_time": 0.02,
        }
    return _event(story, event, data=data)


def _whole(story: Story, row: Json) -> Json:
    return row | {"exceptions_count": int(bool(story.failure)), "files": []}


def _event(story: Story, event: str, **rest: object) -> bytes:
    ids = story.ids
    common: Json = {"task_id": ids.task}
    if story.conversation:
        now = int(story.call.world.epoch())
        common |= {"conversation_id": story.conversation, "message_id": ids.message}
        common |= {"created_at": now}
    if event.startswith(("workflow", "node")) or not story.conversation:
        common |= {"workflow_run_id": ids.run}
    told = {"event": event, **common, **rest}
    return (
        b"data: " + json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
    )
