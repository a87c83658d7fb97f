"""Servers made of single connections, for what no whole server would do."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from kbsync.transport import Call, Transport

KEY = "dataset-s3cr3t"
GET = Call("get", "GET", "/x", repeatable=True)
POST = Call("create", "POST", "/x", json={"a": 1})
UPLOAD = Call("create", "POST", "/x", fields={"data": "{}"}, files={"file": ("a", b"a", "a/b")})

Script = Callable[[socket.socket], None]


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
