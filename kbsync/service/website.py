"""The web server's thread: bound when it can be, tried again when its port is taken."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from kbsync.config import HttpSettings
from kbsync.errors import KbsyncError
from kbsync.ledger import Ledger
from kbsync.log import get_logger
from kbsync.web import Desk, Site

_AGAIN_SECONDS = 15.0
_KEEP_ALIVE_SECONDS = 30


class Website:
    """Serves the page from a thread of its own; no trouble of it ever stops the sync.

    Args:
        desk: makes what the site looks at, over a connection to the ledger that only reads.
        reader: opens that connection.
    """

    def __init__(
        self, settings: HttpSettings, reader: Callable[[], Ledger], desk: Callable[[Ledger], Desk]
    ) -> None:
        self._settings = settings
        self._reader = reader
        self._desk = desk
        self._stopping = threading.Event()
        self._listening: socket.socket | None = None
        self._server: _Server | None = None
        self.name = "web"
        self._thread = threading.Thread(target=self._run, name="kbsync-web", daemon=True)
        self._log = get_logger()
        #: Where the page is, and why it is not there; for `kbsync status`.
        self.url: str | None = None
        self.problem: str | None = None

    def start(self) -> None:
        """Begin, unless it is switched off; `url` is known at once if the port is free."""
        if self._settings.listen != "off":
            self._bind()
            self._thread.start()

    def stop(self) -> None:
        """Ask it to end."""
        self._stopping.set()
        if self._server is not None:
            self._server.stop()

    def join(self, timeout: float) -> bool:
        """Wait for its end; returns whether it has ended."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while self._listening is None:
            if self._stopping.wait(_AGAIN_SECONDS):
                return
            self._bind()
        with self._listening:
            while not self._stopping.is_set():
                try:
                    self._serve(self._listening)
                except KbsyncError as error:
                    self._cannot(str(error))
                    self._stopping.wait(_AGAIN_SECONDS)

    def _bind(self) -> None:
        try:
            self._listening = self._bound()
        except OSError as error:
            self._cannot(f"http.listen = {self._settings.listen}: {error.strerror}")
            return
        host, port = self._settings.address[0], self._listening.getsockname()[1]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        self.problem = None
        token = "demanded" if self._settings.token else "not demanded"
        self._log.info("status page", url=self.url, token=token)

    def _cannot(self, problem: str) -> None:
        if self.problem is None:
            self._log.warning("no status page, tried again", error=problem)
        self.problem = problem

    def _bound(self) -> socket.socket:
        host, port = self._settings.address
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(128)
        except OSError:
            listening.close()
            raise
        return listening

    def _serve(self, listening: socket.socket) -> None:
        with self._reader() as ledger:
            self.problem = None
            site = Site(self._desk(ledger), self._settings.names, self._settings.token)
            server = self._server = _Server(_config(site), site)
            if not self._stopping.is_set():
                server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """Sleeps while nobody asks: uvicorn's own wakes up ten times a second for nothing of ours.

    It ends the streams of events before it waits for the connections to end.
    """

    def __init__(self, config: uvicorn.Config, site: Site) -> None:
        super().__init__(config)
        self._site = site
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        if not self.should_exit:
            await self._stopped.wait()

    def stop(self) -> None:
        """Ask it to end, from any thread."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._stopped.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._site.stop()
        await asyncio.sleep(0)
        await super().shutdown(sockets)


def _config(site: Site) -> uvicorn.Config:
    return uvicorn.Config(
        site,
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,  # it would be that of the start: the site sets its own
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=2,
        limit_concurrency=100,
    )
