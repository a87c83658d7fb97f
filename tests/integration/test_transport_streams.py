"""Streaming answers of single connections: how they begin, how they end, what is called again."""

from __future__ import annotations

import socket

import pytest

from kbsync.errors import Denied, Unavailable
from kbsync.transport import Call
from kbsync.transport.streaming import MOST_BYTES

from .transporting import Script, calling, once, received, served, written

ASK = Call("ask", "POST", "/chat-messages", json={"query": "x"})
EVENTS = "Content-Type: text/event-stream; charset=utf-8"
HEAD = f"HTTP/1.1 200 OK\r\n{EVENTS}\r\nConnection: close\r\n\r\n".encode()


def sends(*pieces: bytes) -> Script:
    """Answer one request with pieces, and close."""

    def script(connection: socket.socket) -> None:
        received(connection)
        for piece in pieces:
            connection.sendall(piece)

    return script


def test_a_stream_is_given_as_it_comes() -> None:
    """The first event can be read while the second was not even written."""
    gate = socket.socketpair()

    def script(connection: socket.socket) -> None:
        request = received(connection)
        assert b"Accept: text/event-stream" in request
        connection.sendall(HEAD + b"data: 1\n\n")
        gate[0].recv(1)
        connection.sendall(b"event: ping\n\ndata: 2\n\n")

    with served(script) as server, calling(server.url) as (transport, _):
        with transport.stream(ASK) as stream:
            events = iter(stream)
            assert next(events) == "1"
            gate[1].send(b"x")
            assert list(events) == ["", "2"]
        assert transport.counts["ask", 200] == 1
    for end in gate:
        end.close()


def test_an_answer_that_is_no_stream_is_told() -> None:
    """The call may have had its effect."""
    json = written("200 OK", b"{}", "Content-Type: application/json")
    with (
        served(once(json)) as server,
        calling(server.url) as (transport, _),
        pytest.raises(Unavailable, match="not with a stream of events") as raised,
        transport.stream(ASK),
    ):
        pass
    assert raised.value.ambiguous


def test_a_refusal_is_read_as_any_other() -> None:
    """Whatever was asked for."""
    body = b'{"code":"unauthorized","message":"Access token is invalid","status":401}'
    refused = written("401 UNAUTHORIZED", body, "Content-Type: application/json")
    with (
        served(once(refused)) as server,
        calling(server.url) as (transport, _),
        pytest.raises(Denied, match="refused the API key"),
        transport.stream(ASK),
    ):
        pass


def test_what_surely_had_no_effect_is_called_again() -> None:
    """429 before the stream begins; then it begins."""
    limited = written(
        "429 TOO MANY REQUESTS", b"{}", "Content-Type: application/json", "Connection: close"
    )
    with (
        served(once(limited), sends(HEAD, b"data: 1\n\n")) as server,
        calling(server.url) as (transport, time),
        transport.stream(ASK) as stream,
    ):
        assert list(stream) == ["1"]
        assert time.slept


def test_a_stream_that_breaks_is_not_called_again() -> None:
    """The server may still be at it."""
    with (
        served(
            sends(HEAD.replace(b"Connection: close", b"Content-Length: 99"), b"data: 1\n\n")
        ) as server,
        calling(server.url) as (transport, _),
    ):
        with transport.stream(ASK) as stream:
            events = iter(stream)
            assert next(events) == "1"
            with pytest.raises(Unavailable, match="no answer to POST /chat-messages") as raised:
                next(events)
        assert raised.value.ambiguous
        assert server.connections == 1


def test_silence_ends_a_stream() -> None:
    """After the seconds that the caller allows."""

    def script(connection: socket.socket) -> None:
        received(connection)
        connection.sendall(HEAD)
        connection.recv(1)

    with (
        served(script) as server,
        calling(server.url) as (transport, _),
        transport.stream(ASK, quiet=0.05) as stream,
        pytest.raises(Unavailable, match="in time"),
    ):
        list(stream)


def test_a_stream_that_only_goes_on_is_given_up() -> None:
    """Keep-alives for ever are no answer; the clock is the transport's."""
    gate = socket.socketpair()

    def script(connection: socket.socket) -> None:
        received(connection)
        connection.sendall(HEAD + b"event: ping\n\n")
        gate[0].recv(1)
        connection.sendall(b"event: ping\n\n")

    with (
        served(script) as server,
        calling(server.url) as (transport, time),
        transport.stream(ASK, longest=60) as stream,
    ):
        events = iter(stream)
        assert next(events) == ""
        time.now += 61
        gate[1].send(b"x")
        with pytest.raises(Unavailable, match="does not end"):
            next(events)
    for end in gate:
        end.close()


def test_a_stream_without_measure_is_given_up() -> None:
    """One line of more bytes than any answer has."""
    chunk = b"x" * 2**20

    def script(connection: socket.socket) -> None:
        received(connection)
        connection.sendall(HEAD)
        for _ in range(MOST_BYTES // len(chunk) + 1):
            connection.sendall(chunk)

    with (
        served(script) as server,
        calling(server.url) as (transport, _),
        transport.stream(ASK) as stream,
        pytest.raises(Unavailable, match="does not end"),
    ):
        list(stream)
