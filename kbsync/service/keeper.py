"""The step that keeps a sound copy of the ledger."""

from __future__ import annotations

from collections.abc import Callable

from kbsync.errors import LedgerDamaged, LedgerError
from kbsync.ledger import Ledger
from kbsync.log import get_logger

_REST = 600.0


class Keeper:
    """One step: copy the ledger if that is due, which reads all of it and thereby checks it."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._log = get_logger()

    def step(self) -> float:
        """Copy if due; returns seconds until the next look. Raises LedgerDamaged."""
        try:
            if self._ledger.back_up_if_due(self._clock()):
                self._log.info("ledger checked and backed up")
        except LedgerDamaged:
            raise
        except LedgerError as error:
            # No reason to stop the work, or to let systemd kill the service for it.
            self._log.warning("no backup of the ledger", error=str(error))
        return _REST
