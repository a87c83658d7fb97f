"""Disk and ledger to a plan, and the plan to the ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import assert_never

from kbsync import plan, scan
from kbsync.engine.base import Base, is_version
from kbsync.engine.values import Event, Folder, Happened, Planned, Survey
from kbsync.errors import FileError
from kbsync.model import (
    Change,
    Drop,
    Key,
    Problem,
    Put,
    Record,
    Seen,
    Skip,
    Skipped,
    Version,
    Want,
)


class Looking(Base):
    """Survey, accept, preview."""

    def survey(self, name: str, *, hash_all: bool = False, allow_delete: bool = False) -> Survey:
        """Walk a folder and plan it; writes nothing and asks the server nothing."""
        folder = self.folders[name]
        rules = replace(folder.rules, hash_all=hash_all, allow_delete=allow_delete)
        stamps = {} if hash_all else self.ledger.settled(name, rules.recipe)
        others = self.ledger.unsettled(name, None if hash_all else rules.recipe)
        settled = scan.Settled(stamps)
        items: list[Seen | Skipped] = []
        problems: list[Problem] = []
        for item in scan.walk(
            folder.root, name, folder.filters, max_size=folder.max_size, settled=settled
        ):
            if isinstance(item, Problem):
                problems.append(item)
            else:
                items.append(item)
        present = settled.unchanged + len(items)
        return self._planned(folder, rules, settled.left, others, items, problems, present)

    def _planned(
        self,
        folder: Folder,
        rules: plan.Rules,
        unmet: Collection[str],
        others: Mapping[str, Record],
        items: list[Seen | Skipped],
        problems: list[Problem],
        present: int,
    ) -> Survey:
        paths = {item.key.path for item in items}
        records = self.ledger.records(folder.name, paths)
        absent = self.ledger.records(folder.name, unmet)
        absent |= {path: record for path, record in others.items() if path not in paths}
        identity = scan.identify(folder.root)
        found = None if isinstance(identity, Problem) else (identity.device, identity.inode)
        result = plan.plan_folder(
            items,
            absent.values(),
            records,
            problems=problems,
            known=self.ledger.with_document(folder.name),
            present=present,
            moved_root=self._moved_root(folder, found),
            folder=folder.name,
            rules=rules,
        )
        return Survey(folder, result, tuple(problems), present, found)

    def _moved_root(self, folder: Folder, found: tuple[int, int] | None) -> str | None:
        last = self.ledger.folder(folder.name)
        if last is None or last.device is None or found is None or last.device == found[0]:
            return None
        return "the folder is on another device than at the last scan: is a mount missing?"

    def accept(self, survey: Survey) -> None:
        """Take up what a survey found: enqueue its changes, remember its holds, tell."""
        folder, now = survey.folder, self.clock()
        self.ledger.observe(survey.plan.applicable, now)
        hold = survey.plan.holds[0] if survey.plan.holds else None
        identity = None if hold or survey.problems else survey.identity
        self.ledger.scanned(folder.name, folder.root, folder.dataset, identity, hold, now)
        for problem in survey.problems:
            self.tell(Event(Happened.UNKNOWN, folder.name, problem.path, problem.reason))
        for change in survey.plan.changes:
            if isinstance(change, Skip):
                skipped = change.skipped
                self.tell(Event(Happened.SKIPPED, folder.name, skipped.key.path, skipped.reason))
        if hold is not None:
            self.tell(Event(Happened.HELD, folder.name, "", hold.reason))

    def preview(self, survey: Survey) -> Iterator[Planned]:
        """What `accept` and the work after it would do, file by file; reads, but sends nothing."""
        held = bool(survey.plan.holds)
        for change in survey.plan.changes:
            match change:
                case Put():
                    yield self._preview_put(survey.folder, change)
                case Drop():
                    yield Planned("hold" if held else "delete", change.key, change.reason)
                case Skip():
                    yield Planned("skip", change.skipped.key, change.skipped.reason)
                case _:
                    assert_never(change)
        yield from self._preview_unfinished(survey)

    def _preview_put(self, folder: Folder, put: Put) -> Planned:
        key, size = put.seen.key, put.seen.stamp.size
        record = self.ledger.record(key)
        if record is None or record.live is None:
            return Planned("send", key, put.reason, size)
        try:
            sha256, _ = scan.digest(folder.root, key.path, max_size=folder.max_size)
        except FileError as error:
            return Planned("fail", key, str(error), size)
        if is_version(record.live, Version(sha256, folder.rules.recipe)):
            return Planned("refresh", key, f"{put.reason}; the content is the same", size)
        return Planned("replace", key, put.reason, size)

    def _preview_unfinished(self, survey: Survey) -> Iterator[Planned]:
        touched = {_key_of(change) for change in survey.plan.changes}
        for record in self.ledger.unfinished(survey.folder.name):
            if record.key in touched:
                continue
            reason = "left from an earlier run" + (f": {record.error}" if record.error else "")
            action = "delete" if record.want is Want.ABSENT else "send"
            yield Planned(action, record.key, reason)


def _key_of(change: Change) -> Key:
    match change:
        case Put():
            return change.seen.key
        case Drop():
            return change.key
        case Skip():
            return change.skipped.key
        case _:
            assert_never(change)
