"""What would be done, file by file, without doing it: the plan as people read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from kbsync import plan, scan
from kbsync.engine.base import Base, is_version
from kbsync.engine.shelving import day
from kbsync.engine.values import Folder, Planned, Survey
from kbsync.errors import FileError
from kbsync.filters import Excluded
from kbsync.log import printable
from kbsync.model import Change, Drop, Key, Move, Problem, Put, Record, Skip, Skipped, Version, Want
from kbsync.moves import came_from


class Previewing(Base):
    """Preview what a look found."""

    def preview(self, survey: Survey) -> Iterator[Planned]:
        """What `accept` and the work after it would do, file by file; reads, but sends nothing."""
        for change in survey.plan.changes:
            match change:
                case Put():
                    yield self._preview_put(survey.folder, change)
                case Drop():
                    yield self._preview_drop(survey, change)
                case Skip():
                    yield self._preview_skip(change.skipped)
                case Move():
                    yield _preview_move(change)
                case _:
                    assert_never(change)
        yield from self._preview_unfinished(survey)

    def _preview_skip(self, skipped: Skipped) -> Planned:
        record = self.ledger.record(skipped.key)
        action = "fail" if plan.still_answers(record) else "skip"
        return Planned(action, skipped.key, plan.skip_error(skipped, record))

    def _preview_drop(self, survey: Survey, drop: Drop) -> Planned:
        rules = survey.folder.rules
        if drop.reason == plan.PURGE:
            return Planned("hold" if survey.plan.is_held(drop) else "purge", drop.key, drop.reason)
        reason = self._why_gone(survey.folder, drop)
        if survey.plan.is_held(drop):
            return Planned("hold", drop.key, reason)
        if rules.shelving is None:
            return Planned("delete", drop.key, reason)
        days = rules.trash_days
        later = f"; purge on {day(self.clock() + days * 86_400)}" if days else ""
        return Planned(rules.shelving, drop.key, reason + later)

    def _why_gone(self, folder: Folder, drop: Drop) -> str:
        """Whether the file is gone, or only wanted no more."""
        if drop.reason != plan.GONE:
            return drop.reason
        verdict = scan.decide(folder.root, drop.key, folder.filters)
        if isinstance(verdict, Excluded):
            return f"excluded by {verdict.rule}"
        return drop.reason if isinstance(verdict, Problem) else "not in the folder any more"

    def _preview_put(self, folder: Folder, put: Put) -> Planned:
        key = put.seen.key
        return self._preview_file(
            folder, key, self.ledger.record(key), put.reason, put.seen.stamp.size
        )

    def _preview_file(
        self, folder: Folder, key: Key, record: Record | None, reason: str, size: int | None
    ) -> Planned:
        """What its content means for a file that is to be there: `size` in bytes, if known."""
        told = reason + (", in parts" if size is not None and size > folder.max_size else "")
        if record is None or not record.answers:
            return Planned("send", key, told, size)
        if record.resend:
            return Planned("replace", key, told, size)
        try:
            sha256, _ = self.digest(folder, key)
        except FileError as error:
            return Planned("fail", key, str(error), size)
        version = Version(sha256, folder.rules.recipe_of(key.path))
        same_parts = record.is_whole and record.version == version
        if same_parts or is_version(record.live, version):
            return Planned("refresh", key, f"{reason}; the content is the same", size)
        return Planned("replace", key, told, size)

    def _preview_unfinished(self, survey: Survey) -> Iterator[Planned]:
        touched = {_key_of(change) for change in survey.plan.changes}
        folder = survey.folder
        for record in self.ledger.unfinished(folder.name):
            if record.key in touched:
                continue
            reason = "left from an earlier run" + (f": {record.error}" if record.error else "")
            if record.want is Want.ABSENT:
                yield Planned(folder.rules.shelving or "delete", record.key, reason)
            else:
                size = None if record.stamp is None else record.stamp.size
                yield self._preview_file(folder, record.key, record, reason, size)


def _key_of(change: Change) -> Key:
    match change:
        case Put():
            return change.seen.key
        case Drop():
            return change.key
        case Skip():
            return change.skipped.key
        case Move():
            return change.seen.key
        case _:
            assert_never(change)


def _preview_move(move: Move) -> Planned:
    told = f"from {printable(came_from(move))}" + (", and edited: replaced" if move.edited else "")
    return Planned("move", move.seen.key, told, move.seen.stamp.size)
