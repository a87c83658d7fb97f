"""The planner's decisions, as a table and as properties."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbsync.model import (
    Change,
    Drop,
    Key,
    Move,
    Problem,
    Processing,
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
from kbsync.plan import GONE, FolderPlan, Rules, backoff, decide, is_over, plan_folder
from kbsync.recipes import recipe

KEY = Key("docs", "a.md")
STAMP = Stamp(10, 1_000, 1_000, 7, 1)
LATER = STAMP._replace(mtime_ns=2_000)


def always(recipe: str) -> Callable[[str], str]:
    return lambda _: recipe


RULES = Rules(always("r1"))
VERSION = Version("s1", "r1")
LIVE = Remote("d", "doc-1", "a [x].md")


def row(
    state: State = State.COMPLETED,
    *,
    want: Want = Want.PRESENT,
    stamp: Stamp | None = STAMP,
    version: Version | None = VERSION,
    live: Remote | None = LIVE,
    error: str | None = None,
    parked: Version | None = None,
    key: Key = KEY,
) -> Record:
    return Record(key, want, state, 1, stamp, version, live, error=error, parked=parked)


def says(change: Change | None) -> str:
    match change:
        case None:
            return "nothing"
        case Put(reason=reason):
            return f"put: {reason}"
        case Drop(reason=reason):
            return f"drop: {reason}"
        case Skip(skipped=skipped):
            return f"skip: {skipped.reason}"
        case Move(old=old):
            return f"move: {old.path}"


TABLE: list[tuple[str, Seen | Skipped | None, Record | None, Rules, str]] = [
    ("a file without a row is new", Seen(KEY, STAMP), None, RULES, "put: new"),
    ("an equal stamp is left alone", Seen(KEY, STAMP), row(), RULES, "nothing"),
    (
        "another modification time is looked into",
        Seen(KEY, LATER),
        row(),
        RULES,
        "put: modified",
    ),
    (
        "another size is named",
        Seen(KEY, STAMP._replace(size=11)),
        row(),
        RULES,
        "put: size 10 -> 11",
    ),
    (
        "another inode alone is looked into",
        Seen(KEY, STAMP._replace(inode=8)),
        row(),
        RULES,
        "put: metadata changed",
    ),
    (
        "a row without a stamp is read again",
        Seen(KEY, STAMP),
        row(stamp=None),
        RULES,
        "put: to be read again",
    ),
    (
        "another recipe sends the same content again",
        Seen(KEY, STAMP),
        row(),
        Rules(always("r2")),
        "put: settings changed",
    ),
    (
        "a changed recipe already enqueued is not enqueued twice",
        Seen(KEY, STAMP),
        row(State.PENDING),
        Rules(always("r2")),
        "nothing",
    ),
    (
        "a full run looks into settled files",
        Seen(KEY, STAMP),
        row(),
        Rules(always("r1"), hash_all=True),
        "put: checked by content",
    ),
    ("a file being indexed is left alone", Seen(KEY, STAMP), row(State.INDEXING), RULES, "nothing"),
    (
        "an edit during indexing is looked into",
        Seen(KEY, LATER),
        row(State.INDEXING),
        RULES,
        "put: modified",
    ),
    (
        "a parked file is not sent again by itself",
        Seen(KEY, STAMP),
        row(State.FAILED, error="too large"),
        RULES,
        "nothing",
    ),
    (
        "a parked file is sent when the settings change",
        Seen(KEY, STAMP),
        row(State.FAILED, version=None, parked=Version("s1", "r0"), live=None),
        RULES,
        "put: settings changed",
    ),
    (
        "a file whose deletion was planned comes back",
        Seen(KEY, STAMP),
        row(State.PENDING, want=Want.ABSENT),
        RULES,
        "put: came back",
    ),
    (
        "a file skipped before can be sent now",
        Seen(KEY, STAMP),
        row(State.SKIPPED, live=None),
        RULES,
        "put: can be sent now",
    ),
    ("a missing file is dropped", None, row(), RULES, f"drop: {GONE}"),
    (
        "a missing file stays where the policy is to keep",
        None,
        row(),
        Rules(always("r1"), on_delete="keep"),
        "nothing",
    ),
    (
        "a missing file that never had a document leaves the ledger even then",
        None,
        row(State.SKIPPED, live=None),
        Rules(always("r1"), on_delete="keep"),
        f"drop: {GONE}",
    ),
    ("a drop is planned once", None, row(State.PENDING, want=Want.ABSENT), RULES, "nothing"),
    ("nothing known and nothing there is nothing", None, None, RULES, "nothing"),
    (
        "an unsendable file is noted",
        Skipped(KEY, STAMP, "an empty file"),
        None,
        RULES,
        "skip: an empty file",
    ),
    (
        "the same reason is noted once",
        Skipped(KEY, STAMP, "an empty file"),
        row(State.SKIPPED, live=None, error="an empty file"),
        RULES,
        "nothing",
    ),
    (
        "a file that was emptied is noted, its document is not dropped",
        Skipped(KEY, LATER, "an empty file"),
        row(),
        RULES,
        "skip: an empty file",
    ),
    (
        "an emptied file with a live document is noted once",
        Skipped(KEY, STAMP, "an empty file"),
        row(
            State.FAILED,
            error="an empty file; the version indexed before still answers",
        ),
        RULES,
        "nothing",
    ),
]


@pytest.mark.parametrize(("seen", "record", "rules", "expected"), [case[1:] for case in TABLE])
def test_decisions(
    seen: Seen | Skipped | None, record: Record | None, rules: Rules, expected: str
) -> None:
    """Each row of the table is decided as it says."""
    assert says(decide(seen, record, rules)) == expected


def folder_of(count: int, *, gone: int, **rules: float) -> FolderPlan:
    """A settled folder of `count` files of which the last `gone` are missing."""
    rows = [row(key=Key("docs", f"{number}.md")) for number in range(count)]
    return plan_folder(
        [],
        rows[count - gone :],
        {},
        known=count,
        present=count - gone,
        folder="docs",
        rules=Rules(always("r1"), **rules),  # type: ignore[arg-type]  # by name below
    )


@pytest.mark.parametrize(
    ("count", "gone", "held"),
    [
        (3, 2, None),
        (1, 1, None),
        (2, 2, "emptied"),
        (20, 9, None),
        (20, 10, None),
        (20, 11, "percent"),
        (1000, 100, None),
        (1000, 101, "count"),
        (1000, 1000, "emptied"),
    ],
)
def test_deletion_limits(count: int, gone: int, held: str | None) -> None:
    """Deletions beyond a limit are held, all of them, and those within are not."""
    plan = folder_of(count, gone=gone)
    assert [hold.rule for hold in plan.holds] == ([held] if held else [])
    assert len(plan.applicable) == (0 if held else gone)
    assert len(plan.changes) == gone


def test_a_folder_emptied_during_its_first_sync() -> None:
    """Files that were not sent yet count as well: the one document of many files is held."""
    waiting = [row(State.PENDING, key=Key("docs", f"{n}.md"), live=None) for n in range(5)]
    plan = plan_folder(
        (), [row(), *waiting], {}, known=1, present=0, folder="docs", rules=Rules(always("r1"))
    )
    assert [hold.rule for hold in plan.holds] == ["emptied"]
    assert plan.applicable == ()


def test_released_deletions() -> None:
    """With allow_delete the same deletions are applicable."""
    plan = folder_of(1000, gone=1000, allow_delete=True)
    assert plan.holds == ()
    assert len(plan.applicable) == 1000


def test_documents_of_files_that_were_never_here() -> None:
    """However few they are, they are held until they are approved; one out of service is not."""
    strangers = [
        row(State.PENDING, key=Key("docs", f"{number}.md"), stamp=None, version=None)
        for number in range(2)
    ]
    shelved = replace(strangers[0], key=Key("docs", "shelved.md"), shelved="disabled")

    def held(rows: list[Record], approved: set[str]) -> list[str]:
        plan = plan_folder(
            [], rows, {}, known=9, present=7, approved=approved, folder="docs", rules=RULES
        )
        return [hold.rule for hold in plan.holds]

    assert held(strangers, set()) == ["stranger"]
    assert held(strangers, {"0.md"}) == ["stranger"]
    assert held(strangers, {"0.md", "1.md"}) == []
    assert held([shelved, row(key=Key("docs", "known.md"))], set()) == []


def test_directories_that_nobody_can_look_at() -> None:
    """While there is one, what seems to be gone may be there: it is held until it is approved."""
    closed = [Problem("docs", "d", "denied", is_directory=True)]

    def held(**more: Any) -> list[str]:
        plan = plan_folder([], [row()], {}, known=9, folder="docs", rules=RULES, **more)
        return [f"{hold.rule}: {hold.reason}" for hold in plan.holds]

    [told] = held(problems=closed, closed=closed, present=0)
    assert told.startswith("unknown: d/ cannot be looked at (denied): files")
    [told] = held(
        closed=[*closed, Problem("docs", "caf\udce9", "denied", is_directory=True)], present=5
    )
    assert "and 1 other place not either" in told
    assert held(closed=closed, approved=["a.md"], present=5) == []
    assert held(problems=[Problem("docs", "b.md", "denied")], present=5) == []


def test_approved_deletions() -> None:
    """What a person released goes; what went missing besides is held by its own number."""
    rows = [row(key=Key("docs", f"{number}.md")) for number in range(300)]
    for approved, released, held in ((0, 0, 300), (150, 150, 150), (200, 300, 0)):
        paths = {record.key.path for record in rows[:approved]}
        plan = plan_folder(
            (),
            rows,
            {},
            known=1000,
            present=700,
            approved=paths,
            folder="docs",
            rules=Rules(always("r1")),
        )
        assert len(plan.applicable) == released
        assert sum(hold.count for hold in plan.holds) == held


@pytest.mark.parametrize(
    ("rules", "now", "purged"),
    [
        ({"trash_days": 30}, 99.0, False),
        ({"trash_days": 30}, 100.0, True),
        ({}, 100.0, True),
        ({"on_delete": "disable"}, 100.0, False),
        ({"on_delete": "keep"}, 100.0, False),
    ],
)
def test_purging(rules: dict[str, object], now: float, purged: bool) -> None:
    """A document out of service is deleted once its days are over, and counts towards no limit."""
    rows = [
        replace(
            row(key=Key("docs", f"{number}.md"), want=Want.ABSENT),
            shelved="disabled",
            purge_at=100.0,
        )
        for number in range(300)
    ]
    plan = plan_folder(
        (),
        rows,
        {},
        known=700,
        present=700,
        folder="docs",
        rules=Rules(always("r1"), now=now, **rules),  # type: ignore[arg-type]  # by name above
    )
    assert plan.holds == ()
    assert len(plan.applicable) == (300 if purged else 0)


def test_a_place_that_could_not_be_looked_at() -> None:
    """It hides all below it, even when nobody could see whether it is a directory."""
    paths = ("guides/a.md", "guides/deep/b.md", "guides.md", "guides", "other/c.md")
    plan = plan_folder(
        (),
        [row(key=Key("docs", path)) for path in paths],
        {},
        problems=[Problem("docs", "guides", "Input/output error")],
        known=20,
        present=15,
        folder="docs",
        rules=Rules(always("r1")),
    )
    assert [says(change) for change in plan.changes] == [
        says(Drop(Key("docs", path), GONE)) for path in ("guides.md", "other/c.md")
    ]
    assert plan.unknown == 3


def test_missing_root_is_never_released() -> None:
    """A root that cannot be looked at makes everything unknown, whatever was allowed."""
    rows = [row(key=Key("docs", f"{number}.md")) for number in range(5)]
    plan = plan_folder(
        [],
        rows,
        {},
        problems=[Problem("docs", "", "does not exist", is_directory=True)],
        known=5,
        present=0,
        folder="docs",
        rules=Rules(always("r1"), allow_delete=True),
    )
    assert plan.changes == ()
    assert plan.unknown == 5
    assert [hold.rule for hold in plan.holds] == ["root"]


def test_other_device_holds_only_deletions() -> None:
    """A root on another device holds deletions and lets uploads through."""
    plan = plan_folder(
        [Seen(Key("docs", "new.md"), STAMP._replace(inode=99))],
        [row()],
        {},
        known=1,
        present=1,
        moved_root="another device",
        folder="docs",
        rules=RULES,
    )
    assert [hold.rule for hold in plan.holds] == ["device"]
    assert [says(change) for change in plan.applicable] == ["put: new"]


def test_moved_files_are_no_deletions() -> None:
    """A folder renamed inside the root trips no limit: its files arrive as they leave."""
    old = [
        row(key=Key("docs", f"old/{number}.md"), stamp=STAMP._replace(inode=number))
        for number in range(200)
    ]
    new = [
        Seen(Key("docs", f"new/{number}.md"), STAMP._replace(inode=number)) for number in range(200)
    ]
    moves = [Move(record.key, seen) for record, seen in zip(old, new, strict=True)]
    plan = plan_folder(
        new, old, {}, known=200, present=200, moves=moves, folder="docs", rules=RULES
    )
    assert plan.holds == ()
    assert list(plan.changes) == moves
    assert plan.applicable == plan.changes


def test_an_uncertain_move_counts_as_a_deletion() -> None:
    """Files that only an inode calls moved are new files while deletions are held."""
    old = [row(key=Key("docs", f"old/{number}.md")) for number in range(200)]
    new = [Seen(Key("docs", f"new/{number}.md"), LATER) for number in range(200)]
    moves = [Move(record.key, seen, edited=True) for record, seen in zip(old, new, strict=True)]
    plan = plan_folder(
        new, old, {}, known=200, present=200, moves=moves, folder="docs", rules=RULES
    )
    assert [(hold.rule, hold.count) for hold in plan.holds] == [("count", 200)]
    assert plan.applicable == tuple(Put(seen, "new") for seen in new)


def test_a_move_across_folders_belongs_to_both() -> None:
    """The folder that a file left has no drop, and the one it came to has the move."""
    move = Move(KEY, Seen(Key("other", "b.md"), STAMP))
    here = plan_folder(
        [], [row()], {}, known=1, present=0, moves=[move], folder="docs", rules=RULES
    )
    there = plan_folder(
        [move.seen], [], {}, known=0, present=1, moves=[move], folder="other", rules=RULES
    )
    assert (here.changes, here.holds) == ((), ())
    assert there.changes == (move,)


paths = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=3).map("/".join)


@given(known=st.sets(paths), broken=st.sets(paths))
def test_unknown_never_becomes_deleted(known: set[str], broken: set[str]) -> None:
    """Nothing at or below an unreadable directory is dropped, and everything else is."""
    rows = [row(key=Key("docs", path)) for path in sorted(known)]
    problems = [Problem("docs", path, "cannot be read", is_directory=True) for path in broken]
    plan = plan_folder(
        [],
        rows,
        {},
        problems=problems,
        known=len(rows),
        present=1,
        folder="docs",
        rules=Rules(always("r1"), allow_delete=True),
    )
    dropped = {change.key.path for change in plan.changes if isinstance(change, Drop)}
    hidden = {
        path
        for path in known
        if any(path == prefix or path.startswith(prefix + "/") for prefix in broken)
    }
    assert dropped == known - hidden
    assert plan.unknown == len(hidden)


@given(count=st.integers(2, 300), gone=st.integers(0, 300), arrived=st.integers(0, 5))
def test_a_hold_never_contains_an_upload(count: int, gone: int, arrived: int) -> None:
    """Whatever is held, every new file may be sent, and held drops are none of the applicable."""
    rows = [row(key=Key("docs", f"{number}.md")) for number in range(count)]
    new = [
        Seen(Key("docs", f"new{number}.md"), STAMP._replace(inode=1000 + number))
        for number in range(arrived)
    ]
    plan = plan_folder(
        new,
        rows[: min(gone, count)],
        {},
        known=count,
        present=count - min(gone, count) + arrived,
        folder="docs",
        rules=RULES,
    )
    assert sum(isinstance(change, Put) for change in plan.applicable) == arrived
    if plan.holds:
        assert not any(isinstance(change, Drop) for change in plan.applicable)


def test_recipe_depends_on_every_setting() -> None:
    """Any setting that shapes a document changes the recipe; order of keys does not."""
    base = Processing()
    others = [
        Processing(indexing_technique="economy"),
        Processing(doc_form="qa_model"),
        Processing(doc_language="German"),
        Processing(process_rule={"mode": "custom", "rules": {}}),
    ]
    assert len({recipe(base), *map(recipe, others), recipe(base, "converter 2")}) == 6
    one = recipe(Processing(process_rule={"mode": "custom", "rules": {}}))
    assert one == recipe(Processing(process_rule={"rules": {}, "mode": "custom"}))


@given(attempts=st.integers(1, 10_000), jitter=st.floats(0, 1))
def test_backoff_is_bounded(attempts: int, jitter: float) -> None:
    """Waiting grows with the attempts and never beyond a bound."""
    assert 1.5 <= backoff(attempts, jitter) <= 900 * 1.25
    assert backoff(attempts + 1, jitter) >= backoff(attempts, jitter)


@pytest.mark.parametrize(
    ("now", "over"),
    [(100.0, False), (109.9, False), (110.0, True), (99.0, True), (-1e9, True), (1e9, True)],
)
def test_a_period_is_over(now: float, over: bool) -> None:
    """Ten seconds since 100 are over at 110, and when the clock was set back before 100."""
    assert is_over(100.0, 10.0, now) is over
