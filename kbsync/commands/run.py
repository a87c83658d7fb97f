"""`kbsync run`: the background service."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from kbsync.assembly import checking, opened
from kbsync.config import Settings, load
from kbsync.errors import ConfigError
from kbsync.log import get_logger, setup
from kbsync.service import Ended, Notifier, Service, log_event

_SECOND_SIGNAL = 130


@click.command(name="run")
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    help="Configuration file; else $KBSYNC_CONFIG, ./kbsync.toml, the user's, the system's.",
)
def command(config: Path | None) -> int:
    """Keep the datasets equal to the folders until stopped: watch, rescan, send, follow.

    SIGHUP reads the configuration again (a wrong one is refused and the old one kept), SIGTERM
    and Ctrl-C stop after the documents under way, a second one at once.

    Example: kbsync run --config /etc/kbsync/config.toml
    """
    config = config or click.get_current_context().obj
    settings = load(config)
    _log_as(settings)
    for warning in settings.warnings:
        get_logger().warning(warning)
    notifier = Notifier()
    following: Settings | None = settings
    while following is not None:
        _log_as(following)
        following = _serve(following, config, notifier)
    return 0


def _serve(settings: Settings, config: Path | None, notifier: Notifier) -> Settings | None:
    """Run the service; returns the settings to go on with, or None after a stop."""
    with opened(settings, log_event) as engine, checking(settings, engine) as checks:
        service = Service(engine, settings, notifier, checks)
        reload = _Reload(config, lambda: service.ask(Ended.RELOAD))
        with _signals(lambda: service.ask(Ended.STOPPED), reload):
            ended = service.run()
    return reload.settings if ended is Ended.RELOAD else None


class _Reload:
    """Reads the configuration when called; a wrong one is told and changes nothing."""

    def __init__(self, config: Path | None, accepted: Callable[[], None]) -> None:
        self.settings: Settings | None = None
        self._config = config
        self._accepted = accepted

    def __call__(self) -> None:
        try:
            self.settings = load(self._config)
        except ConfigError as error:
            get_logger().error("configuration refused, the old one is kept", error=str(error))
        else:
            self._accepted()


def _log_as(settings: Settings) -> None:
    setup(settings.log.level, settings.log.format, sys.stderr, secrets=settings.secrets)


@contextmanager
def _signals(stop: Callable[[], None], reload: Callable[[], None]) -> Iterator[None]:
    """Handle signals while the service runs; the second stop ends the process at once.

    The ledger makes that safe: what was under way is looked for at the next start.
    """
    asked: list[int] = []

    def on_stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signal's form
        if asked:
            os._exit(_SECOND_SIGNAL)
        asked.append(number)
        stop()

    def on_reload(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        reload()

    wanted = {signal.SIGTERM: on_stop, signal.SIGINT: on_stop, signal.SIGHUP: on_reload}
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
