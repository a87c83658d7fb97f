"""The dialects by name, and finding out which one a server speaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from kbsync.backend.datasets import PROBE
from kbsync.backend.dify import DifyBackend
from kbsync.backend.interface import Backend
from kbsync.backend.simple import SimpleBackend
from kbsync.errors import Denied, Missing
from kbsync.transport import NoSuchRoute, Transport

#: The caller comes back by itself; here a wrong address shall be told soon.
_PROBES = 2

STYLES: Mapping[str, Callable[[Transport], Backend]] = {
    "dify": DifyBackend,
    "simple": SimpleBackend,
}


def open_backend(
    base_url: str,
    key: str,
    api_style: str,
    *,
    max_connections: int = 4,
    timeout: float = 60.0,
    requests_per_minute: int = 0,
    verify: bool | str = True,
    proven: bool = False,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] | None = None,
) -> Backend:
    """Connect to a server; with style "auto", one harmless GET finds out what it speaks.

    The parameters are those of `Transport`.

    Raises:
        BackendError: the server cannot be reached, refuses the key, or speaks neither style.
    """
    transport = Transport(
        base_url,
        key,
        max_connections=max_connections,
        timeout=timeout,
        requests_per_minute=requests_per_minute,
        verify=verify,
        proven=proven,
        clock=clock,
        sleep=sleep,
    )
    try:
        style = _spoken(transport) if api_style == "auto" else api_style
    except BaseException:
        transport.close()
        raise
    return STYLES[style](transport)


def _spoken(transport: Transport) -> str:
    """A current server lists its datasets; the guide's form has no such call."""
    try:
        told = transport.call(PROBE, tries=_PROBES).json
    except (Missing, NoSuchRoute):
        answer = transport.ask(PROBE)
        # A page is an address where no API is at all.
        if answer.is_html and answer.status != 405:  # noqa: PLR2004 - of the protocol
            raise
        return "simple"
    if isinstance(told, dict) and "data" in told:
        return "dify"
    raise Denied(f"{transport.host} answers, but not as a Dify server does; check server.base_url")
