"""Each example of the older guide works, by our own clients, on a server that speaks its form."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass

import httpx
import pytest

from kbsync.apps import App, Ended, RunEnded, Said, open_app
from kbsync.backend.interface import Backend
from kbsync.backend.registry import open_backend
from kbsync.errors import BackendError, Denied, Missing, Rejected, Unavailable
from kbsync.model import Document, Gone, Processing, Ready, Remote
from kbsync.standin import Fault, StandIn, running
from tests.integration.transporting import FINE, received, served

ECONOMY = Processing(indexing_technique="economy")
LEAVE = b"# Leave\n\nEverybody has 30 days of leave a year.\n"


@dataclass
class Guide:
    """A server of the guide's form with one dataset, and both clients of it."""

    standin: StandIn
    url: str
    dataset: str
    backend: Backend
    chat: App
    workflow: App

    def upload(self, body: bytes = LEAVE) -> Remote:
        """A document, indexed at the next look."""
        return self.backend.put(self.dataset, Document("leave.md", body, "text/markdown", ECONOMY))

    def fault(self, kind: str, **settings: object) -> None:
        """Let something go wrong once."""
        self.standin.faults.add(Fault(kind, **settings))  # type: ignore[arg-type]  # checked there


@pytest.fixture
def guide() -> Iterator[Guide]:
    standin = StandIn(dialect="simple")
    dataset = standin.create_dataset("Handbook")
    with running(standin) as url, closing(standin):
        backend = open_backend(url, standin.key, "auto", sleep=lambda _: True)
        assert backend.style == "simple"
        chat = open_app(url, standin.app_key, app_id=standin.app_id(standin.app_key))
        workflow = open_app(url, standin.workflow_key)
        with closing(backend), closing(chat), closing(workflow):
            for app in (chat, workflow):
                app.interrupt()
            yield Guide(standin, url, dataset, backend, chat, workflow)


def test_the_authorization_header(guide: Guide) -> None:
    """`Authorization: Bearer {key}`; a key in the address is none."""
    query = {"authorization": guide.standin.app_key, "conversation_id": "x", "user": "u"}
    assert httpx.get(f"{guide.url}/messages", params=query).status_code == 401
    assert guide.chat.info().name


def test_no_call_has_the_key_in_its_address_or_body() -> None:
    """Only in the header: addresses are kept in the logs of servers and proxies."""
    asked: list[bytes] = []

    def script(connection: socket.socket) -> None:
        while request := received(connection):
            asked.append(request)
            connection.sendall(FINE)

    key = "app-s3cr3t"
    with served(script) as server, closing(open_app(server.url, key, app_id="a")) as app:
        calls: list[Callable[[], object]] = [
            app.info,
            app.parameters,
            app.tool_icons,
            lambda: app.ask("q", user="u"),
            lambda: app.asking("q", user="u").__enter__(),
            lambda: app.stop_asking("t", "u"),
            lambda: app.conversations("u"),
            lambda: app.messages("c", "u"),
            lambda: app.run({}, user="u"),
            lambda: app.running({}, user="u").__enter__(),
            lambda: app.run_status("r"),
            lambda: app.stop_run("t", "u"),
            lambda: app.upload("a.md", b"x", "text/markdown", user="u"),
        ]
        for call in calls:
            with suppress(BackendError):
                call()
    assert len(asked) >= len(calls)
    for request in asked:
        assert request.count(key.encode()) == 1
        assert f"\r\nAuthorization: Bearer {key}\r\n".encode() in request


def test_chat_blocking(guide: Guide) -> None:
    """The answer, its conversation, and the passages it rests on."""
    remote = guide.upload()
    reply = guide.chat.ask("How many days of leave does everybody have?", user="u")
    assert reply.text == "Everybody has 30 days of leave a year."
    assert reply.conversation_id
    assert [one.document_id for one in reply.citations] == [remote.document_id]


def test_chat_streaming(guide: Guide) -> None:
    """The same, piece by piece."""
    guide.upload()
    with guide.chat.asking("How many days of leave does everybody have?", user="u") as events:
        told = list(events)
    pieces = [event.text for event in told if isinstance(event, Said)]
    assert len(pieces) == 8
    assert isinstance(told[-1], Ended)
    assert told[-1].reply.text == "".join(pieces) == "Everybody has 30 days of leave a year."
    assert told[-1].reply.citations[0].document_name == "leave.md"


def test_workflow_run(guide: Guide) -> None:
    """Blocking and streaming; what went in comes out."""
    run = guide.workflow.run({"text": "hello"}, user="u")
    assert (run.status, dict(run.outputs)) == ("succeeded", {"out": "hello"})
    with guide.workflow.running({"text": "hello"}, user="u") as events:
        last = list(events)[-1]
    assert isinstance(last, RunEnded)
    assert last.run.succeeded


