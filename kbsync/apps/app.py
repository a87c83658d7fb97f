"""One application: the sum of what can be asked of it."""

from __future__ import annotations

from kbsync.apps.about import About
from kbsync.apps.chat import Chat
from kbsync.apps.refusals import refusal
from kbsync.apps.workflows import Workflows
from kbsync.transport import Transport


class App(Chat, Workflows, About):
    """A Dify application; every method raises only BackendErrors. Safe for several threads."""

    def __init__(self, transport: Transport, app_id: str = "") -> None:
        Chat.__init__(self, transport)
        Workflows.__init__(self, transport)
        About.__init__(self, transport, app_id)

    def interrupt(self) -> None:
        """Let no call pause any more: those that would have to end as Unavailable."""
        self._transport.interrupt()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def open_app(
    base_url: str,
    key: str,
    *,
    app_id: str = "",
    timeout: float = 60.0,
    verify: bool | str = True,
) -> App:
    """Make the client; nothing is asked yet.

    The parameters are those of `Transport`; the key is sent in the header and nowhere else.

    Raises:
        Denied: the address or the key cannot be used at all.
    """
    transport = Transport(
        base_url, key, max_connections=4, timeout=timeout, verify=verify, meaning=refusal
    )
    return App(transport, app_id)
