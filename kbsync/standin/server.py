"""The stand-in behind a real socket: in a thread for tests and the demo, or in the foreground."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from kbsync.standin.faulty import CLOSE
from kbsync.standin.standin import StandIn

KEEP_ALIVE_SECONDS = 2


def serve(standin: StandIn, host: str = "127.0.0.1", port: int = 8399) -> None:
    """Answer requests until Ctrl-C or SIGTERM.

    Raises:
        OSError: the address is in use or not ours.
    """
    with _bound(host, port) as listening:
        server = _Server(_config(standin.app))
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listening])


@contextmanager
def running(standin: StandIn, port: int = 0) -> Iterator[str]:
    """Answer requests on 127.0.0.1 from a thread; gives the base URL, which ends in ``/v1``."""
    with _bound("127.0.0.1", port) as listening:
        server = _Server(_config(standin.app))
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listening]}, name="standin", daemon=True
        )
        thread.start()
        try:
            while not server.ready.wait(timeout=0.1):
                if not thread.is_alive():
                    raise RuntimeError("the stand-in could not start")
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        finally:
            server.stop()
            thread.join()


class _Server(uvicorn.Server):
    """A server that says when it listens and stops without waiting for the next tick."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        ticks = 0
        while not await self.on_tick(ticks):
            ticks = (ticks + 1) % 864000
            try:
                await asyncio.wait_for(self._stopped.wait(), timeout=0.1)
            except TimeoutError:
                continue
            return

    def stop(self) -> None:
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopped.set)


class _Protocol(H11Protocol):
    """HTTP/1.1 as the real server speaks it, which the application can cut off."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        app: ASGIApp = self.app

        async def with_close(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[CLOSE] = transport.abort
            try:
                await app(scope, receive, send)
            except asyncio.CancelledError:  # a stop waits no longer for a client that hangs
                transport.abort()
                while (await receive())["type"] != "http.disconnect":
                    pass

        self.app = with_close

    def eof_received(self) -> bool:  # type: ignore[override]  # as in asyncio
        """Take what came for the whole body when a client says that it sends no more.

        Recorded of 1.10.1: a body shorter than its Content-Length is accepted, if it makes sense.
        """
        if self.cycle is None or self.cycle.response_complete or not self.cycle.more_body:
            return False
        self.cycle.more_body = self.cycle.keep_alive = False
        self.cycle.message_event.set()
        return True


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=2,
    )


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening
