"""What the events of a stream mean, one by one."""

from __future__ import annotations

import json

import pytest

from kbsync.apps import Began, Ended, Replaced, RunBegan, RunEnded, RunText, Said, Step
from kbsync.apps.events import Source, chat_events, run_events
from kbsync.errors import BackendError, Denied, Missing, Rejected, Unavailable

HERE = Source("POST /chat-messages", "dify.test")
IDS = {"task_id": "t", "conversation_id": "c", "message_id": "m"}


def stream(*events: dict[str, object]) -> list[str]:
    return [json.dumps(IDS | event) for event in events]


def test_an_answer_comes_in_pieces_and_ends_whole() -> None:
    """Its citations and its price come with the end."""
    cited = {"document_id": "d", "document_name": "a.md", "content": "text", "score": 0.5}
    metadata = {"retriever_resources": [cited], "usage": {"total_tokens": 7}}
    told = list(
        chat_events(
            stream(
                {"event": "message", "answer": "Yes, "},
                {"event": "agent_message", "answer": "36."},
                {"event": "message_end", "metadata": metadata},
            ),
            HERE,
        )
    )
    assert told[:3] == [Began("t", "c", "m"), Said("Yes, "), Said("36.")]
    last = told[-1]
    assert isinstance(last, Ended)
    assert (last.reply.text, last.reply.tokens) == ("Yes, 36.", 7)
    assert [(one.document_name, one.text, one.score) for one in last.reply.citations] == [
        ("a.md", "text", 0.5)
    ]


def test_moderation_replaces_what_was_said() -> None:
    """The whole answer is then what came instead."""
    events = stream(
        {"event": "message", "answer": "secret"},
        {"event": "message_replace", "answer": "No."},
        {"event": "message", "answer": " Sorry."},
        {"event": "message_end"},
    )
    told = list(chat_events(events, HERE))
    assert Replaced("No.") in told
    assert isinstance(told[-1], Ended)
    assert told[-1].reply.text == "No. Sorry."


def test_keep_alives_and_unknown_events_are_ignored() -> None:
    """A newer server may send what nobody here knows."""
    told = list(
        chat_events(["", *stream({"event": "tts_message"}, {"event": "message_end"}), "x"], HERE)
    )
    assert [type(event) for event in told] == [Began, Ended]


@pytest.mark.parametrize(
    ("code", "status", "error", "words"),
    [
        ("invalid_param", 400, Rejected, "no good"),
        ("app_unavailable", 400, Denied, "publish it"),
        ("not_chat_app", 400, Denied, "no chat"),
        ("provider_not_initialize", 400, Denied, "choose a model"),
        ("provider_quota_exceeded", 400, Denied, "quota"),
        ("model_currently_not_support", 400, Denied, "choose a model"),
        ("completion_request_error", 400, Unavailable, "no good"),
        ("rate_limit_error", 429, Unavailable, "no good"),
        ("not_found", 404, Missing, "no good"),
        ("internal_server_error", 500, Unavailable, "no good"),
        ("odd", 200, Unavailable, "no good"),
    ],
)
def test_an_error_event_is_the_error_that_the_same_answer_would_be(
    code: str, status: int, error: type[BackendError], words: str
) -> None:
    """A stream has begun with 200, so its errors come as events."""
    events = stream({"event": "error", "code": code, "status": status, "message": "no good"})
    with pytest.raises(error, match=words):
        list(chat_events(events, HERE))


@pytest.mark.parametrize(
    "events",
    [
        [],
        stream({"event": "message", "answer": "half"}),
        stream({"event": "workflow_finished", "data": {"status": "succeeded"}}),
    ],
)
def test_a_stream_without_its_last_event_broke_off(events: list[str]) -> None:
    """Whatever came is not an answer; it may have been answered at the server."""
    with pytest.raises(Unavailable, match="broke off before its end") as raised:
        list(chat_events(events, HERE))
    assert raised.value.ambiguous


def test_a_stopped_chat_ends_with_what_was_said() -> None:
    """Somebody pressed stop: there may be no last message then."""
    finished: dict[str, object] = {"event": "workflow_finished", "data": {"status": "stopped"}}
    told = list(chat_events(stream({"event": "message", "answer": "half"}, finished), HERE))
    assert isinstance(told[-1], Ended)
    assert (told[-1].reply.text, told[-1].reply.stopped) == ("half", True)


def test_a_chatflow_that_failed_says_why() -> None:
    """Its workflow's own words."""
    data = {"status": "failed", "error": "[Errno 111] Connection refused"}
    with pytest.raises(Unavailable, match=r"the app failed: .Errno 111. Connection refused"):
        list(chat_events(stream({"event": "workflow_finished", "data": data}), HERE))


def test_a_run_tells_its_steps_its_text_and_its_end() -> None:
    """A failed run is no error: its status says so."""
    told = list(
        run_events(
            stream(
                {"event": "workflow_started", "workflow_run_id": "r"},
                {"event": "text_chunk", "data": {"text": "a"}},
                {"event": "node_finished", "data": {"title": "HTTP", "node_type": "http-request"}},
                {
                    "event": "workflow_finished",
                    "data": {"id": "r", "status": "failed", "error": "e"},
                },
            ),
            HERE,
        )
    )
    assert told[:3] == [RunBegan("t", "r"), RunText("a"), Step("HTTP", "http-request", "")]
    last = told[-1]
    assert isinstance(last, RunEnded)
    assert (last.run.succeeded, last.run.running, last.run.error) == (False, False, "e")


@pytest.mark.parametrize("data", ["no json", "[]", "1", "[" * 100_000])
def test_what_is_no_event_is_told(data: str) -> None:
    """A proxy wrote into the stream."""
    with pytest.raises(Unavailable, match="sent no JSON"):
        list(run_events([data], HERE))
