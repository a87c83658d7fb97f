"""The HTTP client against real sockets: what is cut, slow, foreign or not there."""

from __future__ import annotations

import gc
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from kbsync.errors import Denied, Rejected, Unavailable
from kbsync.transport import Call
from kbsync.transport.connections import KEEP_IDLE_SECONDS

from .transporting import (
    FINE,
    GET,
    POST,
    UPLOAD,
    answers,
    calling,
    once,
    received,
    served,
    written,
)

# What was cut


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 200 OK\r\nConten",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nab",
    ],
    ids=["nothing", "half body", "half chunk", "half head", "no HTTP", "no gzip"],
)
def test_a_lost_answer(told: bytes) -> None:
    """What may be repeated is; what may not ends as "may have taken effect", after one try."""
    with served(once(told), answers(FINE)) as server, calling(server.url) as (transport, _):
        assert transport.call(GET).status == 200
        assert server.connections == 2
    with served(once(told)) as server, calling(server.url) as (transport, _):
        with pytest.raises(Unavailable) as caught:
            transport.call(POST)
        assert caught.value.ambiguous
        assert server.connections == 1


def test_an_idle_connection_that_the_server_closed() -> None:
    """A connection that the server closed while it was idle is not used for the next call."""
    with served(once(FINE), answers(FINE)) as server, calling(server.url) as (transport, time):
        transport.call(POST)
        server.until(lambda: server.open == 0)
        transport.call(POST)
        assert server.connections == 2
        assert time.slept == []
    assert KEEP_IDLE_SECONDS < 2.0, "gunicorn closes idle connections after two seconds"


def test_connections_are_used_again() -> None:
    """Calls that go side by side keep their connections, and each has one for all of its calls."""
    together = threading.Barrier(4)

    def script(connection: socket.socket) -> None:
        while received(connection):
            together.wait(timeout=5)
            connection.sendall(FINE)

    with served(script) as server, calling(server.url) as (transport, _):

        def call() -> None:
            for _ in range(20):
                transport.call(POST)

        run_together(call, 4)
        assert server.connections == 4


def test_a_rest_closes_connections() -> None:
    """What is idle is closed when nothing is to be asked: some servers have ten slots in all."""
    with served(answers(FINE)) as server, calling(server.url) as (transport, _):
        run_together(lambda: transport.call(POST), 4)
        transport.rest()
        server.until(lambda: server.open == 0)
        before = server.connections
        transport.call(POST)
        assert server.connections == before + 1


def test_a_rest_ends_no_call() -> None:
    """A call that is under way is not broken off by who thinks that there is nothing to do."""
    asked, answer = threading.Event(), threading.Event()

    def script(connection: socket.socket) -> None:
        received(connection)
        asked.set()
        answer.wait(5)
        connection.sendall(FINE)

    with served(script) as server, calling(server.url) as (transport, _):
        with ThreadPoolExecutor() as threads:
            called = threads.submit(transport.call, POST)
            assert asked.wait(5)
            transport.rest()
            answer.set()
            assert called.result().status == 200
        assert server.connections == 1


def run_together(work: Callable[[], object], count: int) -> None:
    with ThreadPoolExecutor(count) as threads:
        for done in [threads.submit(work) for _ in range(count)]:
            done.result()


def test_a_slow_answer() -> None:
    """An answer that does not come in time may come of it, and is not asked for again at once."""
    done = threading.Event()

    def silent(connection: socket.socket) -> None:
        received(connection)
        done.wait(5)

    with served(silent) as server, calling(server.url, timeout=0.1) as (transport, time):
        with pytest.raises(Unavailable, match="in time") as caught:
            transport.call(GET)
        done.set()
        assert caught.value.ambiguous
        assert (server.connections, time.slept) == (1, [])


