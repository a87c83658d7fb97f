"""Disk and ledger to a plan, and the plan to the ledger."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from kbsync import plan, scan
from kbsync.engine.moving import Moving
from kbsync.engine.trickling import Trickling
from kbsync.engine.values import Event, Folder, Happened, Scope, Survey
from kbsync.log import printable
from kbsync.model import (
    Key,
    Move,
    Problem,
    Record,
    Seen,
    Skip,
    Skipped,
)
from kbsync.moves import came_from


@dataclass(slots=True)
class _Found:
    """What was met on disk, by path, with its rows, and the rows of what was not met."""

    items: dict[str, Seen | Skipped] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    absent: dict[str, Record] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    unchanged: int = 0

    def take(self, item: Seen | Skipped | Problem) -> None:
        if isinstance(item, Problem):
            self.problems.append(item)
        else:
            self.items[item.key.path] = item

    @property
    def met(self) -> int:
        return self.unchanged + len(self.items)

    def add(self, other: _Found) -> None:
        self.items |= other.items
        self.problems += other.problems
        self.absent |= other.absent
        self.unchanged += other.unchanged


@dataclass(frozen=True, slots=True)
class _Sight:
    """What was found in one folder, and the rules that it is planned by."""

    scope: Scope
    folder: Folder
    rules: plan.Rules
    found: _Found
    approved: frozenset[str]


class Looking(Moving, Trickling):
    """Look, and accept what was found."""

    def survey(self, name: str, *, hash_all: bool = False, allow_delete: bool = False) -> Survey:
        """Walk a folder and plan it; writes nothing and asks the server nothing."""
        return self.look([Scope(name)], hash_all=hash_all, allow_delete=allow_delete)[0]

    def look(
        self, scopes: Sequence[Scope], *, hash_all: bool = False, allow_delete: bool = False
    ) -> list[Survey]:
        """Look at folders, or parts of them, and plan them together.

        A file that moved from one of them to another that shares its dataset is seen as moved.
        """
        sights = [self._sight(scope, hash_all, allow_delete) for scope in scopes]
        plans = {sight.folder.name: self._plan(sight, ()) for sight in sights}
        rows = [
            record
            for sight in sights
            for record in (*sight.found.records.values(), *sight.found.absent.values())
        ]
        moves = self.moved(plans, {record.key: record for record in rows})
        if moves:
            plans = {sight.folder.name: self._plan(sight, moves) for sight in sights}
        return [self._survey(sight, plans[sight.folder.name]) for sight in sights]

    def _sight(self, scope: Scope, hash_all: bool, allow_delete: bool) -> _Sight:
        folder = self.folders[scope.name]
        rules = replace(
            folder.rules, hash_all=hash_all, allow_delete=allow_delete, now=self.clock()
        )
        found = self._looked_at(folder, scope.files)
        for directory in scope.below:
            found.add(self._walked(folder, rules, directory))
        found.records = self.ledger.records(folder.name, found.items)
        return _Sight(scope, folder, rules, found, self.ledger.approved(folder.name))

    def _walked(self, folder: Folder, rules: plan.Rules, below: str) -> _Found:
        recipe_of = None if rules.hash_all else rules.recipe_of
        settled = scan.Settled(self.ledger.known(folder.name, recipe_of, below))
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
        left = [path for path in settled.left() if path not in found.items]
        found.absent = self.ledger.records(folder.name, left)
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

    def _plan(self, sight: _Sight, moves: Sequence[Move]) -> plan.FolderPlan:
        folder, found = sight.folder, sight.found
        # Only where something is missing is it counted against what there was.
        is_whole = not (found.absent or found.problems or moves)
        known = 0 if is_whole else self.ledger.with_document(folder.name)
        present = found.met
        if not sight.scope.whole:  # of files without a document, nobody knows how many there are
            present += max(known - len(found.absent), 1 if known <= 1 else 0)
        return plan.plan_folder(
            found.items.values(),
            found.absent.values(),
            found.records,
            problems=found.problems,
            closed=self._closed(sight),
            known=known,
            present=present,
            recent=self.recent_drops(folder.name),
            moved_root=self._moved_root(folder, _identity(folder)),
            approved=sight.approved,
            moves=moves,
            folder=folder.name,
            rules=sight.rules,
        )

    def _closed(self, sight: _Sight) -> list[Problem]:
        """Directories where a file may be that is at its place no more.

        A look at a part of the folder remembers what the last one at all of it could not see.
        """
        before = () if sight.scope.whole else self.closed.get(sight.folder.name, ())
        return [
            problem
            for problem in (*sight.found.problems, *before)
            if problem.is_directory and problem.reason != scan.CHANGED
        ]

    def _survey(self, sight: _Sight, planned: plan.FolderPlan) -> Survey:
        folder, found = sight.folder, sight.found
        return Survey(
            folder,
            planned,
            tuple(found.problems),
            found.met,
            _identity(folder),
            sight.scope.whole,
            sight.approved,
        )

    def _moved_root(self, folder: Folder, found: tuple[int, int] | None) -> str | None:
        last = self.ledger.folder(folder.name)
        if last is None or last.identity is None or found is None or found == last.identity:
            return None
        if last.root != folder.root:
            return f"the folder was {last.root} and is now {folder.root}, another directory"
        if last.identity[0] != found[0]:
            return "the folder is on another device than at the last scan: is a mount missing?"
        return f"{folder.root} is another directory than at the last scan, by its inode"

    def accept(self, *surveys: Survey, grace: float = 0.0) -> None:
        """Take up what was found: enqueue the changes, remember the holds, tell.

        Documents of files that are gone wait `grace` seconds: their files may be seen elsewhere.
        """
        now = self.clock()
        changes = [change for survey in surveys for change in survey.plan.applicable]
        self.ledger.observe(changes, now, drop_at=now + grace if grace else None)
        for survey in surveys:
            self._remember(survey, now)

    def _remember(self, survey: Survey, now: float) -> None:
        folder = survey.folder
        self.count_drops(survey, now)
        hold = survey.plan.holds[0] if survey.plan.holds else None
        before = self.ledger.folder(folder.name)
        if survey.whole:
            identity = None if hold or survey.problems else survey.identity
            self.ledger.scanned(folder.name, folder.root, folder.dataset, identity, hold, now)
            self.ledger.end_approvals(folder.name, survey.approved)
            self.closed[folder.name] = survey.problems
        elif hold is not None:
            self.ledger.hold(hold)
        for problem in survey.problems:
            self.tell(Event(Happened.UNKNOWN, folder.name, problem.path, problem.reason))
        changes = survey.plan.applicable
        self.tell_skipped(
            folder.name, [change.skipped for change in changes if isinstance(change, Skip)]
        )
        for change in changes:
            if isinstance(change, Move):
                self.tell(
                    Event(Happened.MOVED, *change.seen.key, f"from {printable(came_from(change))}")
                )
        if hold is not None and hold != self.holds.get(folder.name):
            self.tell(Event(Happened.HELD, folder.name, "", hold.reason))
        if hold is not None or survey.whole:
            self.holds[folder.name] = hold
        if survey.whole and hold is None and before is not None and before.hold is not None:
            self.tell(Event(Happened.NOTE, folder.name, "", "nothing is held any more"))


def _identity(folder: Folder) -> tuple[int, int] | None:
    found = scan.identify(folder.root)
    return None if isinstance(found, Problem) else (found.device, found.inode)
