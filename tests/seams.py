"""The places at which a run touches the world, each of which may be where it ends.

Nothing of kbsync is replaced: its own transport, ledger and file reader are used, and tell before
and after each effect that they are about to have it, or had it.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
from starlette.types import ASGIApp, Message

from kbsync import scan
from kbsync.ledger.store import Store
from kbsync.model import Content, Key
from kbsync.transport import Call, Transport

#: Crash points tried in this session, by test, for the summary at its end.
TRIED: Counter[str] = Counter()


class Crash(BaseException):
    """The process ends here, as by SIGKILL or, with the power, together with its machine."""


class Points:
    """Counts the points that a run passes, and ends it at point number `at`.

    Once ended, it has no effect any more, whatever its `except` and `finally` clauses try. Unless
    `every` point counts, only those do at which something has just changed for those who come
    after: a crash at any other leaves what one at the point before it leaves. With `power`, the
    ledger loses what nobody has waited for.
    """

    def __init__(self, at: int | None = None, *, every: bool = False, power: bool = False) -> None:
        self.at = at
        self.every = every
        self.power = power
        self.passed: list[str] = []
        self.ended = False

    def __call__(self, name: str, *, changed: bool = False) -> None:
        """Here is a point; `changed` tells that what stays behind is another now."""
        if self.ended:
            raise Crash(name)
        if changed or self.every:
            self.passed.append(name)
            if len(self.passed) - 1 == self.at:
                self.ended = True
                raise Crash(name)


class InProcess(httpx.BaseTransport):
    """Carries requests to an ASGI application in this thread: no socket, and nobody waits.

    An application that breaks the connection off is a `ReadError`, as over a socket.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        body = request.read()
        messages: list[MutableMapping[str, Any]] = []
        scope = {
            "type": "http",
            "method": request.method,
            "path": request.url.path,
            "raw_path": request.url.raw_path,
            "query_string": request.url.query,
            "root_path": "",
            "scheme": request.url.scheme,
            "server": (request.url.host, request.url.port),
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "http_version": "1.1",
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            messages.append(message)

        work = self._app(scope, receive, send).__await__()
        try:
            next(work)
        except StopIteration:
            pass
        except ConnectionResetError as error:
            raise httpx.ReadError(str(error), request=request) from error
        else:
            raise AssertionError("the application waits for something")
        head, *rest = messages
        content = b"".join(message.get("body", b"") for message in rest)
        return httpx.Response(head["status"], headers=head["headers"], content=content)


class SeamTransport(Transport):
    """The real HTTP client, with a point before each request and after each answer."""

    def __init__(
        self,
        points: Points,
        app: ASGIApp,
        key: str,
        watch: Callable[[Call], None] = lambda _: None,
        **options: Any,
    ) -> None:
        super().__init__("http://standin/v1", key, **options)
        self._points = points
        self._watch = watch
        self._connections._made = partial(self._connections._made, transport=InProcess(app))
        self._connections.rest()

    def _exchange(self, call: Call) -> httpx.Response:
        self._points(f"before {call.kind}")
        self._watch(call)
        response = super()._exchange(call)
        self._points(f"after {call.kind}", changed=call.method != "GET")
        return response


class SeamStore(Store):
    """The real ledger file, with a point before each transaction and after its commit.

    What a crash inside a transaction leaves is what one before it leaves. Nothing waits for the
    disk: what it would hold after a power cut is kept in memory.
    """

    def __init__(self, points: Points, path: Path) -> None:
        self._points = points  # opening may have a transaction of its own
        super().__init__(path)
        self._connection.execute("PRAGMA synchronous = OFF")
        self._on_disk = self._connection.serialize() if points.power else b""

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything or nothing, as in `Store`."""
        self._points("before a transaction")
        with super().transaction() as db:
            yield db
        self._points("after a transaction", changed=not self._points.power)

    def secure(self) -> None:
        """Wait for the disk, as in `Store`."""
        self._points("before the disk")
        if self._points.power:
            self._on_disk = self._connection.serialize()
        self._points("after the disk", changed=self._points.power)

    def close(self) -> None:
        """Close it, as the end of the process does; after a power cut, the last part is missing."""
        super().close()
        if self._points.power and self._points.ended:
            self.path.write_bytes(self._on_disk)
            for companion in ("-wal", "-shm"):
                self.path.with_name(self.path.name + companion).unlink(missing_ok=True)


@contextmanager
def seam_reads(points: Points) -> Iterator[None]:
    """While a file's content is read, a point before and after."""
    read = scan.read

    def seen(root: str | Path, key: Key, *, max_size: int) -> Content:
        points("before a read")
        content = read(root, key, max_size=max_size)
        points("after a read")
        return content

    with mock.patch.object(scan, "read", seen):
        yield
