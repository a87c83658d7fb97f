"""What is true of every plan, whatever disk and ledger hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from kbsync.holds import Limits
from kbsync.model import (
    UNTRUSTED,
    Drop,
    Key,
    Move,
    Problem,
    Put,
    Record,
    Remote,
    Seen,
    Skip,
    Skipped,
    Stamp,
    State,
    Version,
    Want,
)
from kbsync.plan import PURGE, FolderPlan, Rules, has_document, plan_folder, skip_error

T = TypeVar("T")
Disk = Mapping[str, Seen | Skipped]
Rows = Mapping[str, Record]

quick = settings(max_examples=60, deadline=None)

NOW = 1_000.0
_RECIPES = ("r1", "r2")
_PATHS = [f"{place}{name}" for place in ("", "d/", "d/e/", "f/") for name in ("a.md", "b.md", "c")]
_STAMPS = [Stamp(size, time, time, 7, 1) for size in (1, 2) for time in (10, 20)]

paths = st.sampled_from(_PATHS)
stamps = st.sampled_from(_STAMPS)
versions = st.builds(Version, st.sampled_from(["s1", "s2"]), st.sampled_from(_RECIPES))
remotes = st.builds(Remote, st.just("kb"), st.integers(0, 99).map(str), st.just("name"))


def maybe(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.one_of(st.none(), strategy)


@dataclass(frozen=True)
class Situation:
    """A disk with places that cannot be looked at, the rows of a ledger, and a folder's rules."""

    disk: Disk
    rows: Rows
    hidden: frozenset[str]
    rules: Rules

    def plan(self, turn: int = 0) -> FolderPlan:
        """The plan, when all is met in another order for each turn."""
        absent = [row for path, row in self.rows.items() if path not in self.disk]
        problems = [Problem("docs", path, "cannot be read") for path in sorted(self.hidden)]
        return plan_folder(
            _turned(list(self.disk.values()), turn),
            _turned(absent, turn),
            self.rows,
            problems=_turned(problems, turn),
            known=sum(has_document(row) and row.shelved is None for row in self.rows.values()),
            present=len(self.disk),
            folder="docs",
            rules=self.rules,
        )


def _turned(items: Sequence[T], turn: int) -> list[T]:
    middle = turn % len(items) if items else 0
    return list(reversed([*items[middle:], *items[:middle]])) if turn else list(items)


@st.composite
def rows_of(draw: st.DrawFn, path: str) -> Record:
    """A row as the ledger could have it: what its state says, it has."""
    state = draw(st.sampled_from(State))
    key, generation = Key("docs", path), draw(st.integers(1, 3))
    live, coming, stamp = draw(maybe(remotes)), draw(maybe(remotes)), draw(maybe(stamps))
    version, parked = draw(maybe(versions)), None
    want, shelved, purge_at = Want.PRESENT, None, None
    match state:
        case State.COMPLETED:
            coming, live, version = None, live or draw(remotes), version or draw(versions)
            if draw(st.booleans()):
                want, shelved = Want.ABSENT, "disabled"
                purge_at = draw(maybe(st.sampled_from([NOW - 1, NOW + 1])))
        case State.INDEXING:
            coming, version = coming or draw(remotes), version or draw(versions)
        case State.FAILED | State.SKIPPED:
            live = live if state is State.FAILED else None
            coming, parked = None, draw(maybe(versions))
        case State.PENDING | State.SENDING:
            want = draw(st.sampled_from(Want))
    if stamp is not None and draw(st.integers(0, 4)) == 0:
        stamp = stamp._replace(ctime_ns=UNTRUSTED)
    return Record(
        key,
        want,
        state,
        generation,
        stamp,
        version,
        live,
        coming,
        parked=parked,
        error="refused" if state in {State.FAILED, State.SKIPPED} else None,
        shelved=shelved,
        purge_at=purge_at,
    )


@st.composite
def situations(draw: st.DrawFn, *, hiding: bool = True) -> Situation:
    hidden = draw(st.frozensets(st.sampled_from(["d", "d/e", "f", "a.md"]))) if hiding else ()
    shown = [path for path in _PATHS if not any(_is_below(path, place) for place in hidden)]
    disk: dict[str, Seen | Skipped] = {}
    for path in draw(st.sets(st.sampled_from(shown))) if shown else ():
        key, stamp = Key("docs", path), draw(stamps)
        empty = draw(st.integers(0, 3)) == 0
        disk[path] = Skipped(key, stamp, "empty") if empty else Seen(key, stamp)
    rules = Rules(
        recipe_of=lambda path: _RECIPES[len(path) % 2],
        on_delete=draw(st.sampled_from(["delete", "disable", "archive", "keep"])),
        trash_days=draw(st.sampled_from([0, 3])),
        limits=Limits(draw(st.integers(0, 12))),
        allow_delete=draw(st.booleans()),
        now=NOW,
    )
    rows = {path: draw(rows_of(path)) for path in draw(st.sets(paths))}
    return Situation(disk, rows, frozenset(hidden), rules)


def _held(plan: FolderPlan) -> list[str]:
    return [one.key.path for one in plan.changes if isinstance(one, Drop) and plan.is_held(one)]


