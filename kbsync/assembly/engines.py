"""Ledgers and engines: to work with, to leave a wish in, or only to look at."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kbsync.assembly.folders import folder_of
from kbsync.assembly.misfit import refuse_misfit
from kbsync.assembly.servers import checking, connect, is_proven, remember_server
from kbsync.config import Settings
from kbsync.engine import Event, Happened
from kbsync.errors import LedgerDamaged, LedgerError
from kbsync.ledger import Ledger, is_there

if TYPE_CHECKING:
    from kbsync.engine.engine import Engine


@contextmanager
def opened(
    settings: Settings, observer: Callable[[Event], None] = lambda _: None
) -> Iterator[Engine]:
    """An engine over the configured ledger, which this process writes to alone."""
    with (
        open_ledger(settings) as ledger,
        engine_over(ledger, settings, observer) as engine,
    ):
        yield engine


def open_ledger(settings: Settings) -> Ledger:
    """The configured ledger, locked for this process; raises LedgerError, LedgerBusy."""
    ledger = Ledger.open(settings.ledger)
    if ledger.published("service"):  # of a service that was killed
        ledger.publish("service", "")
    return ledger


@contextmanager
def engine_over(
    ledger: Ledger, settings: Settings, observer: Callable[[Event], None]
) -> Iterator[Engine]:
    """An engine that works; raises ConfigError, as `refuse_misfit` does."""
    mended = ledger.take_mended()
    news = [Event(Happened.MENDED, "", "", mended)] if mended else []
    for event in news:
        observer(event)
    _same_instance(ledger, settings)
    engine = _engine(ledger, settings, observer)
    for event in news:
        engine.recorder.note(event)
    try:
        yield engine
    except BaseException:
        with suppress(LedgerError):  # the first error is the one to tell
            engine.recorder.end_run("broke off")
        raise
    else:
        _end_run(engine, observer)
    finally:
        with suppress(LedgerError):  # it only spares later messages a doubt
            remember_server(ledger, settings, engine.traffic)
        engine.close()


def _end_run(engine: Engine, observer: Callable[[Event], None]) -> None:
    """If a run's work is in the ledger and only its history is not, that is no failure."""
    try:
        engine.recorder.end_run()
    except LedgerDamaged:
        raise
    except LedgerError as error:
        text = f"the history lacks the end of this run: {error}"
        observer(Event(Happened.NOTE, "", "", text))


def rehearse(ledger: Ledger, settings: Settings) -> None:
    """Build everything over a ledger that may be in use, and do nothing; raises ConfigError."""
    refuse_misfit(ledger, settings)
    with checking(settings, _engine(ledger, settings, lambda _: None)):
        return


def visiting(settings: Settings) -> Ledger:
    """The configured ledger, to leave a wish in for whoever works with it, now or later."""
    return Ledger.visit(settings.ledger)


@contextmanager
def reading(settings: Settings) -> Iterator[Ledger]:
    """The configured ledger as it is, also while a service writes to it; empty if there is none."""
    if is_there(settings.ledger):
        with Ledger.open(settings.ledger, readonly=True) as ledger:
            yield ledger
        return
    with (
        tempfile.TemporaryDirectory(prefix="kbsync-") as directory,
        Ledger.open(Path(directory) / "ledger.db") as ledger,
    ):
        yield ledger


@contextmanager
def looking(settings: Settings) -> Iterator[Engine]:
    """An engine that only looks, over what `reading` gives."""
    with reading(settings) as ledger:
        yield _engine(ledger, settings, lambda _: None)


def _engine(ledger: Ledger, settings: Settings, observer: Callable[[Event], None]) -> Engine:
    from kbsync.engine.engine import Engine  # noqa: PLC0415 - who only reads the ledger starts sooner

    folders = [folder_of(folder) for folder in settings.folders]
    return Engine(
        ledger,
        lambda: connect(settings, proven=is_proven(ledger, settings)),
        folders,
        instance=settings.instance,
        address=settings.server.url,
        observer=observer,
        index_timeout=settings.server.index_timeout,
        max_indexing=settings.server.max_indexing,
    )


def _same_instance(ledger: Ledger, settings: Settings) -> None:
    refuse_misfit(ledger, settings)
    if ledger.published("instance") != settings.instance:
        ledger.publish("instance", settings.instance)
