"""An address that gets the message as JSON, or that is only asked for."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

from kbsync import __version__
from kbsync.errors import Undelivered
from kbsync.hooks.interface import Message

_SECONDS = 10.0


class Webhook:
    """Posts JSON; anything but a 2xx is no delivery, and redirections are not followed."""

    def __init__(self, url: str) -> None:
        self._url = url

    def tell(self, message: Message) -> None:
        """Post it; raises Undelivered."""
        _ask("POST", self._url, message.facts())


class Heartbeat:
    """Asks for the address, so that who watches it notices when nobody does any more."""

    def __init__(self, url: str) -> None:
        self._url = url

    def tell(self, message: Message) -> None:  # noqa: ARG002 - asking for it says all
        """Ask for it; raises Undelivered."""
        _ask("GET", self._url, None)


def _ask(method: str, url: str, told: object) -> None:
    host = urlsplit(url).hostname
    try:
        with httpx.Client(
            timeout=_SECONDS, headers={"User-Agent": f"kbsync/{__version__}"}
        ) as client:
            answer = client.request(method, url, json=told)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Undelivered(f"{host}: {type(error).__name__} {error}") from error
    if not answer.is_success:
        raise Undelivered(f"{host} answered {answer.status_code}")
