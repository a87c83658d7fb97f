"""What goes on, for whoever watches: a look at the ledger each second, and a stream of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

from kbsync.engine.overview import Facts
from kbsync.errors import KbsyncError
from kbsync.ledger import Kept
from kbsync.web.desk import Desk
from kbsync.web.reports import event_facts

_EVERY = 1.0
#: Nobody listens and nothing happened: the next look is only for the metrics.
_EVERY_ALONE = 5.0
_AT_ONCE = 500
#: A status may be so many seconds old: many that ask at once cost one look.
_FRESH = 0.9
#: A listener that is so far behind misses the oldest of what it has not taken.
_BACKLOG = 64
_STILL_HERE = 15.0


class Live:
    """Lives in the web server's event loop; looks at the ledger in threads.

    Args:
        seen: is given every new event, for counting.
    """

    def __init__(self, desk: Desk, seen: Callable[[Sequence[Kept]], None]) -> None:
        self._desk = desk
        self._seen = seen
        self._listeners: set[asyncio.Queue[str | None]] = set()
        self._looking = asyncio.Lock()
        self._status: Facts | None = None
        self._status_at = 0.0
        self._told = ""
        self._stopping = False
        self._woken = asyncio.Event()

    async def status(self) -> Facts:
        """The state of everything, at most a second old; raises KbsyncError."""
        async with self._looking:
            if self._status is None or time.monotonic() - self._status_at > _FRESH:
                self._status = await asyncio.to_thread(self._desk.status)
                self._status_at = time.monotonic()
            return self._status

    async def run(self) -> None:
        """Look until `stop`."""
        last: int | None = None
        while not self._stopping:
            before = last
            try:
                last = await self._look(last)
            except KbsyncError as error:
                self._tell("problem", {"problem": str(error)})
            is_quiet = last == before and not self._listeners
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _EVERY_ALONE if is_quiet else _EVERY)
            self._woken.clear()

    def stop(self) -> None:
        """End the look-out and all streams."""
        self._stopping = True
        self._woken.set()
        for queue in self._listeners:
            _put(queue, None)

    async def _look(self, last: int | None) -> int:
        ledger = self._desk.ledger
        if last is None:
            return await asyncio.to_thread(ledger.last_event)
        events = await asyncio.to_thread(ledger.events_after, last, _AT_ONCE)
        if events:
            self._seen(events)
            self._tell("events", [event_facts(event) for event in events])
            last = events[-1].id
        if self._listeners:
            self._tell_status(await self.status())
        return last

    def _tell_status(self, status: Facts) -> None:
        """Tell it when more than its time has changed."""
        told = json.dumps({name: value for name, value in status.items() if name != "at"})
        if told != self._told:
            self._told = told
            self._tell("status", status)

    def _tell(self, kind: str, value: object) -> None:
        message = _message(kind, value)
        for queue in self._listeners:
            _put(queue, message)

    async def stream(self) -> AsyncIterator[str]:
        """Server-sent events: `status` at once and when it changes, `events`, `problem`."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(_BACKLOG)
        self._listeners.add(queue)
        self._woken.set()
        try:
            yield _message("status", await self.status())
            while not self._stopping:
                try:
                    message = await asyncio.wait_for(queue.get(), _STILL_HERE)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                if message is None:
                    return
                yield message
        finally:
            self._listeners.discard(queue)


def _message(kind: str, value: object) -> str:
    return f"event: {kind}\ndata: {json.dumps(value, separators=(',', ':'))}\n\n"


def _put(queue: asyncio.Queue[str | None], message: str | None) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(message)
