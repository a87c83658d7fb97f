"""Recorded and broken streams: the same events however they arrive, and only our own errors."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kbsync.apps import App, ChatEvent, Ended, Run, RunBegan, RunEnded, RunEvent, Said
from kbsync.apps.events import chat_events, run_events
from kbsync.apps.refusals import refusal
from kbsync.errors import BackendError, Denied
from kbsync.transport import Transport
from kbsync.transport.streaming import data_of
from tests.integration.transporting import Script, received, served

from .streaming import RECORDINGS, SOURCE, STREAMS, Recording

recorded = pytest.mark.parametrize("recording", STREAMS, ids=lambda one: one.name)


@recorded
def test_every_split_of_a_recorded_stream_gives_the_same_data(recording: Recording) -> None:
    """Cut in two at any byte, within a character or a line end, or into single bytes."""
    body = recording.body
    whole = list(data_of([body]))
    assert len(whole) >= 4
    for cut in range(1, len(body)):
        assert list(data_of([body[:cut], body[cut:]])) == whole, cut
    assert list(data_of(body[at : at + 1] for at in range(len(body)))) == whole


@recorded
def test_a_recorded_stream_byte_by_byte_over_a_socket_gives_the_same_events(
    recording: Recording,
) -> None:
    """With HTTP's own framing cut at every byte, too."""
    asks = "chatflow" in recording.name
    pieces = [recording.wire[at : at + 1] for at in range(len(recording.wire))]
    with served(_sends(*pieces)) as server, closing(_app(server.url)) as app:
        call = app.asking("hi", user="u1") if asks else app.running({}, user="u1")
        with call as events:
            assert list(events) == recording.events([recording.body])


@pytest.mark.parametrize("version", ["1.10.1", "1.16.1"])
def test_what_the_recorded_streams_tell(version: str) -> None:
    """The answer in its pieces; success, failure and stop of a workflow, each with HTTP 200."""
    by_name = {one.name: one.events([one.body]) for one in STREAMS}
    chat = by_name[f"{version} chatflow-streaming"]
    assert [event.text for event in chat if isinstance(event, Said)][:2] == ["Echo: ", "hello"]
    last = chat[-1]
    assert isinstance(last, Ended)
    assert last.reply.text == "Echo: hello\nSecond line ü."
    assert (last.reply.stopped, last.reply.citations, last.reply.tokens) == (False, (), 0)
    assert _run(by_name[f"{version} workflow-streaming"]).succeeded
    failed = _run(by_name[f"{version} workflow-streaming-failed"])
    assert (failed.status, failed.error) == ("failed", "[Errno 111] Connection refused")
    assert _run(by_name[f"{version} workflow-stopped"]).status == "stopped"


@recorded
def test_a_recorded_stream_cut_off_anywhere_is_our_error_or_whole(recording: Recording) -> None:
    """No half answer passes for a whole one."""
    body = recording.body
    whole = recording.events([body])
    for end in range(0, len(body), 7):
        told = _outcome(recording.read, [body[:end]])
        broke_off = "broke off" in told[-1]
        assert broke_off or told == [repr(event) for event in whole]


def test_a_refusal_instead_of_a_stream_is_read_as_one() -> None:
    """A chat without a model answers plain JSON with 400 although a stream was asked for."""
    for recording in RECORDINGS:
        if recording in STREAMS:
            continue

        with (
            served(_sends(recording.wire)) as server,
            closing(_app(server.url)) as app,
            pytest.raises(Denied, match="choose a model for the app"),
            app.asking("hi", user="u1"),
        ):
            pass


_LINES = [line + b"\n" for one in STREAMS for line in one.body.splitlines()]
_ODD = (
    r'{"event":"error","status":400,"code":"app_unavailable"}',
    r'{"event":"error","status":"x","message":[1]}',
    r'{"event":"error","status":200}',
    r'{"event":["message"]}',
    r'{"event":"message_end","metadata":{"retriever_resources":[1,{"score":1e999}]}}',
    r'{"event":"workflow_finished","data":{"outputs":"[[","status":3}}',
    r'{"event":"message","answer":"\ud800"}',
    "{}",
    "null",
    "[" * 5000,
)
_PARTS = st.one_of(
    st.sampled_from(_LINES),
    st.sampled_from([f"data: {one}\n\n".encode() for one in _ODD]),
    st.sampled_from([b"\n", b"\r\n", b"\r", b"data: ", b"event: ping\n\n", b": x\n", b"retry: 9"]),
    st.sampled_from([b"id: \0\n", b"\xef\xbb\xbf"]),
    st.binary(max_size=40),
)


@pytest.mark.parametrize("read", [chat_events, run_events])
@given(parts=st.lists(_PARTS, max_size=12), sizes=st.lists(st.integers(1, 400), min_size=1))
@settings(max_examples=400, deadline=None)
def test_a_fuzzed_stream_ends_or_raises_our_error(
    read: Callable[..., Iterator[ChatEvent | RunEvent]], parts: list[bytes], sizes: list[int]
) -> None:
    """Whatever a server or a proxy writes; and the pieces it comes in make no difference."""
    body = b"".join(parts)
    whole = _outcome(lambda stream: read(stream, SOURCE), [body])
    assert _outcome(lambda stream: read(stream, SOURCE), _pieces(body, sizes)) == whole


@given(
    recording=st.sampled_from(RECORDINGS),
    at=st.floats(0, 1),
    removed=st.integers(0, 60),
    put=st.binary(max_size=20),
)
@settings(max_examples=150, deadline=None)
def test_a_fuzzed_answer_over_a_socket_ends_or_raises_our_error(
    recording: Recording, at: float, removed: int, put: bytes
) -> None:
    """HTTP's framing is damaged, too: lengths, headers, line ends, the end itself."""
    place = int(at * len(recording.wire))
    wire = recording.wire[:place] + put + recording.wire[place + removed :]

    with (
        served(_sends(wire)) as server,
        closing(_app(server.url)) as app,
        suppress(BackendError),
        app.asking("hi", user="u1") as events,
    ):
        list(events)


def _app(url: str) -> App:
    return App(Transport(url, "app-s3cr3t", meaning=refusal, sleep=lambda _: True, timeout=10))


def _run(events: list[ChatEvent | RunEvent]) -> Run:
    first, last = events[0], events[-1]
    assert isinstance(first, RunBegan)
    assert isinstance(last, RunEnded)
    return last.run


def _sends(*pieces: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        received(connection)
        for piece in pieces:
            connection.sendall(piece)

    return script


def _outcome(
    read: Callable[[Iterator[str]], Iterator[ChatEvent | RunEvent]], chunks: Iterable[bytes]
) -> list[str]:
    """Every event, and the error that it ended with."""
    told: list[str] = []
    try:
        told.extend(repr(event) for event in read(data_of(chunks)))
    except BackendError as error:
        told.append(repr(error))
    return told


def _pieces(body: bytes, sizes: list[int]) -> Iterator[bytes]:
    at, turn = 0, 0
    while at < len(body):
        size = sizes[turn % len(sizes)]
        yield body[at : at + size]
        at, turn = at + size, turn + 1
