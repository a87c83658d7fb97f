"""From a file's content to what is sent for it, or to the reason why nothing is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from kbsync import plan
from kbsync.engine.base import Base
from kbsync.engine.values import Event, Happened
from kbsync.errors import FileError, NotNow
from kbsync.formats import NOTHING, extension_of
from kbsync.ledger import Job
from kbsync.model import Content, Stamp, Version

if TYPE_CHECKING:
    from kbsync.convert.apart import Apart
    from kbsync.convert.cutting import Piece

#: What a conversion needs may be there again after so many seconds.
_AGAIN_SECONDS = 60.0


class Converting(Base):
    """Conversion, and what becomes of a file that cannot be sent as it is."""

    _apart: Apart | None = None
    _opening = threading.Lock()

    def interrupt(self) -> None:
        """Let nothing be waited for any longer."""
        super().interrupt()
        if self._apart is not None:
            self._apart.interrupt()

    def pieces(
        self, job: Job, content: Content, version: Version, stamp: Stamp
    ) -> tuple[list[Piece], str | None] | None:
        """What is sent for the file, and as which type if not its own; None when nothing is."""
        from kbsync.convert.judging import pieces  # noqa: PLC0415 - only who sends needs it

        folder = self.folders[job.key.folder]
        try:
            return pieces(
                extension_of(job.key.path),
                content.body,
                self._converters(),
                folder.max_size,
                folder.ocr,
            )
        except NotNow as error:
            self.ledger.postpone(job, str(error), self.clock() + _AGAIN_SECONDS)
            self.tell(Event(Happened.POSTPONED, *job.key, str(error)))
        except FileError as error:
            self.park(job, str(error), version, stamp)
        return None

    def park(self, job: Job, error: str, version: Version | None, stamp: Stamp | None) -> None:
        """Leave a file that cannot be sent as it is, and tell why."""
        nothing = error.removesuffix(plan.STILL_ANSWERS) in NOTHING
        if plan.still_answers(job.record) and not error.endswith(plan.STILL_ANSWERS):
            error += plan.STILL_ANSWERS
        self.ledger.park(job, error, version, stamp, self.clock(), nothing=nothing)
        skipped = nothing and not job.record.answers
        self.tell(Event(Happened.SKIPPED if skipped else Happened.FAILED, *job.key, error))

    def _converters(self) -> Apart:
        from kbsync.convert.apart import Apart  # noqa: PLC0415 - only who sends needs it

        with self._opening:
            if self._apart is None:
                self._apart = Apart()
            return self._apart
