"""Marks and requests to planned work: the only thread that looks at folders."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from kbsync.config import FolderSettings
from kbsync.engine import Scope, Survey
from kbsync.engine.engine import Engine
from kbsync.errors import LedgerError
from kbsync.log import FOLDER, get_logger
from kbsync.service.requests import Requests
from kbsync.service.settling import is_fresh, parted
from kbsync.watch import Dirty, Mark

_REST = 3600.0
#: A held folder is looked at again after so many seconds: what held it may be gone.
_HELD_AGAIN = 600.0


class Planner:
    """One step: take what is asked for or settled, look, and enqueue what is found.

    `grace` is how long documents of vanished files wait for them to appear elsewhere, in seconds.
    """

    def __init__(
        self,
        engine: Engine,
        folders: Collection[FolderSettings],
        dirty: Dirty,
        requests: Requests,
        planned: Callable[[], None],
        *,
        grace: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._dirty = dirty
        self._requests = requests
        self._planned = planned
        self._grace = grace
        self.scans: Counter[tuple[str, str]] = Counter()
        self._clock = clock
        self._held: dict[str, float] = {}
        self._settings = {folder.name: folder for folder in folders}
        self._unsettled: dict[str, float] = {}
        self._log = get_logger()

    def step(self) -> float:
        """Look at everything that is due; returns seconds until more can be."""
        wanted = self._requests.take()
        marks = self._dirty.take(quiet=self._is_quiet)
        wanted |= {mark.folder: "events" for mark in marks if mark.path == "" and mark.deep}
        wanted |= {name: "held" for name, due in self._held.items() if due <= self._clock()}
        try:
            self._look(wanted, [mark for mark in marks if mark.folder not in wanted])
        except LedgerError:
            self._give_back(wanted, marks)
            raise
        if self._requests:
            return 0.0
        due = self._dirty.next_due()
        again = min(self._held.values(), default=self._clock() + _REST) - self._clock()
        return max(0.0, again if due is None else min(due, again))

    def _look(self, wanted: Mapping[str, str], marks: Iterable[Mark]) -> None:
        scopes = [Scope(name) for name in wanted]
        for name, part in _by_folder(marks).items():
            files = [mark.path for mark in part if not mark.deep]
            below = [mark.path for mark in part if mark.deep]
            scopes.append(Scope(name, [*files, *below], below, whole=False))
        if not scopes:
            return
        asked = {scope.name: scope.files for scope in scopes}
        surveys = [
            self._settled(survey, asked[survey.folder.name]) for survey in self._engine.look(scopes)
        ]
        self._engine.accept(*surveys, grace=self._grace)
        for survey in surveys:
            self._tell(survey, wanted.get(survey.folder.name, "events"))
        self.scans.update(wanted.items())

    def _is_quiet(self, mark: Mark) -> bool:
        """Whether a marked file is not being written to; below a directory, the scan sees that."""
        if mark.deep:
            return True
        settle = self._settings[mark.folder].settle
        try:
            found = os.lstat(f"{self._engine.folders[mark.folder].root}/{mark.path}")
        except OSError:
            return True
        return not is_fresh(found.st_mtime, settle, self._engine.clock())

    def _settled(self, survey: Survey, asked: Collection[str]) -> Survey:
        """What has settled of a survey; the rest is marked, and not put off for ever."""
        name, now = survey.folder.name, self._clock()
        settings = self._settings[name]
        settled, fresh = parted(survey.plan, asked, settings.settle, self._engine.clock())
        if not fresh:
            if survey.whole:
                self._unsettled.pop(name, None)
            return survey
        if now - self._unsettled.setdefault(name, now) >= settings.max_delay:
            del self._unsettled[name]
            return survey
        for path in fresh:
            self._dirty.mark(Mark(name, path, deep=False))
        return replace(survey, plan=settled)

    def _give_back(self, wanted: Mapping[str, str], marks: Iterable[Mark]) -> None:
        """Nothing that was taken is forgotten when the ledger could not be written to."""
        for name, reason in wanted.items():
            self._requests.ask(name, reason)
        for mark in marks:
            self._dirty.mark(mark)

    def _tell(self, survey: Survey, reason: str) -> None:
        if survey.plan.holds:
            self._held[survey.folder.name] = self._clock() + _HELD_AGAIN
        elif survey.whole and self._held.pop(survey.folder.name, None) is not None:
            self._log.info("no longer held", **{FOLDER: survey.folder.name})
        changes = len(survey.plan.applicable)
        if changes or survey.problems or survey.plan.holds:
            self._log.info(
                "scanned",
                **{FOLDER: survey.folder.name},
                reason=reason,
                files=survey.present,
                changes=changes,
                problems=len(survey.problems),
                held=sum(hold.count for hold in survey.plan.holds),
            )
        if changes:
            self._planned()


def _by_folder(marks: Iterable[Mark]) -> dict[str, list[Mark]]:
    folders: dict[str, list[Mark]] = {}
    for mark in marks:
        folders.setdefault(mark.folder, []).append(mark)
    return folders