def test_refused_while_sending() -> None:
    """A proxy that refuses a large body before it has come is heard."""

    def hasty(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(written("413 Too Large", b"<html>", "Connection: close"))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 20):
            pass

    large = Call("create", "POST", "/x", files={"file": ("a.md", b"x" * 5_000_000, "text/plain")})
    with (
        served(hasty) as server,
        calling(server.url) as (transport, _),
        pytest.raises(Rejected, match="client_max_body_size"),
    ):
        transport.call(large)


def test_what_was_sent_is_let_go() -> None:
    """A body that was sent is held by nobody once it is answered, without a look for garbage."""
    body = b"x" * 100_000
    call = Call("create", "POST", "/x", files={"file": ("a.md", body, "text/plain")})
    before = sys.getrefcount(body)
    gc.disable()
    try:
        with (
            served(answers(written("200 OK", b"{}", "Content-Type: application/json"))) as server,
            calling(server.url) as (transport, _),
        ):
            transport.call(call)
            assert sys.getrefcount(body) == before
    finally:
        gc.enable()


# Who is not what it should be


def test_a_web_page() -> None:
    """A login page that comes with 200 is no success, not even of a delete."""
    page = written("200 OK", b"<!doctype html><title>Sign in</title>", "Content-Type: text/html")
    delete = Call("delete", "DELETE", "/x", repeatable=True)
    with served(answers(page)) as server, calling(server.url) as (transport, _):
        with pytest.raises(Denied, match="web page"):
            transport.call(delete)
        assert server.connections == 1


def test_a_redirect() -> None:
    """A redirect is told and not followed: the key goes nowhere else."""
    moved = written("301 Moved", b"", "Location: http://localhost:1/elsewhere")
    with (
        served(answers(moved)) as server,
        calling(server.url) as (transport, _),
        pytest.raises(Denied, match="redirects to http://localhost:1/elsewhere; set server"),
    ):
        transport.call(GET)


def a_port_where_nobody_listens() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def test_nobody_listens() -> None:
    """A refused connection had no effect for sure; after a few the server is left alone."""
    url = f"http://127.0.0.1:{a_port_where_nobody_listens()}/v1"
    with calling(url) as (transport, time):
        with pytest.raises(Unavailable, match=r"cannot be reached .*base_url") as caught:
            transport.call(POST)
        assert not caught.value.ambiguous
        assert len(time.slept) == 3
        assert 1 < sum(time.slept) < 5


def test_a_server_that_comes_back() -> None:
    """While the server rests nothing is tried; afterwards the first call finds it again."""
    port = a_port_where_nobody_listens()
    with calling(f"http://127.0.0.1:{port}/v1") as (transport, time):
        for _ in range(3):
            with pytest.raises(Unavailable):
                transport.ask(GET)
        with served(answers(FINE), port=port) as server:
            with pytest.raises(Unavailable, match="cannot be reached"):
                transport.ask(GET)
            assert server.connections == 0
            time.now += 5
            assert transport.ask(GET).status == 200


def test_a_name_that_nobody_has() -> None:
    """A name that DNS does not know is told as such."""
    with (
        calling("http://nowhere.invalid/v1") as (transport, _),
        pytest.raises(Unavailable, match="DNS"),
    ):
        transport.call(GET)


@pytest.mark.parametrize("url", ["ftp://a/v1", "dify/v1", "http://[::1/v1", "http://a:b/v1"])
def test_no_address(url: str) -> None:
    """What is no address is a matter of the configuration."""
    with pytest.raises(Denied, match="base_url"), calling(url) as (transport, _):
        transport.call(GET)


def test_many_threads() -> None:
    """Calls from many threads at once are all answered, over no more connections than allowed."""
    with served(answers(FINE)) as server, calling(server.url, max_connections=3) as (transport, _):

        def work() -> None:
            for _ in range(20):
                transport.call(UPLOAD)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert transport.counts == Counter({("create", 200): 160})
        assert transport.sent_bytes == 160
        server.until(lambda: server.open <= 3)
