"""Decide: values of the disk and of the ledger in, changes and holds out.

Every door (one-shot, schedule, watcher, dry run) comes through here. No clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, assert_never

from kbsync.formats import PICTURES
from kbsync.holds import Limits, Loss, hold_of
from kbsync.model import (
    UNTRUSTED,
    Change,
    Drop,
    Hold,
    Key,
    Move,
    Problem,
    Put,
    Record,
    Seen,
    Skip,
    Skipped,
    Stamp,
    State,
    Want,
)

#: Why a file is sent whose document was about to go.
CAME_BACK = "came back"

#: Why a document goes whose file a scan did not show.
GONE = "not in the folder any more, or excluded"

#: Why a document that is out of service is deleted for good.
PURGE = "its days in the trash are over"

#: Ends the reason why a file is not sent that has an older version on the server.
STILL_ANSWERS = "; the version indexed before still answers"

OnDelete = Literal["delete", "disable", "archive", "keep"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a folder's settings mean for its plan.

    `recipe_of` tells the recipe of a file by its path; `now` is in seconds since the epoch. With
    `ocr`, text in pictures can be read.
    """

    recipe_of: Callable[[str], str]
    on_delete: OnDelete = "delete"
    trash_days: int = 0
    limits: Limits = field(default_factory=Limits)
    allow_delete: bool = False
    hash_all: bool = False
    ocr: bool = False
    now: float = 0.0

    @property
    def shelving(self) -> Literal["disable", "archive"] | None:
        """How a document whose file is gone goes out of service first; None: it does not."""
        match self.on_delete:
            case "disable" | "archive":
                return self.on_delete
            case "delete":
                return "disable" if self.trash_days else None
            case "keep":
                return None
            case _:
                assert_never(self.on_delete)


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """The differences of one folder; while there are holds, drops wait unless `released`.

    `missing` are the rows whose files are surely not at their places.
    """

    changes: tuple[Change, ...]
    holds: tuple[Hold, ...]
    unknown: int
    released: frozenset[str] = frozenset()
    missing: tuple[Record, ...] = ()

    @property
    def applicable(self) -> tuple[Change, ...]:
        """What may be carried out now: everything, or everything but what is held.

        Of a held file that seems to have moved and changed, its new place is a new file.
        """
        return tuple(
            Put(change.seen, "new") if isinstance(change, Move) and self.is_held(change) else change
            for change in self.changes
            if not (isinstance(change, Drop) and self.is_held(change))
        )

    def is_held(self, change: Change) -> bool:
        """Whether this change, or the loss of a document in it, waits for approval."""
        match change:
            case Drop():
                return bool(self.holds) and change.key.path not in self.released
            case Move():
                return bool(self.holds) and change.edited
            case Put() | Skip():
                return False
            case _:
                assert_never(change)


def decide(seen: Seen | Skipped | None, record: Record | None, rules: Rules) -> Change | None:
    """Compare one file's place on disk with its ledger row; None when nothing is to be done."""
    match seen:
        case Seen():
            reason = _put_reason(seen, record, rules)
            return None if reason is None else Put(seen, reason)
        case Skipped():
            return None if _skip_known(seen, record) else Skip(seen)
        case None:
            return _decide_absent(record, rules)
        case _:
            assert_never(seen)


def _put_reason(seen: Seen, record: Record | None, rules: Rules) -> str | None:
    if record is None:
        return "new"
    if record.want is Want.ABSENT:
        return CAME_BACK
    if (reason := _sendable_now(record, rules)) is not None:
        return reason
    if record.state in {State.PENDING, State.SENDING} and record.stamp in {None, seen.stamp}:
        return None
    tried = record.parked or record.version
    if tried is not None and tried.recipe != rules.recipe_of(seen.key.path):
        return "settings changed"
    if rules.hash_all and record.state is State.COMPLETED:
        return "checked by content"
    if record.stamp is None:
        return "to be read again"
    return None if record.stamp == seen.stamp else _moved(record.stamp, seen.stamp)


def _sendable_now(record: Record, rules: Rules) -> str | None:
    """Why a file can be sent that could not, although it is as it was."""
    if record.state is State.SKIPPED and record.parked is None:
        return "can be sent now"
    waits = record.state in {State.SKIPPED, State.FAILED}
    return "its text can be recognised now" if waits and is_readable_now(record, rules) else None


def is_readable_now(record: Record, rules: Rules) -> bool:
    """Whether a file was not sent for want of what there is now."""
    return rules.ocr and record.error is not None and record.error.startswith(PICTURES)


def _moved(old: Stamp, new: Stamp) -> str:
    if old.ctime_ns == UNTRUSTED:
        return "had just been changed when it was last read"
    if old.size != new.size:
        return f"size {old.size} -> {new.size}"
    return "modified" if old.mtime_ns != new.mtime_ns else "metadata changed"


def _skip_known(seen: Skipped, record: Record | None) -> bool:
    return (
        record is not None
        and record.want is Want.PRESENT
        and record.state in {State.SKIPPED, State.FAILED}
        and record.error == skip_error(seen, record)
        and record.stamp == seen.stamp
    )


def skip_error(seen: Skipped, record: Record | None) -> str:
    """The text kept for a file that is not sent; it says so when an older version answers."""
    return seen.reason + (STILL_ANSWERS if still_answers(record) else "")


def still_answers(record: Record | None) -> bool:
    """Whether an older version of a file that cannot be sent is in service."""
    return record is not None and record.answers and record.shelved is None