def test_workflow_status(guide: Guide) -> None:
    """`/workflows/runs/{id}`, which only this form has; a failed run says so in its status."""
    done = guide.workflow.run({"text": "hello"}, user="u")
    assert guide.workflow.run_status(done.id).outputs == {"out": "hello"}
    guide.fault("run-failed", text="no way")
    failed = guide.workflow.run({"text": "hello"}, user="u")
    assert (failed.status, failed.error) == ("failed", "no way")
    assert guide.workflow.run_status(failed.id).error == "no way"
    paths = {request.path.rpartition("/")[0] for request in guide.standin.requests}
    assert "/v1/workflows/runs" in paths


def test_document_upload(guide: Guide) -> None:
    """The file in `data`, the technique as a field."""
    assert guide.upload().document_id
    assert [one.body for one in guide.standin.documents(guide.dataset)] == [LEAVE]


def test_document_status(guide: Guide) -> None:
    """`indexing_status` to the end."""
    remote = guide.upload()
    assert guide.backend.progress(guide.dataset, [remote]) == {remote.document_id: Ready(None)}


def test_document_delete(guide: Guide) -> None:
    """And again, which is no error."""
    remote = guide.upload()
    guide.backend.delete(remote)
    guide.backend.delete(remote)
    assert guide.backend.progress(guide.dataset, [remote]) == {remote.document_id: Gone()}


def test_application_info(guide: Guide) -> None:
    """`/apps/{id}`, which is tried where `/info` does not exist."""
    info = guide.chat.info()
    assert (info.name, info.mode, info.chats) == ("Stand-in advanced-chat", "advanced-chat", True)
    with pytest.raises(Denied, match="set app"):
        guide.workflow.info()


def test_message_history(guide: Guide) -> None:
    """Oldest first, of the user's own conversation only."""
    guide.upload()
    first = guide.chat.ask("leave", user="u")
    guide.chat.ask("nothing", user="u", conversation_id=first.conversation_id)
    asked = guide.chat.messages(first.conversation_id, "u")
    assert [one.question for one in asked] == ["leave", "nothing"]
    assert asked[0].citations == first.citations
    assert [one.question for one in guide.chat.messages(first.conversation_id, "u", limit=1)] == [
        "nothing"
    ]
    with pytest.raises(Missing, match="Conversation Not Exists"):
        guide.chat.messages(first.conversation_id, "somebody else")


def test_error_400_invalid_param(guide: Guide) -> None:
    """A field is missing: this request, until it changes."""
    with pytest.raises(Rejected, match="text is required"):
        guide.workflow.run({}, user="u")


def test_error_400_wrong_kind_of_app(guide: Guide) -> None:
    """A key of another kind of application."""
    with pytest.raises(Denied, match="the app is no chat"):
        guide.workflow.ask("hi", user="u")
    with pytest.raises(Denied, match="the app is no workflow"):
        guide.chat.run({"text": "x"}, user="u")


def test_error_401_wrong_key(guide: Guide) -> None:
    """The message says which key is meant."""
    with (
        closing(open_app(guide.url, "app-wrong")) as app,
        pytest.raises(Denied, match=r"refused the app's key .*use the key of the app"),
    ):
        app.ask("hi", user="u")


def test_error_403_rate_limit_of_knowledge(guide: Guide) -> None:
    """Trying again later may succeed."""
    guide.fault("403-rate-limit")
    with pytest.raises(Unavailable, match="request rate limit"):
        guide.chat.ask("hi", user="u")


def test_error_404_unknown_conversation(guide: Guide) -> None:
    """What was meant does not exist."""
    with pytest.raises(Missing, match="Conversation Not Exists"):
        guide.chat.ask("hi", user="u", conversation_id="00000000-0000-4000-8000-000000000000")


def test_error_413_too_large(guide: Guide) -> None:
    """A document, in whose place a proxy answers; it is that document's own trouble."""
    guide.fault("proxy-413", path="documents")
    with pytest.raises(Rejected, match="client_max_body_size"):
        guide.upload()


def test_error_415_unsupported_type(guide: Guide) -> None:
    """This form tells it as 400 with its code."""
    with pytest.raises(Rejected, match="File type not allowed"):
        guide.backend.put(guide.dataset, Document("a.exe", b"x", "x/y", ECONOMY))


def test_error_429_too_many_requests(guide: Guide) -> None:
    """With the pause that the server asks for."""
    guide.fault("429", seconds=90)
    with pytest.raises(Unavailable) as raised:
        guide.chat.ask("hi", user="u")
    assert raised.value.retry_after == 90


def test_error_500_internal_server_error(guide: Guide) -> None:
    """The question may have been answered: it is not asked again by itself."""
    guide.fault("500-after", path="chat-messages")
    with pytest.raises(Unavailable) as raised:
        guide.chat.ask("hi", user="u")
    assert raised.value.ambiguous
    assert sum(request.kind == "ask" for request in guide.standin.requests) == 1


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("stream-error", Unavailable, "try later"),
        ("stream-cut", Unavailable, "broke off"),
        ("run-failed", Unavailable, "the app failed: try later"),
    ],
)
def test_an_error_within_a_stream(
    guide: Guide, kind: str, error: type[BackendError], words: str
) -> None:
    """Which began with 200."""
    guide.fault(kind, text="try later")
    with guide.chat.asking("hi", user="u") as events, pytest.raises(error, match=words):
        list(events)
