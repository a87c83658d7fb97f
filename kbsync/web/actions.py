"""What a person can do from the page: scan now, send failed files again, release held deletions."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kbsync.engine import Event, Happened
from kbsync.plurals import counted
from kbsync.web.desk import Desk
from kbsync.web.wanted import Wrong, body_of, folder_of, key_of, reason_of

_MOST_AT_ONCE = 100_000
_BY_HAND = "asked for on the status page"


class Actions:
    """Each is told in the history, because somebody will want to know."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.routes = [
            Route("/api/reconcile", self._reconcile, methods=["POST"]),
            Route("/api/retry", self._retry, methods=["POST"]),
            Route("/api/approve", self._approve, methods=["POST"]),
        ]

    async def _reconcile(self, request: Request) -> Response:
        """Scan a folder, or all."""
        names = self._folders(await body_of(request))
        for name in names:
            self._note(name, "", f"a scan was {_BY_HAND}")
            self._desk.scan(name, "request")
        return JSONResponse({"folders": names}, 202)

    async def _retry(self, request: Request) -> Response:
        """Send failed files again: one, those that failed for a reason, a folder's, or all."""
        told = await body_of(request)
        retry, now = self._desk.engine.ledger.retry, self._desk.clock()
        if "id" in told or "path" in told:
            key = key_of(self._desk, told)
            count = await asyncio.to_thread(retry, key.folder, [key.path], now)
            if not count:
                raise Wrong("this file has not failed and is not waiting: nothing to retry", 409)
            self._note(key.folder, key.path, f"another try was {_BY_HAND}")
        elif "reason" in told:
            name = folder_of(self._desk, told.get("folder"))
            reason = reason_of(told["reason"])
            files = await asyncio.to_thread(
                self._desk.ledger.files,
                _MOST_AT_ONCE,
                folders=[name],
                kinds=("failed", "again", "deleting"),
                reason=reason,
            )
            count = await asyncio.to_thread(retry, name, [file.key.path for file in files], now)
            tried = f"another try of {counted(count, 'file')}"
            self._note(name, "", f"{tried} was {_BY_HAND}: {reason}")
        else:
            count = 0
            for name in self._folders(told):
                some = await asyncio.to_thread(retry, name, None, now)
                self._note(name, "", f"another try of {counted(some, 'file')} was {_BY_HAND}")
                count += some
        self._desk.wake()
        return JSONResponse({"count": count}, 202)

    async def _approve(self, request: Request) -> Response:
        """Release exactly the deletions that were shown, as their digest names them."""
        told = await body_of(request)
        name = folder_of(self._desk, told.get("folder"))
        engine = self._desk.engine
        held = await asyncio.to_thread(engine.held, name)
        if held is None or not held.records:
            raise Wrong("nothing is held any more that could be released", 409)
        if told.get("digest") != held.digest:
            raise Wrong("what is held has changed since it was shown: look at it again", 409)
        now = self._desk.clock()
        count = await asyncio.to_thread(engine.ledger.approve, name, held.records, now)
        self._note(name, "", f"{counted(count, 'deletion')} released on the status page")
        self._desk.scan(name, "approval")
        return JSONResponse({"count": count}, 202)

    def _folders(self, told: dict[str, object]) -> list[str]:
        if told.get("folder") is None:
            return list(self._desk.engine.folders)
        return [folder_of(self._desk, told["folder"])]

    def _note(self, folder: str, path: str, text: str) -> None:
        self._desk.engine.tell(Event(Happened.NOTE, folder, path, text))
