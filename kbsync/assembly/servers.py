"""The configured server, its application, and whether the server has answered before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from kbsync.backend.interface import Backend
from kbsync.config import Settings
from kbsync.config.keys import APP_KEY
from kbsync.errors import ConfigError
from kbsync.ledger import Ledger
from kbsync.model import Key, Traffic

if TYPE_CHECKING:
    from kbsync.apps import App, Reply
    from kbsync.engine.checking import Checks
    from kbsync.engine.engine import Engine

#: The ledger's fact that names the server which has answered.
_PROVEN = "server"


def connect(settings: Settings, *, proven: bool = False) -> Backend:
    """The configured server, whose dialect is found out if need be; raises BackendError.

    Of one that is `proven` no message asks whether its address is right.
    """
    from kbsync.backend.registry import open_backend  # noqa: PLC0415 - httpx only when needed

    server = settings.server
    return open_backend(
        server.url,
        server.api_key.get_secret_value(),
        server.api_style,
        max_connections=server.max_connections,
        timeout=server.timeout,
        requests_per_minute=server.budget,
        verify=server.verify,
        proven=proven,
    )


def is_proven(ledger: Ledger, settings: Settings) -> bool:
    """Whether the configured server has answered before, at this address."""
    return ledger.published(_PROVEN) == settings.server.url


def remember_server(ledger: Ledger, settings: Settings, traffic: Traffic) -> None:
    """Keep that the configured server has answered, if it did; raises LedgerError."""
    answered = any(status < 300 for _, status in traffic.requests)  # noqa: PLR2004 - of the protocol
    if answered and not is_proven(ledger, settings):
        ledger.publish(_PROVEN, settings.server.url)


def connect_app(settings: Settings) -> App:
    """The configured application; nothing is asked yet. Raises ConfigError without a key."""
    from kbsync.apps import open_app  # noqa: PLC0415 - httpx only when needed

    server, app = settings.server, settings.app
    if app.api_key is None:
        raise ConfigError(APP_KEY.missing)
    return open_app(
        server.url,
        app.api_key.get_secret_value(),
        app_id=app.id or "",
        timeout=server.timeout,
        verify=server.verify,
    )


@contextmanager
def checking(settings: Settings, engine: Engine) -> Iterator[Checks]:
    """The configured smoke questions, put to the datasets or to the application."""
    from kbsync.engine.checking import Check, Checks  # noqa: PLC0415 - only who asks

    checks = [
        Check(check.question, check.folder, tuple(map(_source, check.sources)), check.words)
        for check in settings.checks
    ]
    if all(check.folder is not None for check in checks):
        yield Checks(engine, checks, _nobody)
        return
    with closing(connect_app(settings)) as app:
        yield Checks(engine, checks, partial(app.answer, user=settings.app.user))


def _source(path: str) -> Key:
    folder, _, below = path.partition("/")
    return Key(folder, below)


def _nobody(question: str) -> Reply:
    raise AssertionError(question)  # no check asks the application
