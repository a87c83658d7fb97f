"""The routes: health, metrics, what is told as JSON, what can be done, and the page's files."""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from kbsync.engine.runs import run_facts
from kbsync.errors import KbsyncError
from kbsync.model import Key
from kbsync.web import reports
from kbsync.web.actions import Actions
from kbsync.web.desk import Desk
from kbsync.web.guard import Guard
from kbsync.web.live import Live
from kbsync.web.metrics import Metrics
from kbsync.web.wanted import (
    Wrong,
    after_of,
    count,
    folder_of,
    key_of,
    kinds_of,
    reason_of,
    search_of,
)

_STATIC = Path(__file__).with_name("static")
#: More than any number of an event or a run.
_ANY = 1 << 62
_PLOTS_FRESH, _PLOTS_PATIENCE = 15.0, 0.03


class Site:
    """The application; `names` are the host names that are ours, `token` what must be shown."""

    def __init__(self, desk: Desk, names: Collection[str], token: str | None = None) -> None:
        self._desk = desk
        self._ledger = desk.ledger
        self._metrics = Metrics(desk)
        self._live = Live(desk, self._metrics.see)
        self._plots: tuple[float, dict[str, object]] | None = None
        self._drawing: asyncio.Task[None] | None = None
        app = Starlette(
            routes=[
                Route("/healthz", self._healthz),
                Route("/readyz", self._readyz),
                Route("/metrics", self._show_metrics),
                Route("/api/status", self._status),
                Route("/api/documents", self._documents),
                Route("/api/document", self._document),
                Route("/api/activity", self._activity),
                Route("/api/runs", self._runs),
                Route("/api/plots", self._show_plots),
                Route("/api/held", self._held),
                Route("/api/events", self._events),
                *Actions(desk).routes,
                *_files(),
            ],
            exception_handlers={
                Wrong: _wrong,
                KbsyncError: _failed,
                HTTPException: _nothing_there,
            },
            lifespan=self._living,
        )
        self._guarded = Guard(app, names, token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._guarded(scope, receive, send)

    def stop(self) -> None:
        """End the streams, which would keep a server from stopping; in the event loop."""
        self._live.stop()

    @asynccontextmanager
    async def _living(self, app: Starlette) -> AsyncIterator[None]:  # noqa: ARG002 - its form
        looking = asyncio.create_task(self._live.run())
        try:
            yield
        finally:
            self._live.stop()
            with suppress(asyncio.CancelledError):
                await looking

    async def _healthz(self, request: Request) -> Response:  # noqa: ARG002 - a route's form
        return PlainTextResponse("ok\n")

    async def _readyz(self, request: Request) -> Response:  # noqa: ARG002 - what Starlette calls
        reasons = self._desk.ready(await self._live.status())
        text = "\n".join(reasons) or "ready: everything that should be is indexed"
        return PlainTextResponse(f"{text}\n", 503 if reasons else 200)

    async def _show_metrics(self, request: Request) -> Response:
        status = await self._live.status()
        accept = request.headers.get("accept", "")
        body, media_type = await asyncio.to_thread(self._metrics.answer, status, accept)
        return Response(body, headers={"Content-Type": media_type})

    async def _status(self, request: Request) -> Response:  # noqa: ARG002 - what Starlette calls
        status = await self._live.status()
        return JSONResponse(status | {"ready": not self._desk.ready(status)})

    async def _documents(self, request: Request) -> Response:
        query = request.query_params
        folder = query.get("folder")
        limit = count(query, "limit", 50, most=500)
        files = await asyncio.to_thread(
            self._ledger.files,
            limit + 1,
            folders=[folder_of(self._desk, folder)] if folder else list(self._desk.engine.folders),
            kinds=kinds_of(query),
            search=search_of(query),
            reason=reason_of(query["reason"]) if query.get("reason") else None,
            after=after_of(query),
        )
        rows = [reports.file_facts(file) for file in files[:limit]]
        more = len(files) > limit
        following = f"{rows[-1]['folder']}/{rows[-1]['id']}" if more else None
        return JSONResponse({"documents": rows, "after": following})

    async def _document(self, request: Request) -> Response:
        key = key_of(self._desk, request.query_params)
        details = await asyncio.to_thread(self._ledger.details, key)
        events = await asyncio.to_thread(self._ledger.events, 100, of=key)
        if details is None and not events:
            raise Wrong("kbsync knows no such file", 404)
        return JSONResponse(reports.details_facts(key, details, events))

    async def _activity(self, request: Request) -> Response:
        query = request.query_params
        of = Key(folder_of(self._desk, query["folder"]), "") if query.get("folder") else None
        limit = count(query, "limit", 50, most=1000)
        before = count(query, "before", _ANY, most=_ANY)
        events = await asyncio.to_thread(self._ledger.events, limit, of=of, before=before)
        return JSONResponse({"events": [reports.event_facts(event) for event in events]})

    async def _runs(self, request: Request) -> Response:
        limit = count(request.query_params, "limit", 50, most=1000)
        before = count(request.query_params, "before", _ANY, most=_ANY)
        runs = await asyncio.to_thread(self._ledger.runs, limit, before=before)
        return JSONResponse({"runs": [run_facts(run) for run in runs]})

    async def _show_plots(self, request: Request) -> Response:  # noqa: ARG002 - what Starlette calls
        """Of a large history they take a while: until new ones are there, the last are shown."""
        now, drawing = self._desk.clock(), self._drawing
        if drawing is None and (self._plots is None or now - self._plots[0] > _PLOTS_FRESH):
            drawing = self._drawing = asyncio.create_task(self._draw(now))
        if drawing is not None:
            await asyncio.wait({drawing}, timeout=None if self._plots is None else _PLOTS_PATIENCE)
            if drawing.done():
                self._drawing = None
                drawing.result()
        assert self._plots is not None  # noqa: S101 - drawn, or else the error was raised
        return JSONResponse(self._plots[1])

    async def _draw(self, now: float) -> None:
        since = now - reports.PLOT_SECONDS
        found = await asyncio.to_thread(self._ledger.buckets, since, reports.PLOT_WIDTH)
        self._plots = now, reports.plot_facts(since, found)

    async def _held(self, request: Request) -> Response:
        name = folder_of(self._desk, request.query_params.get("folder"))
        held = await asyncio.to_thread(self._desk.engine.held, name)
        return JSONResponse(reports.held_facts(name, held))

    async def _events(self, request: Request) -> Response:  # noqa: ARG002 - what Starlette calls
        return StreamingResponse(self._live.stream(), media_type="text/event-stream")


def _files() -> list[Route]:
    """The page and what it is made of, read once; a browser asks each time whether it has it."""
    return [_file(path) for path in sorted(_STATIC.iterdir())]


def _file(path: Path) -> Route:
    body = path.read_bytes()
    media_type = mimetypes.types_map.get(path.suffix, "application/octet-stream")
    headers = {
        "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        "Cache-Control": "no-cache",
    }

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=media_type, headers=headers)

    return Route("/" if path.name == "index.html" else f"/{path.name}", answer)


def _wrong(request: Request, error: Exception) -> Response:  # noqa: ARG001 - a handler's form
    assert isinstance(error, Wrong)  # noqa: S101 - registered for it
    return JSONResponse({"error": str(error)}, error.status)


def _failed(request: Request, error: Exception) -> Response:  # noqa: ARG001 - what Starlette calls
    return JSONResponse({"error": str(error)}, 503)


def _nothing_there(request: Request, error: Exception) -> Response:
    """No such address, or none for this method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    what = "nothing at this address"
    if error.status_code == 405:  # noqa: PLR2004 - of the protocol
        what = f"no {request.method} at this address"
    return JSONResponse({"error": f"there is {what}"}, error.status_code, error.headers)
