"""The one place that applies faults and writes the request log, around the application."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kbsync.standin.api import write
from kbsync.standin.call import World
from kbsync.standin.errors import RATE_LIMITED, Answer, crashed, refused
from kbsync.standin.faults import Fault, Kind
from kbsync.standin.routes import Routes

CLOSE = "kbsync.standin.close"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the log has it; ``status`` 0 means that the connection was closed instead.

    ``kind`` is one of create, update, list, get, delete, progress (indexing-status by batch),
    segments, status (enable, archive ...), metadata (values of documents), retrieve, download,
    dataset-list, dataset-create, dataset-get, dataset-update, dataset-delete, field-list,
    field-create, field-update, field-delete, tags, ask, stop, messages, conversations, run,
    run-status, about, upload, unknown.
    """

    method: str
    path: str
    kind: str
    status: int


class Faulty:
    """An application whose requests are logged and can go wrong."""

    def __init__(
        self,
        app: ASGIApp,
        world: World,
        routes: Routes,
        log: deque[Request],
        insert_foreign: Callable[[str], None],
    ) -> None:
        self._app = app
        self._world = world
        self._routes = routes
        self._log = log
        self._insert_foreign = insert_foreign

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or fail to answer, one request."""
        if scope["type"] != "http":
            return
        scope["path"] = re.sub("^/+", "/", scope["path"])  # as the real server reads it
        method, path = scope["method"], scope["path"]
        faults = self._world.faults
        if faults.outage():
            await self._cut(scope, receive)
            return
        body = await _drain(receive)
        if faults.take("cut-before", method, path):
            await self._cut(scope, receive)
            return
        instead = self._instead(method, path)
        if instead is not None:
            await self._send(scope, await _collect(write(instead, self._world), scope, body), send)
            return
        self._shift(scope)
        flowing = _Flowing(send, lambda status: self._note(scope, status))
        messages = await _collect(self._app, scope, body, flowing)
        if flowing.began:
            return
        delay = faults.take("delay", method, path)
        if delay is not None:
            await asyncio.sleep(delay.seconds)
        if faults.take("cut-after", method, path):
            await self._cut(scope, receive)
            return
        if faults.take("500-after", method, path):
            messages = await _collect(write(crashed().answer, self._world), scope, body)
        await self._send(scope, messages, send)

    def _instead(self, method: str, path: str) -> Answer | None:
        faults = self._world.faults
        for kind, answer in INSTEAD.items():
            if faults.take(kind, method, path):
                return answer
        limit = faults.take("429", method, path)
        return None if limit is None else _too_many(limit)

    def _shift(self, scope: Scope) -> None:
        """Before a list page after the first: what a busy server does to it."""
        method, path = scope["method"], scope["path"]
        match = self._routes.match(method, path)
        if match.route is None or match.route.kind != "list":
            return
        page = QueryParams(scope["query_string"]).get("page", "1")
        later = page.isdigit() and int(page) > 1
        if later and self._world.faults.take("shift-insert", method, path):
            self._insert_foreign(match.parameters["dataset_id"])

    async def _send(self, scope: Scope, messages: list[Message], send: Send) -> None:
        self._note(scope, messages[0]["status"])
        for message in messages:
            await send(message)

    async def _cut(self, scope: Scope, receive: Receive) -> None:
        self._note(scope, 0)
        close = scope.get("extensions", {}).get(CLOSE)
        if close is None:
            raise ConnectionResetError("the stand-in was told to close the connection")
        close()
        while (await receive())["type"] != "http.disconnect":
            pass

    def _note(self, scope: Scope, status: int) -> None:
        kind = self._routes.kind(scope["method"], scope["path"])
        self._log.append(Request(scope["method"], scope["path"], kind, status))


PLUGIN_DAEMON = "Failed to request plugin daemon, url: plugin/management/models"
PROXY_PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


def _by_the_proxy(status: int, reason: str) -> Answer:
    page = PROXY_PAGE.format(f"{status} {reason}")
    return Answer(page.encode(), status, media_type="text/html")


INSTEAD: Mapping[Kind, Answer] = {
    "500-before": crashed().answer,
    "403-rate-limit": refused(403, "forbidden", RATE_LIMITED).answer,
    "plugin-daemon": refused(400, "invalid_param", PLUGIN_DAEMON).answer,
    "proxy-502": _by_the_proxy(502, "Bad Gateway"),
    "proxy-413": _by_the_proxy(413, "Request Entity Too Large"),
}


def _too_many(fault: Fault) -> Answer:
    body = {"code": "too_many_requests", "message": "Too many requests.", "status": 429}
    headers = {"Retry-After": f"{fault.seconds:g}"} if fault.seconds else {}
    return Answer(body, 429, headers)


async def _drain(receive: Receive) -> bytes:
    chunks = []
    more = True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(chunks)


class _Flowing:
    """Sends the messages of a stream of events at once: it may take long, and be stopped."""

    def __init__(self, send: Send, note: Callable[[int], None]) -> None:
        self.began = False
        self._send = send
        self._note = note

    async def takes(self, message: Message) -> bool:
        """Whether the message was part of a stream, and is sent."""
        if (b"content-type", b"text/event-stream; charset=utf-8") in message.get("headers", ()):
            self.began = True
            self._note(message["status"])
        if self.began:
            await self._send(message)
        return self.began


async def _collect(
    app: ASGIApp, scope: Scope, body: bytes, flowing: _Flowing | None = None
) -> list[Message]:
    """What an application would send; a stream is sent by the way."""
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        if flowing is None or not await flowing.takes(message):
            messages.append(message)

    answered: Awaitable[None] = app(scope, receive, send)
    await answered
    return messages
