"""One service after another: a reload never costs more than it brings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kbsync.assembly import checking, engine_over, open_ledger, rehearse
from kbsync.config import Settings
from kbsync.errors import KbsyncError
from kbsync.ledger import Ledger
from kbsync.log import get_logger
from kbsync.service.asked import Asked
from kbsync.service.events import log_event
from kbsync.service.service import TICK_SECONDS, Service
from kbsync.service.systemd import Notifier


class Daemon:
    """Runs a service until a stop is asked for, and after each reload another one.

    New settings are read, and everything that can be is built from them, while the old service
    goes on; what is wrong is told and changes nothing. If the new service cannot start after all,
    the old settings are taken up again. The ledger stays open and locked in between.

    Args:
        read: reads the configuration; raises ConfigError.
        use: told of the settings that a service is about to start with.
    """

    def __init__(
        self,
        read: Callable[[], Settings],
        use: Callable[[Settings], None],
        asked: Asked,
        notifier: Notifier,
    ) -> None:
        self._read = read
        self._use = use
        self._asked = asked
        self._notifier = notifier
        self._ledgers: dict[Path, Ledger] = {}
        self._log = get_logger()

    def run(self, settings: Settings) -> None:
        """Until a stop; raises KbsyncError when the first service cannot start, or none go on."""
        try:
            self._run(settings)
        finally:
            self._close_ledgers(but=None)

    def _run(self, first: Settings) -> None:
        settings: Settings | None = first
        before: Settings | None = None
        while settings is not None and not self._asked.stop:
            current = settings
            try:
                with self._started(current) as service:
                    before = None
                    settings = self._watch_over(service, current)
                service.raise_failure()
            except KbsyncError as error:
                if before is None:
                    raise
                text = "the new configuration cannot start, going on with the old one"
                self._log.error(text, error=str(error))
                settings, before = before, None
            else:
                before = current

    @contextmanager
    def _started(self, settings: Settings) -> Iterator[Service]:
        self._use(settings)
        ledger = self._ledger_of(settings)
        with (
            engine_over(ledger, settings, log_event) as engine,
            checking(settings, engine) as checks,
        ):
            service = Service(engine, settings, self._notifier, checks)
            try:
                service.start()
                self._close_ledgers(but=settings)
                yield service
            finally:
                if self._asked.stop:
                    self._notifier.stopping()
                if late := service.stop():
                    self._log.warning("stopped without waiting any longer", threads=late)
                self._log.info("stopped")

    def _watch_over(self, service: Service, settings: Settings) -> Settings | None:
        """Until the service is to end; returns the settings of the next one, or None for a stop."""
        while not self._asked.stop:
            self._asked.wait(TICK_SECONDS)
            service.tick()
            if self._asked.take_reload() and (accepted := self._reloaded(settings)) is not None:
                # Two services must not work at once: what is under way is waited for, even long.
                while service.stop() and not self._asked.stop:
                    pass
                return accepted
        self._log.info("stopping")
        return None

    def _reloaded(self, current: Settings) -> Settings | None:
        """The new settings, if a service can be built from them."""
        self._notifier.reloading(time.monotonic())
        try:
            settings = self._read()
            rehearse(self._ledger_of(settings), settings)
        except KbsyncError as error:
            self._log.error("configuration refused, the old one is kept", error=str(error))
            self._close_ledgers(but=current)
            self._notifier.ready()
            return None
        self._log.info("reloading")
        return settings

    def _ledger_of(self, settings: Settings) -> Ledger:
        if settings.ledger not in self._ledgers:
            self._ledgers[settings.ledger] = open_ledger(settings)
        return self._ledgers[settings.ledger]

    def _close_ledgers(self, *, but: Settings | None) -> None:
        for path in [path for path in self._ledgers if but is None or path != but.ledger]:
            self._ledgers.pop(path).close()
