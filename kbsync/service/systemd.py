"""Telling systemd how the service is; a no-op where nobody listens."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

_PATIENCE = 5.0


class Notifier:
    """Sends state to the socket that systemd names in NOTIFY_SOCKET."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        name = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name

    def ready(self) -> None:
        """Everything is armed."""
        self._send("READY=1")

    def reloading(self, monotonic: float) -> None:
        """The configuration is being read again; `monotonic` in seconds."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={int(monotonic * 1e6)}")

    def stopping(self) -> None:
        """A stop has been asked for."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={text}")

    def alive(self) -> None:
        """All is well; sent only when it is."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as unix:
            # Messages that nobody reads must not keep the service from stopping.
            unix.settimeout(_PATIENCE)
            try:
                unix.connect(self._address)
                unix.sendall(message.encode())
            except OSError:
                # systemd is gone or restarting; it asks again by its own time-outs.
                return
