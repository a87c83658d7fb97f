"""`kbsync ask`: answers from the files, on a terminal and off it, and stopped in the middle."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbsync.standin import Fault
from tests.integration.transporting import once, served, written

from .place import Place, a_place

QUESTION = "How long is a voucher valid?"
ANSWER = "A voucher is valid for 36 hours."


@pytest.fixture(params=["dify", "simple"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with a_place(tmp_path, dialect=request.param) as made:
        with_app(made)
        made.write("IT/Guest Wi-Fi.md", f"# Guest Wi-Fi\n\n{ANSWER}\n")
        made.write("leave.md", "# Leave\n\nEverybody has 30 days of leave a year.\n")
        assert made.kbsync("reconcile").code == 0
        made.standin.forget_requests()
        yield made


@pytest.fixture
def current(tmp_path: Path) -> Iterator[Place]:
    """A current server, with nothing on it."""
    with a_place(tmp_path) as made:
        with_app(made)
        yield made


def with_app(place: Place, key: str = "") -> None:
    text = place.config.read_text()
    key = key or place.standin.app_key
    place.config.write_text(f'{text}[app]\napi_key = "{key}"\n')


def on_a_terminal(place: Place, *arguments: str, until: str = "", stop: bool = False) -> str:
    """What a terminal shows; with `stop`, Ctrl-C is pressed once `until` is there."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "kbsync", "ask", "--config", str(place.config), *arguments]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                more = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not more:
                break
            shown += more
            if stop and until.encode() in shown:
                process.send_signal(signal.SIGINT)
                stop = False
        process.wait(timeout=20)
    os.close(ours)
    return f"{shown.decode().replace(chr(13), '')}[exit {process.returncode}]"


def test_the_answer_comes_with_the_files_it_rests_on(place: Place) -> None:
    """By their local paths, each with a mark whether it changed since."""
    said = place.kbsync("ask", QUESTION)
    path = place.root / "IT/Guest Wi-Fi.md"
    assert said.out.startswith(f"{ANSWER}\n\n[1] {path}  (unchanged since it was indexed)\n")
    assert said.line("conversation ")
    path.write_text("# Guest Wi-Fi\n\nA voucher is valid for 48 hours.\n")
    assert place.kbsync("ask", QUESTION).line("[1]").endswith("(changed since it was indexed)")


def test_blocking_gives_the_same(place: Place) -> None:
    """In one answer instead of a stream."""
    streamed, whole = place.kbsync("ask", QUESTION), place.kbsync("ask", "--blocking", QUESTION)
    assert streamed.out.splitlines()[:-1] == whole.out.splitlines()[:-1]


def test_json_has_answer_conversation_and_sources(place: Place) -> None:
    """For programs."""
    told = place.kbsync("ask", QUESTION, "--json").json
    assert (told["answer"], told["stopped"]) == (ANSWER, False)
    assert told["conversation_id"]
    source = told["sources"][0]
    assert source["file"] == str(place.root / "IT/Guest Wi-Fi.md")
    assert source["freshness"] == "current"


def test_a_conversation_goes_on_and_is_shown(place: Place) -> None:
    """By its id in every form; the last one by itself where the server lists them."""
    first = place.kbsync("ask", QUESTION, "--json").json["conversation_id"]
    second = place.kbsync("ask", "days of leave", "--conversation", first, "--json").json
    assert second["conversation_id"] == first
    shown = place.kbsync("ask", "--history", "--conversation", first).out
    assert QUESTION in shown
    assert f"{ANSWER}\n    {place.root / 'IT/Guest Wi-Fi.md'}\n" in shown
    assert shown.index(QUESTION) < shown.index("days of leave")
    rows = place.kbsync("ask", "--history", "--conversation", first, "--json").json
    assert [row["question"] for row in rows] == [QUESTION, "days of leave"]
    said = place.kbsync("ask", "leave", "--continue", "--json")
    if place.settings["dataset"] == "KB":
        assert said.json["conversation_id"] == first
        assert QUESTION in place.kbsync("ask", "--history").out
    else:
        assert said.line("does not list conversations; name one with --conversation")


def test_conversations_are_a_users_own(place: Place) -> None:
    """--user says whose; another's is refused in words."""
    mine = place.kbsync("ask", QUESTION, "--user", "ann", "--json").json["conversation_id"]
    said = place.kbsync("ask", "--history", "--conversation", mine, "--user", "bob")
    assert said.line("Conversation Not Exists")
    assert said.code == 5


def test_a_terminal_shows_the_answer_as_it_comes(place: Place) -> None:
    """Piece by piece, and once."""
    shown = on_a_terminal(place, QUESTION)
    assert shown.count(ANSWER) == 1
    assert "Guest Wi-Fi.md" in shown
    assert shown.endswith("[exit 0]")


def test_ctrl_c_stops_the_answer_at_the_server(place: Place) -> None:
    """In the middle of it; the server is told."""
    place.standin.faults.add(Fault("stream-slow", seconds=0.15))
    shown = on_a_terminal(place, QUESTION, until="voucher", stop=True)
    assert "kbsync: the answer was stopped at the server\n" in shown
    assert shown.endswith("[exit 130]")
    assert ANSWER not in shown
    assert place.calls()["stop"] == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("stream-cut"), "broke off before its end"),
        (Fault("stream-error", text="the model is tired"), "the model is tired"),
        (Fault("run-failed", text="no luck"), "the app failed: no luck"),
        (Fault("429", path="chat", seconds=90), "Too many requests"),
    ],
)
def test_what_goes_wrong_is_said(place: Place, fault: Fault, words: str) -> None:
    """And is told from an answer by the exit code; a half one is not shown as one."""
    place.standin.faults.add(fault)
    said = place.kbsync("ask", QUESTION)
    assert words in said.err
    assert said.code == 5
    assert said.out == ""


def test_without_an_application_it_says_what_to_configure(current: Place) -> None:
    """The key's places, and which key."""
    current.configure()
    said = current.kbsync("ask", "x")
    assert said.line("there is no API key; give app.api_key_file")
    assert said.code == 2
    with_app(current, current.standin.workflow_key)
    assert current.kbsync("ask", "x").line("use the key of a chatbot, an agent or a chatflow")


def test_a_dataset_key_in_its_place_is_doubted(current: Place) -> None:
    """Before the server refuses it."""
    current.configure()
    with_app(current, "dataset-0123456789abcdef")
    said = current.kbsync("ask", "x")
    assert said.line("looks like a knowledge base's; an application takes app-... keys")
    assert said.line("use the key of the app: in Dify, open it")
    assert "0123456789abcdef" not in said.out + said.err


def test_questions_that_are_none_and_answers_without_sources(current: Place) -> None:
    """Neither is silent."""
    assert current.kbsync("ask").line("there is no question")
    assert current.kbsync("ask", "--continue", "x").line("has no conversation yet")
    assert current.kbsync("ask", "x").line("No sources were cited")


def test_an_answer_cannot_harm_a_terminal(current: Place) -> None:
    """What it has of escape sequences is shown, not obeyed."""
    events = [
        {"event": "message", "task_id": "t", "answer": "one\n\x1b]0;title\x07\x1b[2J two"},
        {"event": "message_end", "conversation_id": "c\x1b[2J"},
    ]
    body = b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in events)
    with served(once(written("200 OK", body, "Content-Type: text/event-stream"))) as server:
        current.configure(base_url=server.url)
        with_app(current)
        shown = on_a_terminal(current, "x")
    assert "one\n\\x1b]0;title\\x07\\x1b[2J two\n" in shown
    assert "\x1b]" not in shown
    assert "\x1b[2J" not in shown
