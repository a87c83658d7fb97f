"""Disk and ledger to a plan, and the plan to the ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import assert_never

from kbsync import plan, scan
from kbsync.engine.base import Base, is_version
from kbsync.engine.shelving import day
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

#: Deletions within so many seconds count together towards the limits.
_RECENT_SECONDS = 600.0


@dataclass(slots=True)
class _Found:
    """What was met on disk, by path, and the rows of what was not."""

    items: dict[str, Seen | Skipped] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    absent: dict[str, Record] = field(default_factory=dict)
    unchanged: int = 0

    def take(self, item: Seen | Skipped | Problem) -> None:
        if isinstance(item, Problem):
            self.problems.append(item)
        else:
            self.items[item.key.path] = item

    def add(self, other: _Found) -> None:
        self.items |= other.items
        self.problems += other.problems
        self.absent |= other.absent
        self.unchanged += other.unchanged


class Looking(Base):
    """Survey, accept, preview."""

    def survey(self, name: str, *, hash_all: bool = False, allow_delete: bool = False) -> Survey:
        """Walk a folder and plan it; writes nothing and asks the server nothing."""
        folder = self.folders[name]
        rules = replace(
            folder.rules, hash_all=hash_all, allow_delete=allow_delete, now=self.clock()
        )
        found = self._walked(folder, rules, "")
        return self._planned(folder, rules, found, whole=True)

    def observe(self, name: str, files: Collection[str], below: Collection[str]) -> Survey:
        """Look at these files, and at all below these directories, and plan only them."""
        folder = self.folders[name]
        found = self._looked_at(folder, files)
        for directory in below:
            found.add(self._walked(folder, folder.rules, directory))
        return self._planned(folder, folder.rules, found, whole=False)

    def _walked(self, folder: Folder, rules: plan.Rules, below: str) -> _Found:
        recipe_of = None if rules.hash_all else rules.recipe_of
        stamps, others = self.ledger.known(folder.name, recipe_of, below)
        settled = scan.Settled(stamps)
        found = _Found()
        for item in scan.walk(
            folder.root,
            folder.name,
            folder.filters,
            max_size=folder.max_size,
            settled=settled,
            below=below,
        ):
            found.take(item)
        found.unchanged = settled.unchanged
        found.absent = self.ledger.records(folder.name, settled.left)
        found.absent |= {path: record for path, record in others.items() if path not in found.items}
        return found

    def _looked_at(self, folder: Folder, files: Collection[str]) -> _Found:
        found = _Found()
        for path in files:
            key = Key(folder.name, path)
            item = scan.look(folder.root, key, folder.filters, max_size=folder.max_size)
            if item is not None:
                found.take(item)
        hidden = {problem.path for problem in found.problems}
        missing = [path for path in files if path not in found.items and path not in hidden]
        found.absent = self.ledger.records(folder.name, missing)
        return found

    def _planned(self, folder: Folder, rules: plan.Rules, found: _Found, *, whole: bool) -> Survey:
        known = self.ledger.with_document(folder.name)
        identity = scan.identify(folder.root)
        root = None if isinstance(identity, Problem) else (identity.device, identity.inode)
        met = found.unchanged + len(found.items)
        approved = self.ledger.approved(folder.name)
        result = plan.plan_folder(
            found.items.values(),
            found.absent.values(),
            self.ledger.records(folder.name, found.items),
            problems=found.problems,
            known=known,
            present=met if whole else met + max(0, known - len(found.absent)),
            recent=self._recent_drops(folder.name),
            moved_root=self._moved_root(folder, root),
            approved=approved,
            folder=folder.name,
            rules=rules,
        )
        return Survey(folder, result, tuple(found.problems), met, root, whole, approved)

    def _moved_root(self, folder: Folder, found: tuple[int, int] | None) -> str | None:
        last = self.ledger.folder(folder.name)
        if last is None or last.device is None or found is None:
            return None
        if found == (last.device, last.inode):
            return None
        if last.root != folder.root:
            return f"the folder was {last.root} and is now {folder.root}, another directory"
        if last.device != found[0]:
            return "the folder is on another device than at the last scan: is a mount missing?"
        return None

    def accept(self, survey: Survey) -> None:
        """Take up what a survey found: enqueue its changes, remember its holds, tell."""
        folder, now = survey.folder, self.clock()
        self.ledger.observe(survey.plan.applicable, now)
        self._count_drops(survey)
        hold = survey.plan.holds[0] if survey.plan.holds else None
        if survey.whole:
            identity = None if hold or survey.problems else survey.identity
            self.ledger.scanned(folder.name, folder.root, folder.dataset, identity, hold, now)
            self.ledger.end_approvals(folder.name, survey.approved)
        elif hold is not None:
            self.ledger.hold(hold)
        for problem in survey.problems:
            self.tell(Event(Happened.UNKNOWN, folder.name, problem.path, problem.reason))
        for change in survey.plan.changes:
            if isinstance(change, Skip):
                skipped = change.skipped
                self.tell(Event(Happened.SKIPPED, folder.name, skipped.key.path, skipped.reason))
        if hold is not None:
            self.tell(Event(Happened.HELD, folder.name, "", hold.reason))

    def _count_drops(self, survey: Survey) -> None:
        """Remember deletions for a while, so that many small ones meet the limit of a large one."""
        drops = sum(
            isinstance(change, Drop) and change.key.path not in survey.plan.released
            for change in survey.plan.applicable
        )
        if drops:
            self.drops.setdefault(survey.folder.name, []).append((self.clock(), drops))

    def _recent_drops(self, name: str) -> int:
        since = self.clock() - _RECENT_SECONDS
        recent = [drop for drop in self.drops.get(name, []) if drop[0] >= since]
        self.drops[name] = recent
        return sum(count for _, count in recent)

    def preview(self, survey: Survey) -> Iterator[Planned]:
        """What `accept` and the work after it would do, file by file; reads, but sends nothing."""
        for change in survey.plan.changes:
            match change:
                case Put():
                    yield self._preview_put(survey.folder, change)
                case Drop():
                    yield self._preview_drop(survey, change)
                case Skip():
                    yield Planned("skip", change.skipped.key, change.skipped.reason)
                case _:
                    assert_never(change)
        yield from self._preview_unfinished(survey)

    def _preview_drop(self, survey: Survey, drop: Drop) -> Planned:
        rules = survey.folder.rules
        if survey.plan.is_held(drop):
            return Planned("hold", drop.key, drop.reason)
        if drop.reason == plan.PURGE:
            return Planned("purge", drop.key, drop.reason)
        if rules.shelving is None:
            return Planned("delete", drop.key, drop.reason)
        days = rules.trash_days
        later = f"; purge on {day(self.clock() + days * 86_400)}" if days else ""
        return Planned(rules.shelving, drop.key, drop.reason + later)

    def _preview_put(self, folder: Folder, put: Put) -> Planned:
        key, size = put.seen.key, put.seen.stamp.size
        record = self.ledger.record(key)
        if record is None or record.live is None:
            return Planned("send", key, put.reason, size)
        try:
            sha256, _ = scan.digest(folder.root, key.path, max_size=folder.max_size)
        except FileError as error:
            return Planned("fail", key, str(error), size)
        if is_version(record.live, Version(sha256, folder.rules.recipe_of(key.path))):
            return Planned("refresh", key, f"{put.reason}; the content is the same", size)
        return Planned("replace", key, put.reason, size)

    def _preview_unfinished(self, survey: Survey) -> Iterator[Planned]:
        touched = {_key_of(change) for change in survey.plan.changes}
        for record in self.ledger.unfinished(survey.folder.name):
            if record.key in touched:
                continue
            reason = "left from an earlier run" + (f": {record.error}" if record.error else "")
            gone = survey.folder.rules.shelving or "delete"
            action = gone if record.want is Want.ABSENT else "send"
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
