"""Somebody on the network who is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kbsync.config import HookSettings, Settings
from kbsync.hooks import Hook, open_hook


def settings(**server: str) -> Settings:
    """A configuration that hooks are opened with."""
    folder = {"name": "docs", "path": "/docs", "dataset": "KB"}
    address = {"base_url": "http://127.0.0.1:1/v1", "api_key": "dataset-x"} | server
    return Settings.model_validate({"server": address, "folders": [folder]})


def opened(hook: HookSettings) -> Hook:
    """A hook that needs no server."""
    return open_hook(hook, settings())


@dataclass
class Listener:
    """What was asked of it; it answers with `status`."""

    url: str = ""
    status: int = 204
    asked: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def told(self) -> list[Any]:
        """The bodies, where there were any."""
        return [body for _, body in self.asked if body is not None]


@contextmanager
def listening() -> Iterator[Listener]:
    """A server on the loopback interface that remembers."""
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            listener.asked.append((self.command, body))
            self.send_response(listener.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - the name is given

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        listener.url = f"http://127.0.0.1:{server.server_port}/hook"
        try:
            yield listener
        finally:
            server.shutdown()
            thread.join()
