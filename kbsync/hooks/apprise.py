"""Everything that apprise can reach: mail, chats, push services."""

from __future__ import annotations

import apprise

from kbsync.errors import Undelivered
from kbsync.hooks.interface import Message
from kbsync.hooks.leavable import Leavable


class Notify(Leavable):
    """One address of apprise."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._service = url.partition(":")[0]
        self._apprise = apprise.Apprise()
        self._apprise.add(url)

    def tell(self, message: Message) -> None:
        """Send it; raises Undelivered, without apprise's own reason, which it only logs."""
        text = "\n".join(filter(None, (message.text, message.page)))
        title, body = message.title, text or message.title
        if not self._awaited(lambda: self._apprise.notify(title=title, body=body)):
            raise Undelivered(f"apprise could not send to {self._service}://…")
