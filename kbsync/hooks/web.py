"""An address that gets the message as JSON, or that is only asked for."""

from __future__ import annotations

import asyncio
import os

import httpx

from kbsync import __version__
from kbsync.errors import Undelivered
from kbsync.hooks.interface import Message
from kbsync.hooks.leavable import Leavable
from kbsync.transport.failure import UNREACHED, root_of, words

_SECONDS = 10.0


class Webhook(Leavable):
    """Posts JSON; anything but a 2xx is no delivery, and redirections are not followed."""

    def __init__(self, url: str, *, seconds: float = _SECONDS) -> None:
        super().__init__()
        self._url = url
        self._seconds = seconds

    def tell(self, message: Message) -> None:
        """Post it; raises Undelivered."""
        self._awaited(lambda: _ask("POST", self._url, message.facts(), self._seconds))


class Heartbeat(Leavable):
    """Asks for the address, so that who watches it notices when nobody does any more."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def tell(self, message: Message) -> None:  # noqa: ARG002 - asking for it says all
        """Ask for it; raises Undelivered."""
        self._awaited(lambda: _ask("GET", self._url, None, _SECONDS))


def _ask(method: str, url: str, told: object, seconds: float) -> None:
    try:
        status = asyncio.run(asyncio.wait_for(_status(method, url, told, seconds), seconds))
    except TimeoutError:
        raise Undelivered(f"no whole answer within {seconds:.3g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Undelivered(_why(error)) from error
    if not httpx.codes.is_success(status):
        raise Undelivered(f"it answered {status}")


def _why(error: Exception) -> str:
    if not isinstance(error, UNREACHED):
        return words(error)
    cause = root_of(error)
    number, said = 0, words(cause)
    if isinstance(cause, OSError):
        number, said = cause.errno or 0, cause.strerror or said
    # asyncio puts the address into what it says; an unknown name has a number below zero.
    return f"cannot be reached ({os.strerror(number) if number > 0 else said})"


async def _status(method: str, url: str, told: object, seconds: float) -> int:
    """The answer's status; its body, which may have no end, is not read."""
    headers = {"User-Agent": f"kbsync/{__version__}"}
    async with (
        httpx.AsyncClient(timeout=seconds, headers=headers) as client,
        client.stream(method, url, json=told) as answer,
    ):
        return answer.status_code
