"""The ASGI application: from a request to its route, its dataset, its handler and its answer."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kbsync.standin.apps import Application
from kbsync.standin.call import Call, World, key_of
from kbsync.standin.errors import (
    RATE_LIMITED,
    Answer,
    Flow,
    RefusedError,
    crashed,
    no_route,
    not_found,
    refused,
    too_long,
    unauthorized,
    with_suggestions,
)
from kbsync.standin.forms import call_of
from kbsync.standin.routes import Match, Route, Routes
from kbsync.standin.store import Dataset

LOG = logging.getLogger(__name__)
QUOTAS = {
    "vector-space": "The capacity of the vector space has reached the limit of your subscription.",
    "documents": "The number of documents has reached the limit of your subscription.",
}
QUOTA_UNKNOWN = "Unable to verify vector space usage right now. Please try again later."
WELCOME = """<!doctype html>
<html lang=en>
<title>kbsync stand-in</title>
<h1>kbsync stand-in</h1>
<p>This is not Dify. It is the small server that comes with kbsync for trying it out and for its
tests: it answers the dataset API under <code>/v1</code> as Dify {version} does, and keeps what it
is given in one SQLite database.
"""


class Api:
    """The application without its faults: one call after another, each in one transaction."""

    def __init__(
        self,
        world: World,
        routes: Routes,
        keys: Mapping[str, str],
        apps: Mapping[str, Application],
    ) -> None:
        self._world = world
        self._routes = routes
        self._keys = keys
        self._apps = apps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        request = Request(scope, receive)
        response = write(await self._answer(request), self._world)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Answer:
        path = request.url.path
        line = len(f"{request.method} {path}?{request.url.query} HTTP/1.1")
        limit = self._world.behaviour.longest_request_line
        if limit is not None and line > limit:
            return too_long(line, limit)
        match = self._routes.match(request.method, path)
        if match.route is None:
            return self._unrouted(request, path, match)
        try:
            call = await call_of(request, match, self._world)
            return self._called(call, match.route, request.method)
        except RefusedError as refusal:
            answer = refusal.answer
            if self._world.dify:
                answer = with_suggestions(answer, path, self._routes.rules)
            return answer
        except Exception:
            LOG.exception("%s %s could not be answered", request.method, path)
            return crashed().answer

    def _unrouted(self, request: Request, path: str, match: Match) -> Answer:
        if path == "/" and request.method in ("GET", "HEAD"):
            page = WELCOME.format(version=self._world.behaviour.version)
            return Answer(page.encode(), media_type="text/html; charset=utf-8")
        if path == "/v1" and self._world.dify:
            return Answer(b"", 308, {"Location": f"{request.base_url}v1/"}, "text/html")
        if request.method == "OPTIONS" and match.allowed:
            allow = {"Allow": ", ".join([*match.allowed, "HEAD", "OPTIONS"])}
            return Answer(b"", 200, allow, "text/html; charset=utf-8")
        if match.allowed:
            message = "The method is not allowed for the requested URL."
            return refused(405, "method_not_allowed", message).answer
        return no_route() if self._world.dify else not_found("Not found.").answer

    def _called(self, call: Call, route: Route, method: str) -> Answer:
        world = self._world
        with world.store.lock:
            reads = method in ("GET", "HEAD") or route.kind == "retrieve"
            world.indexer.advance(by_a_write=not reads)
            with world.store.transaction():
                if route.app:
                    call = self._admitted_to_app(call)
                elif not route.open:
                    call = self._admitted(call, route)
                if route.limited:
                    self._check_limits(call, route)
                return route.handler(call)

    def _admitted(self, call: Call, route: Route) -> Call:
        """The call with its workspace and dataset, or the refusal of the version."""
        behaviour = call.behaviour
        identity = call.parameters.get("dataset_id")
        dataset = call.store.get(Dataset, identity.lower()) if identity else None
        if identity and behaviour.existence_before_key:
            _check_reachable(dataset)
        workspace = self._keys.get(key_of(call.headers))
        if workspace is None:
            raise unauthorized("Access token is invalid")
        call = replace(call, workspace=workspace, found=dataset)
        if not identity:
            return call
        if dataset is not None and dataset.workspace != workspace:
            if route.kind == "field-list" and behaviour.foreign_fields_listed:
                return call
            usual = (404, "not_found", "Dataset not found.")
            raise refused(*behaviour.foreign.get(route.kind, usual))
        _check_reachable(dataset)
        return call

    def _admitted_to_app(self, call: Call) -> Call:
        app = self._apps.get(key_of(call.headers))
        if app is None:
            raise unauthorized("Access token is invalid")
        return replace(call, app=app, workspace=app.workspace)

    def _check_limits(self, call: Call, route: Route) -> None:
        world = self._world
        if route.kind in ("create", "update"):
            if "vector-space-unknown" in world.quotas:
                raise refused(503, "service_unavailable", QUOTA_UNKNOWN)
            for quota in ("vector-space", "documents"):
                counts = quota == "vector-space" or route.kind == "create"
                if counts and quota in world.quotas:
                    raise refused(403, "forbidden", QUOTAS[quota])
        if world.rate_limit is None:
            return
        now = world.clock()
        seen = world.limited.setdefault(call.workspace, deque())
        seen.append(now)
        while seen[0] <= now - 60:
            seen.popleft()
        if len(seen) > world.rate_limit:
            raise self._over_the_limit(math.ceil(seen[0] + 60 - now))

    def _over_the_limit(self, seconds: int) -> RefusedError:
        if self._world.dify:
            return refused(403, "forbidden", RATE_LIMITED)
        body = {"code": "too_many_requests", "message": "Too many requests.", "status": 429}
        return RefusedError(Answer(body, 429, {"Retry-After": str(seconds)}))


def write(answer: Answer, world: World) -> Response:
    """An answer with the headers that every answer of the server has, and one of our own."""
    content = answer.content(compact=world.behaviour.compact_json)
    headers = {**answer.headers, "X-Stand-In": "kbsync"}
    if world.dify:
        headers |= {
            "Access-Control-Allow-Origin": "*",
            "X-Version": world.behaviour.version,
            "X-Env": "PRODUCTION",
        }
    if answer.flow is not None:
        return _Flowing(answer.flow, answer.status, headers, answer.media_type)
    response = Response(content, answer.status, headers, answer.media_type)
    if answer.status == 204:
        del response.headers["content-type"]
    return response


class _Flowing(Response):
    """A body in pieces; it goes on when the client went away, as the server's runs do."""

    def __init__(self, flow: Flow, status: int, headers: dict[str, str], media_type: str) -> None:
        super().__init__(None, status, headers, media_type)
        del self.headers["content-length"]
        self._flow = flow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI calls it
        head = {"type": "http.response.start", "status": self.status_code}
        await send(head | {"headers": self.raw_headers})
        flow, stopped = self._flow, False
        for piece in flow.pieces:
            await asyncio.sleep(flow.seconds)
            if flow.stopped():
                stopped = True
                break
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        flow.done(stopped)
        rest = b"".join(flow.when_stopped) if stopped else b""
        await send({"type": "http.response.body", "body": rest, "more_body": False})


def _check_reachable(dataset: Dataset | None) -> None:
    if dataset is None:
        raise not_found("Dataset not found.")
    if not dataset.enable_api:
        raise refused(403, "forbidden", "Dataset api access is not enabled.")
