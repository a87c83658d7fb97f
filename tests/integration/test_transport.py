"""The HTTP client against real sockets: what is cut, slow, foreign, untrusted or not there."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kbsync.errors import BackendError, Denied, Rejected, Unavailable
from kbsync.transport import Call, Transport
from kbsync.transport.client import KEEP_IDLE, KEEP_IDLE_SECONDS
from kbsync.transport.pace import Pace

KEY = "dataset-s3cr3t"
GET = Call("get", "GET", "/x", repeatable=True)
POST = Call("create", "POST", "/x", json={"a": 1})
UPLOAD = Call("create", "POST", "/x", fields={"data": "{}"}, files={"file": ("a", b"a", "a/b")})

Script = Callable[[socket.socket], None]


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@dataclass
class Time:
    """A clock that only sleeping moves."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Server:
    """Connections that are each treated by a script of their own, the last of them again."""

    def __init__(
        self,
        scripts: tuple[Script, ...],
        context: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self.connections = 0
        self.open = 0
        self._scripts = scripts
        self._context = context
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://localhost:{self.port}/v1"

    def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so; fails after five seconds."""
        with self._changed:
            assert self._changed.wait_for(true, timeout=5)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
        for connection in self._sockets:
            with_error_ignored(lambda at: at.shutdown(socket.SHUT_RDWR), connection)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            script = self._scripts[min(self.connections, len(self._scripts) - 1)]
            self._sockets.append(connection)
            self._count(1)
            thread = threading.Thread(target=self._serve, args=(connection, script))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, script: Script) -> None:
        try:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            with_error_ignored(script, connection)
        except OSError:
            pass
        finally:
            connection.close()
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._changed:
            self.open += change
            self.connections += change > 0
            self._changed.notify_all()


def with_error_ignored(script: Script, connection: socket.socket) -> None:
    try:
        script(connection)
    except OSError:
        return


@contextmanager
def served(
    *scripts: Script, context: ssl.SSLContext | None = None, port: int = 0
) -> Iterator[Server]:
    server = Server(scripts, context, port)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def calling(url: str, key: str = KEY, **settings: Any) -> Iterator[tuple[Transport, Time]]:
    time = Time()
    settings = {"clock": time.clock, "sleep": time.sleep, "chance": lambda: 0.5} | settings
    transport = Transport(url, key, **settings)
    try:
        yield transport, time
    finally:
        transport.close()


def received(connection: socket.socket) -> bytes:
    """One request with its body; b"" at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"),
        0,
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def written(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


FINE = written("200 OK", b"{}", "Content-Type: application/json")


def answers(*told: bytes) -> Script:
    """Answer request after request, the last answer again and again."""

    def script(connection: socket.socket) -> None:
        left = list(told)
        while received(connection):
            connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    return script


def once(told: bytes) -> Script:
    """Answer one request with these bytes and close."""

    def script(connection: socket.socket) -> None:
        received(connection)
        connection.sendall(told)

    return script


CUT = once(b"")


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


def test_few_idle_connections() -> None:
    """After a burst few connections stay open: some servers have ten slots and close none."""
    together = threading.Barrier(4)

    def script(connection: socket.socket) -> None:
        while received(connection):
            together.wait(timeout=5)
            connection.sendall(FINE)

    with served(script) as server, calling(server.url) as (transport, _):
        threads = [threading.Thread(target=transport.call, args=(POST,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.connections == 4
        server.until(lambda: server.open <= KEEP_IDLE)


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


# Certificates


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for "localhost"."""

    file: Path
    context: ssl.SSLContext


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    place = tmp_path_factory.mktemp("tls")
    file, key = place / "cert.pem", place / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(file)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file, key)
    return Certificate(file, context)


def test_a_certificate_of_ones_own(certificate: Certificate) -> None:
    """A self-signed certificate is refused until ca_file names it or checks are switched off."""
    with served(answers(FINE), context=certificate.context) as server:
        with (
            calling(server.url) as (transport, _),
            pytest.raises(Denied, match=r"not trusted \(self-signed certificate\); set server.ca_"),
        ):
            transport.call(GET)
        for verify in (str(certificate.file), False):
            with calling(server.url, verify=verify) as (transport, _):
                assert transport.call(GET).status == 200


def test_a_certificate_for_another_name(certificate: Certificate) -> None:
    """A certificate for another name is not told as one that nobody trusts."""
    with served(answers(FINE), context=certificate.context) as server:
        url = server.url.replace("localhost", "127.0.0.1")
        with (
            calling(url, verify=str(certificate.file)) as (transport, _),
            pytest.raises(Denied, match="another name"),
        ):
            transport.call(GET)


def test_https_where_http_is_spoken() -> None:
    """TLS with a server that knows none is told as a wrong address."""

    def script(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(written("400 Bad Request", b""))
        while connection.recv(1024):
            pass

    with served(script) as server:
        url = server.url.replace("http:", "https:")
        with (
            calling(url) as (transport, _),
            pytest.raises(Denied, match="does not speak TLS; is it http://"),
        ):
            transport.call(GET)


def test_a_bundle_that_is_none(tmp_path: Path) -> None:
    """A ca_file without certificates is told by its name in the configuration."""
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    for path in (file, tmp_path / "missing.pem"):
        with pytest.raises(Denied, match="ca_file"):
            Transport("https://localhost/v1", KEY, verify=str(path))


# Proxies


def test_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's proxy is used, and a failing one is told as a proxy, without its login."""
    with served(answers(FINE)) as proxy:
        monkeypatch.setenv("http_proxy", f"http://me:pa55@localhost:{proxy.port}")
        with calling("http://dify.example/v1") as (transport, _):
            assert transport.call(GET).status == 200
        assert proxy.connections == 1
    with (
        calling("http://dify.example/v1") as (transport, _),
        pytest.raises(Unavailable, match="through the proxy") as caught,
    ):
        transport.call(GET)
    assert "pa55" not in str(caught.value)


def test_a_proxy_that_wants_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that refuses to connect had no effect, whatever was to be sent."""
    refusal = written("407 Proxy Authentication Required", b"")
    with served(once(refusal)) as proxy:
        monkeypatch.setenv("https_proxy", f"http://localhost:{proxy.port}")
        monkeypatch.setenv("http_proxy", f"http://localhost:{proxy.port}")
        with calling("https://dify.example/v1") as (transport, _):
            with pytest.raises(Unavailable, match=r"407.*https_proxy") as caught:
                transport.call(POST)
            assert not caught.value.ambiguous
        with (
            calling("http://dify.example/v1") as (transport, _),
            pytest.raises(Denied, match="login"),
        ):
            transport.call(POST)


def test_a_proxy_that_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy variable that is no address is told by the variable's name, without its login."""
    monkeypatch.setenv("http_proxy", "gopher://me:pa55@localhost:1")
    with pytest.raises(Denied, match="http_proxy") as caught:
        Transport("http://dify.example/v1", KEY)
    assert "pa55" not in str(caught.value)


# The key


def test_a_refused_key() -> None:
    """A refused key is not tried for every file, but again after half a minute."""
    body = b'{"code": "unauthorized", "message": "Access token is invalid", "status": 401}'
    refusal = written("401 Unauthorized", body)
    with served(answers(refusal, FINE)) as server, calling(server.url) as (transport, time):
        for _ in range(3):
            with pytest.raises(Denied, match="refused the API key"):
                transport.call(GET)
        time.now += 30
        assert transport.call(GET).status == 200
        assert transport.counts == Counter({("get", 401): 1, ("get", 200): 1})


@pytest.mark.parametrize("status", ["400 Bad", "401 No", "403 No", "418 Tea", "500 Oops", "301 Go"])
def test_the_key_is_not_shown(status: str) -> None:
    """A server that echoes the request in its error does not get the key into ours."""
    echo = written(status, b'{"message": "Bearer %s"}' % KEY.encode(), f"Location: /?k={KEY}")
    with served(answers(echo)) as server, calling(server.url) as (transport, _):
        with pytest.raises(BackendError) as caught:
            transport.call(POST)
        assert KEY not in str(caught.value) + repr(caught.value) + repr(transport)


@pytest.mark.parametrize("key", ["", "key\n", "k ey", "schlüssel", "a\x00b"])
def test_a_key_that_is_none(key: str) -> None:
    """A key that cannot be one is refused before anything is sent, and not shown."""
    with pytest.raises(Denied, match="API key") as caught:
        Transport("http://localhost/v1", key)
    assert not key or key not in str(caught.value)


# Pauses


def test_retry_after_is_kept() -> None:
    """What the server asks for is waited, by the same call and by others."""
    busy = written("503 Busy", b"", "Retry-After: 7")
    with served(answers(busy, FINE)) as server, calling(server.url) as (transport, time):
        assert transport.call(POST).status == 200
        assert time.now == pytest.approx(1007)


def test_a_date_is_kept() -> None:
    """A date of Retry-After counts from the server's own."""
    told = ["Date: Mon, 23 Nov 2026 10:00:00 GMT", "Retry-After: Mon, 23 Nov 2026 10:00:40 GMT"]
    busy = written("429 Too Many Requests", b"", *told)
    with served(answers(busy, FINE)) as server, calling(server.url) as (transport, time):
        assert transport.call(POST).status == 200
        assert time.now == pytest.approx(1040)


def test_a_long_silence_is_not_waited_for() -> None:
    """A server that wants ten minutes gets them, and the caller gets its hands free."""
    busy = written("503 Busy", b"", "Retry-After: 600")
    with served(answers(busy)) as server, calling(server.url) as (transport, time):
        with pytest.raises(Unavailable) as caught:
            transport.call(GET)
        assert caught.value.retry_after == 600
        with pytest.raises(Unavailable) as caught:
            transport.call(POST)
        assert caught.value.retry_after == 600
        assert transport.counts == Counter({("get", 503): 1})
        assert time.slept == []


LIMITED = (
    b'{"code": "forbidden", "message": "Sorry, you have reached the knowledge base request rate'
    b' limit of your subscription.", "status": 403}'
)


def test_the_knowledge_rate_limit() -> None:
    """After Dify Cloud's refusal nobody writes for a minute; reading, which is free, goes on."""
    limited = written("403 Forbidden", LIMITED, "Content-Type: application/json")
    with served(answers(limited, FINE)) as server, calling(server.url) as (transport, time):
        with pytest.raises(Unavailable, match="rate limit") as caught:
            transport.call(POST, tries=1)
        assert caught.value.retry_after == 60
        transport.call(GET)
        assert time.now == 1000
        transport.call(POST)
        assert time.now == pytest.approx(1060)


def test_refusals_prolong_the_silence() -> None:
    """A call that was under way when the limit was met, and is refused, starts the minute anew."""
    time = Time()
    pace = Pace(0, clock=time.clock, sleep=time.sleep)
    pace.quiet(60, writes_only=True)
    time.now += 50
    pace.quiet(60, writes_only=True)
    pace.quiet(5)
    pace.wait(writes=False)
    assert time.now == 1055
    pace.wait()
    assert time.now == 1110


@pytest.mark.parametrize("budget", [1, 2, 7, 10, 60, 600])
def test_the_budget(budget: int) -> None:
    """In no minute are there more requests than allowed, and few less than that."""
    time = Time()
    pace = Pace(budget, clock=time.clock, sleep=time.sleep)
    moments = []
    for _ in range(4 * budget):
        pace.wait()
        moments.append(time.now)
    for first, after in zip(moments, moments[budget:], strict=False):
        assert after - first >= 60 - 1e-6
    assert moments[-1] - moments[0] < 60 * 4 * 1.12


def test_stopping_does_not_wait() -> None:
    """A call that waits for a silence to end gives up when the program stops."""
    busy = written("503 Busy", b"", "Retry-After: 60")
    ended: list[BackendError] = []

    def call(transport: Transport) -> None:
        try:
            transport.call(GET)
        except Unavailable as error:
            ended.append(error)

    with served(answers(busy)) as server:
        transport = Transport(server.url, KEY)
        thread = threading.Thread(target=call, args=(transport,))
        thread.start()
        server.until(lambda: server.connections == 1)
        transport.interrupt()
        thread.join(5)
        assert not thread.is_alive()
        transport.close()
    assert len(ended) == 1


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