def _is_below(path: str, place: str) -> bool:
    return path == place or path.startswith(place + "/")


def carried_out(situation: Situation, plan: FolderPlan) -> Situation:
    """The same place after all that may be done now is done, and all work under way has ended."""
    rows, rules = dict(situation.rows), situation.rules
    for change in plan.applicable:
        match change:
            case Put(seen=Seen(key=key, stamp=stamp)):
                rows[key.path] = Record(key, Want.PRESENT, State.PENDING, 9, stamp)
            case Drop(key=key, reason=reason):
                row = rows[key.path]
                if reason == PURGE or not has_document(row):
                    del rows[key.path]
                else:
                    rows[key.path] = replace(row, want=Want.ABSENT, state=State.PENDING)
            case Skip(skipped=skipped):
                rows[skipped.key.path] = _not_sent(skipped, rows.get(skipped.key.path))
            case Move():
                raise AssertionError("nothing was said to have moved")
    held = {*_held(plan)}
    worked = {
        path: row if path in held else _worked(row, situation.disk.get(path), rules)
        for path, row in rows.items()
    }
    return replace(situation, rows={path: row for path, row in worked.items() if row})


def _not_sent(skipped: Skipped, row: Record | None) -> Record:
    live = None if row is None else row.live
    return Record(
        skipped.key,
        Want.PRESENT,
        State.SKIPPED if live is None else State.FAILED,
        9,
        skipped.stamp,
        live=live,
        error=skip_error(skipped, row),
        shelved=None if row is None else row.shelved,
    )


def _worked(row: Record, found: Seen | Skipped | None, rules: Rules) -> Record | None:
    if row.state not in {State.PENDING, State.SENDING, State.INDEXING}:
        return row
    if row.want is Want.ABSENT:
        if rules.shelving is None or row.live is None:
            return None
        due = NOW + 86_400 if rules.on_delete == "delete" else None
        return replace(row, state=State.COMPLETED, coming=None, shelved="disabled", purge_at=due)
    path = row.key.path
    return Record(
        row.key,
        Want.PRESENT,
        State.COMPLETED,
        row.generation,
        row.stamp if found is None else found.stamp,
        row.version if row.state is State.INDEXING else Version("s9", rules.recipe_of(path)),
        row.live or row.coming or Remote("kb", f"made for {path}", "name"),
    )


@quick
@given(situations())
def test_a_plan_that_is_carried_out_makes_both_sides_equal(situation: Situation) -> None:
    """Each file has its row of its stamp and recipe, and each other row a reason to be there."""
    plan = situation.plan()
    after = carried_out(situation, plan)
    for path, found in situation.disk.items():
        row = after.rows[path]
        assert (row.want, row.stamp) == (Want.PRESENT, found.stamp)
        if isinstance(found, Skipped):
            assert row.state in {State.SKIPPED, State.FAILED}
        else:
            tried = row.parked or row.version
            assert tried is None or tried.recipe == situation.rules.recipe_of(path)
            assert row.state is State.COMPLETED or row == situation.rows[path]
    held = {*_held(plan)}
    for path in after.rows.keys() - situation.disk.keys():
        hidden = any(_is_below(path, place) for place in situation.hidden)
        kept = situation.rules.on_delete == "keep" or after.rows[path].want is Want.ABSENT
        assert hidden or path in held or kept


@quick
@given(situations())
def test_a_settled_place_has_an_empty_plan(situation: Situation) -> None:
    """What was carried out is not planned again; what was held is held again, and nothing else."""
    plan = situation.plan()
    again = carried_out(situation, plan).plan()
    assert again.applicable == ()
    assert {*again.changes} <= {change for change in plan.changes if plan.is_held(change)}


@quick
@given(situations(), st.integers(1, 12))
def test_order_does_not_matter(situation: Situation, turn: int) -> None:
    """In whatever order a directory shows its files, the same is done and the same is held."""
    one, other = situation.plan(), situation.plan(turn)
    assert {*one.changes} == {*other.changes}
    assert (one.holds, one.unknown) == (other.holds, other.unknown)
    assert {*one.applicable} == {*other.applicable}


@quick
@given(situations())
def test_what_a_plan_may_speak_of(situation: Situation) -> None:
    """A change is of a file that was met, a drop of one that was not; only drops are held."""
    plan = situation.plan()
    for change in plan.changes:
        match change:
            case Put(seen=seen):
                assert situation.disk[seen.key.path] == seen
            case Skip(skipped=skipped):
                assert situation.disk[skipped.key.path] == skipped
            case Drop(key=key):
                assert key.path in situation.rows
                assert key.path not in situation.disk
                assert not any(_is_below(key.path, place) for place in situation.hidden)
            case Move():
                raise AssertionError("nothing was said to have moved")
    held = [change for change in plan.changes if change not in plan.applicable]
    assert all(isinstance(change, Drop) for change in held)
    assert not held or plan.holds


@quick
@given(situations())
def test_nothing_is_dropped_while_the_root_is_away(situation: Situation) -> None:
    """Whatever is allowed or approved: of a folder that cannot be looked at, nothing goes."""
    gone = replace(situation, disk={}, hidden=frozenset({""}))
    assert gone.plan().changes == ()