def _decide_absent(record: Record | None, rules: Rules) -> Drop | None:
    if record is None:
        return None
    if record.want is Want.ABSENT:
        waits = record.state is State.COMPLETED and is_purge_due(record, rules, rules.now)
        return Drop(record.key, PURGE) if waits else None
    if rules.on_delete == "keep" and has_document(record):
        return None
    return Drop(record.key, GONE)


def is_purge_due(record: Record, rules: Rules, now: float) -> bool:
    """Whether a document that is out of service has waited long enough for its file."""
    due = record.purge_at is not None and record.purge_at <= now
    return due and record.shelved is not None and rules.on_delete == "delete"


def has_document(record: Record) -> bool:
    """Whether the row stands for anything on the server that a drop would remove."""
    return bool(record.documents) or record.intent is not None


def _is_going(record: Record) -> bool:
    """Whether a document's deletion was decided before."""
    return record.want is Want.ABSENT and has_document(record) and record.shelved is None


def is_stranger(record: Record) -> bool:
    """Whether a document was found on the server in service, and its file never on this disk."""
    found = record.live is not None or record.coming is not None
    return found and record.stamp is None and record.version is None and record.shelved is None


def plan_folder(
    items: Iterable[Seen | Skipped],
    absent: Iterable[Record],
    records: Mapping[str, Record],
    *,
    problems: Sequence[Problem] = (),
    closed: Sequence[Problem] = (),
    known: int,
    present: int,
    recent: int = 0,
    moved_root: str | None = None,
    approved: Collection[str] = (),
    moves: Collection[Move] = (),
    folder: str,
    rules: Rules,
) -> FolderPlan:
    """Plan one folder.

    Args:
        items: files on disk whose rows are not plainly unchanged.
        absent: rows whose files the walk did not show.
        records: rows of `items`, by path.
        problems: what could not be looked at; nothing below it is taken for absent.
        closed: directories anywhere in the folder where files may be that nobody can see.
        known: rows of the folder with a document on the server.
        present: files the walk showed, unchanged ones included.
        recent: deletions taken up a little earlier, which count towards the limits as well.
        moved_root: why the root may not be the one of last time (another device), if so.
        approved: paths whose deletion a person has released: no limit holds or counts it.
        moves: files known to have moved, within this folder and across its border.
        folder: the folder's name.
        rules: what its settings mean.
    """
    changes: list[Change] = [move for move in moves if move.seen.key.folder == folder]
    moved = {move.seen.key for move in moves}
    for item in items:
        change = decide(item, records.get(item.key.path), rules)
        if change is not None and item.key not in moved:
            changes.append(change)
    missing, unknown = _split_unknown(absent, problems)
    left = {move.old for move in moves}
    staying = (record for record in missing if record.key not in left)
    drops = [(record, drop) for record in staying if (drop := _decide_absent(record, rules))]
    changes.extend(drop for _, drop in drops)
    released = frozenset(
        drop.key.path for _, drop in drops if rules.allow_delete or drop.key.path in approved
    )
    unasked = [record for record, _ in drops if record.key.path not in released]
    deletions = sum(has_document(one) and one.want is Want.PRESENT for one in unasked)
    # Only an inode says that such a file is the same: its document is replaced all the same.
    deletions += sum(isinstance(change, Move) and change.edited for change in changes)
    purges = sum(record.want is Want.ABSENT for record in unasked)
    strangers = sum(map(is_stranger, unasked))
    # During a first sync, few of the files have a document.
    files = sum(one.want is Want.PRESENT and one.state is not State.SKIPPED for one in missing)
    going = sum(map(_is_going, [*missing, *unknown]))
    had = max(known - going, files)
    loss = Loss(deletions, purges, strangers, recent, known, had, present)
    limits = None if rules.allow_delete else rules.limits
    hold = hold_of(folder, loss, problems, closed, moved_root, limits)
    holds = () if hold is None else (hold,)
    return FolderPlan(tuple(changes), holds, len(unknown), released, tuple(missing))


def _split_unknown(
    absent: Iterable[Record], problems: Sequence[Problem]
) -> tuple[list[Record], list[Record]]:
    # Whatever could not be looked at may be a directory: what its kind is, nobody could see.
    places = {problem.path for problem in problems}
    missing: list[Record] = []
    unknown: list[Record] = []
    for record in absent:
        hidden = bool(places) and _below(record.key.path, places)
        (unknown if hidden else missing).append(record)
    return missing, unknown


def _below(path: str, directories: Collection[str]) -> bool:
    """Whether a path is one of these places, or below one; "" is the root."""
    if "" in directories or path in directories:
        return True
    cut = path.rfind("/")
    while cut >= 0:
        if path[:cut] in directories:
            return True
        cut = path.rfind("/", 0, cut)
    return False


#: No work is put off for longer, in seconds: what waits longer was put off by another clock.
LONGEST_WAIT = 3600.0


def is_over(since: float, seconds: float, now: float) -> bool:
    """Whether so many seconds have passed; a clock that was set back never makes it take longer."""
    return not 0 <= now - since < seconds


def backoff(attempts: int, jitter: float, *, first: float = 2.0, most: float = 900.0) -> float:
    """Seconds to wait before try `attempts` + 1; `jitter` from 0 to 1 spreads them by half."""
    raw = min(most, first * 2.0 ** min(attempts - 1, 30))
    return raw * (0.75 + 0.5 * jitter)


def sorted_by_path(keys: Iterable[Key]) -> list[Key]:
    """Keys in the order people read them."""
    return sorted(keys, key=lambda key: (key.folder, key.path))
