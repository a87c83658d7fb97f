"""The stand-in's applications answer as the recorded ones did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import httpx
import pytest

from kbsync.apps import App, Began, Ended, RunBegan, RunEnded, open_app
from kbsync.errors import Denied, Missing
from kbsync.standin import Fault, StandIn, running
from kbsync.transport.streaming import data_of

from .streaming import STREAMS

VERSIONS = ["1.10.1", "1.16.1"]
ASKED = {"query": "hello", "inputs": {}, "user": "u1", "response_mode": "streaming"}


class Apps:
    """A stand-in with a client for each of its applications."""

    def __init__(self, stack: ExitStack, version: str) -> None:
        self.standin = stack.enter_context(closing(StandIn(behave=version)))
        self.url = stack.enter_context(running(self.standin))
        self.chat = stack.enter_context(closing(open_app(self.url, self.standin.app_key)))
        self.workflow = stack.enter_context(closing(open_app(self.url, self.standin.workflow_key)))

    def streamed(self, path: str, key: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        """The events of a call, as JSON; None for a keep-alive."""
        headers = {"Authorization": f"Bearer {key}"}
        answer = httpx.post(f"{self.url}{path}", headers=headers, json=body)
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        return _parsed([answer.content])


@pytest.fixture(params=VERSIONS)
def apps(request: pytest.FixtureRequest) -> Iterator[Apps]:
    with ExitStack() as stack:
        yield Apps(stack, request.param)


def _parsed(chunks: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(data) if data else {"event": "ping"} for data in data_of(chunks)]


def _recorded(version: str, name: str) -> list[dict[str, Any]]:
    one = next(one for one in STREAMS if one.name == f"{version} {name}")
    return _parsed([one.body])


def _shape(events: list[dict[str, Any]]) -> list[str]:
    """The order of events, with pieces of text taken together."""
    names = [str(event["event"]) for event in events]
    return [
        name for at, name in enumerate(names) if name != "message" or names[at - 1] != "message"
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_chat_streams_the_events_of_the_record(version: str) -> None:
    """In the order of the version, and with no key that the record has not."""
    with ExitStack() as stack:
        apps = Apps(stack, version)
        ours = apps.streamed("/chat-messages", apps.standin.app_key, ASKED)
    theirs = _recorded(version, "chatflow-streaming")
    assert _shape(ours) == _shape(theirs)
    _no_foreign_keys(ours, theirs)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("fails", [False, True])
def test_a_workflow_streams_the_events_of_the_record(version: str, fails: bool) -> None:
    """Whether it succeeds or fails."""
    with ExitStack() as stack:
        apps = Apps(stack, version)
        if fails:
            apps.standin.faults.add(Fault("run-failed", text="no"))
        body = {"inputs": {"text": "x"}, "user": "u1", "response_mode": "streaming"}
        ours = apps.streamed("/workflows/run", apps.standin.workflow_key, body)
    theirs = _recorded(version, "workflow-streaming" + ("-failed" if fails else ""))
    assert _shape(ours) == _shape(theirs)
    _no_foreign_keys(ours, theirs)
    assert ours[-1]["data"]["status"] == theirs[-1]["data"]["status"]


def _no_foreign_keys(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    known = {event["event"]: event for event in theirs}
    for event in ours:
        told = known[event["event"]]
        assert event.keys() <= told.keys(), event["event"]
        assert event.get("data", {}).keys() <= told.get("data", {}).keys(), event["event"]


def test_a_run_is_told_as_the_version_tells_it(apps: Apps) -> None:
    """Outputs as text on old servers; an unknown run is nulls there, 404 later."""
    run = apps.workflow.run({"text": "ü"}, user="u")
    assert apps.workflow.run_status(run.id).outputs == {"out": "ü"}
    with pytest.raises(Missing):
        apps.workflow.run_status("00000000-0000-4000-8000-000000000000")


def test_a_chat_is_stopped_by_its_task(apps: Apps) -> None:
    """The stream then ends, without its last message."""
    apps.standin.faults.add(Fault("stream-slow", seconds=0.02))
    with apps.chat.asking("hi", user="u") as events:
        began = next(events)
        assert isinstance(began, Began)
        apps.chat.stop_asking(began.task_id, "u")
        last = list(events)[-1]
    assert isinstance(last, Ended)
    assert last.reply.stopped


def test_a_stopped_run_is_running_for_ever_on_old_servers(apps: Apps) -> None:
    """While it runs both call it running."""
    apps.standin.faults.add(Fault("stream-slow", seconds=0.02))
    with apps.workflow.running({"text": "x"}, user="u") as events:
        began = next(events)
        assert isinstance(began, RunBegan)
        assert apps.workflow.run_status(began.run_id).status == "running"
        apps.workflow.stop_run(began.task_id, "u")
        last = list(events)[-1]
    assert isinstance(last, RunEnded)
    assert last.run.status == "stopped"
    old = apps.standin.world.behaviour.version == "1.10.1"
    assert apps.workflow.run_status(began.run_id).status == ("running" if old else "stopped")


def test_conversations_of_a_user_are_listed_last_used_first(apps: Apps) -> None:
    """And go on from one; other users have their own."""
    ids = [apps.chat.ask(f"q{at}", user="u").conversation_id for at in range(3)]
    apps.chat.ask("again", user="u", conversation_id=ids[0])
    listed = [one.id for one in apps.chat.conversations("u")]
    assert listed == [ids[0], ids[2], ids[1]]
    assert [one.id for one in apps.chat.conversations("u", limit=1, after=ids[0])] == [ids[2]]
    assert apps.chat.conversations("v") == []


def test_what_an_application_says_of_itself(apps: Apps) -> None:
    """Name, mode, form, icons."""
    assert apps.chat.info().chats
    assert not apps.workflow.info().chats
    assert apps.chat.parameters().cites
    assert [field.name for field in apps.workflow.parameters().fields] == ["text"]
    assert apps.chat.tool_icons() == {}


def test_a_file_is_uploaded_for_a_chat(apps: Apps) -> None:
    """And named in the question."""
    file = apps.chat.upload("a.md", b"text", "text/markdown", user="u")
    assert (file.name, file.size) == ("a.md", 4)
    assert apps.chat.ask("hi", user="u", files=[file]).text


def test_the_keys_of_applications_are_made_from_the_dataset_key() -> None:
    """A stand-in with a secret key is not opened by a known one."""
    with closing(StandIn(key="dataset-s3cr3t")) as standin:
        assert standin.app_key == "app-s3cr3t"
        with (
            running(standin) as url,
            closing(open_app(url, "app-standin")) as app,
            pytest.raises(Denied),
        ):
            app.info()


def test_keys_are_of_one_kind_only(apps: Apps) -> None:
    """A dataset key opens no application, and an app's key no dataset."""
    with closing(open_app(apps.url, apps.standin.key)) as app, pytest.raises(Denied):
        app.info()
    headers = {"Authorization": f"Bearer {apps.standin.app_key}"}
    assert httpx.get(f"{apps.url}/datasets", headers=headers).status_code == 401
    assert isinstance(apps.chat, App)
