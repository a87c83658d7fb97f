"""Whether the server answers, asked once, or again and again beside a view."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Event, Thread

from kbsync.assembly import connect, is_proven, reading
from kbsync.config import Settings
from kbsync.errors import BackendError

ServerFacts = dict[str, object]


def server_unasked(settings: Settings) -> ServerFacts:
    """Which server it is."""
    return {
        "base_url": settings.server.url,
        "api_style": settings.server.api_style,
        "reachable": None,
    }


def server_asked(settings: Settings, *, proven: bool) -> ServerFacts:
    """Which server it is, and whether it answers; one that is `proven` has done so before."""
    told = server_unasked(settings)
    try:
        with closing(connect(settings, proven=proven)) as backend:
            if settings.server.api_style != "auto":  # which finds out by asking
                backend.reach()
            return told | {"api_style": backend.style, "reachable": True}
    except BackendError as error:
        return told | {"reachable": False, "error": str(error)}


@contextmanager
def asking(
    settings: Settings, *, offline: bool, pause: float = 30.0
) -> Iterator[Callable[[], ServerFacts]]:
    """Ask until the block ends, with so many seconds between; gives what was learnt last.

    That is done by a thread that nobody waits for, so a server that does not answer delays nothing.
    """
    with reading(settings) as ledger:
        proven = is_proven(ledger, settings)
    latest, ended = [server_unasked(settings)], Event()

    def ask() -> None:
        while not ended.is_set():
            latest[0] = server_asked(settings, proven=proven)
            ended.wait(pause)

    if not offline:
        latest[0]["error"] = "has not answered yet"
        Thread(target=ask, name="asking", daemon=True).start()
    try:
        yield lambda: latest[0]
    finally:
        ended.set()
