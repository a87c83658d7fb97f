"""How much SQLite does for what concerns a few rows, among few others and among many."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kbsync.ledger import Ledger
from kbsync.model import Drop, Key, Put, Remote, Seen, Stamp, State, Version
from kbsync.service.reporter import Reporter

FOLDERS = ["docs"]


def fill(ledger: Ledger, others: int) -> None:
    """Many finished files, and one of each kind of work."""
    keys = [Key("docs", f"{number // 10}/{number}.md") for number in range(others)]
    work = [Key("docs", f"work/{name}.md") for name in ("sending", "indexing", "gone", "waits")]
    stamp = Stamp(10, 1_000, 1_001, 7, 1)
    ledger.observe([Put(Seen(key, stamp), "new") for key in keys], 1.0)
    ledger.store.rows(
        "UPDATE files SET state = 'completed', recipe = 'r', described = 1, live_dataset = 'd',"
        " live_document = path, live_name = path, live_batch = 'b'"
    )
    ledger.observe([Put(Seen(key, stamp), "new") for key in work[:3]], 2.0)
    for name in ("of sending", "of indexing", "of gone"):
        job = ledger.claim(3.0, FOLDERS)
        assert job is not None
        if "sending" not in job.key.path:
            remote = Remote("d", name, name, "b")
            ledger.sent(job, remote, Version("a" * 64, "r"), stamp, 4.0)
    ledger.observe([Put(Seen(work[3], stamp), "new"), Drop(work[2], "gone")], 5.0, drop_at=1e9)


def steps(ledger: Ledger, ask: Callable[[Ledger], object]) -> int:
    """How many of SQLite's instructions a question takes, in tens."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    connection = ledger.store._connection
    connection.set_progress_handler(count, 10)
    ask(ledger)
    connection.set_progress_handler(None, 0)
    return counted


@pytest.mark.parametrize(
    "ask",
    [
        lambda ledger: ledger.claim(6.0, FOLDERS, max_indexing=100),
        lambda ledger: ledger.claim(6.0, FOLDERS, max_indexing=1),
        lambda ledger: ledger.next_due(FOLDERS, max_indexing=100),
        lambda ledger: ledger.next_due(FOLDERS, max_indexing=1),
        lambda ledger: ledger.take_leftover(6.0, FOLDERS),
        lambda ledger: ledger.in_flight(FOLDERS),
        lambda ledger: ledger.undescribed("docs"),
        lambda ledger: ledger.leaving(FOLDERS),
        lambda ledger: ledger.approved("docs"),
        lambda ledger: ledger.unfinished("docs"),
        lambda ledger: ledger.oldest_pending("docs"),
        lambda ledger: list(ledger.known("docs", lambda _: "r", "work")),
        lambda ledger: ledger.trash("docs"),
        lambda ledger: ledger.troubles("docs"),
        lambda ledger: ledger.skipped("docs"),
    ],
    ids=[
        "claim",
        "claim with a full indexer",
        "next_due",
        "next_due with a full indexer",
        "take_leftover",
        "in_flight",
        "undescribed",
        "leaving",
        "approved",
        "unfinished",
        "oldest_pending",
        "known below",
        "trash",
        "troubles",
        "skipped",
    ],
)
def test_a_few_among_many(tmp_path: Path, ask: Callable[[Ledger], object]) -> None:
    """What the service asks again and again costs the same however many files are finished."""
    counted = []
    for others in (10, 2000):
        with Ledger.open(tmp_path / f"{others}.db") as ledger:
            fill(ledger, others)
            counted.append(steps(ledger, ask))
    assert counted[1] <= counted[0] + 5, counted


def test_counts_read_no_finished_row(tmp_path: Path) -> None:
    """Counts go through an index, and look at the rows of unfinished files only."""
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        fill(ledger, 2000)
        index = "SELECT count(*) FROM files INDEXED BY files_by_kind WHERE folder = 'docs'"
        entries = steps(ledger, lambda ledger: ledger.store.rows(index))
        assert steps(ledger, lambda ledger: ledger.counts("docs")) < entries + 50
        assert ledger.counts("docs")[State.COMPLETED] == 2000
        assert ledger.tallies() == {
            "docs": {"completed": 2000, "sending": 1, "indexing": 1, "deleting": 1, "pending": 1}
        }
        assert ledger.kinds_of("none") == {}


def test_of_no_folder(tmp_path: Path) -> None:
    """While every folder is refused there is nothing to do, and nothing goes wrong."""
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        fill(ledger, 10)
        assert ledger.claim(6.0, [], max_indexing=1) is None
        assert ledger.next_due([], max_indexing=1) is None
        assert ledger.take_leftover(6.0, []) is None
        assert ledger.in_flight([]) == []
        assert ledger.leaving([]) == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda ledger: ledger.tallies(),
        lambda ledger: ledger.counts("docs"),
        lambda ledger: ledger.signature(),
        lambda ledger: ledger.oldest_pending("docs"),
        lambda ledger: ledger.trash("docs"),
        lambda ledger: ledger.complaints(FOLDERS, 100),
        lambda ledger: ledger.files(5),
        lambda ledger: ledger.files(5, kinds=["completed", "pending"]),
        lambda ledger: ledger.files(5, kinds=["completed"], after=Key("docs", "0/3.md")),
    ],
)
def test_what_people_look_at(tmp_path: Path, ask: Callable[[Ledger], object]) -> None:
    """A look at the status, and at the first page of a list, costs the same for many files."""
    counted = []
    for others in (20, 2000):
        with Ledger.open(tmp_path / f"{others}.db") as ledger:
            fill(ledger, others)
            counted.append(steps(ledger, ask))
    assert counted[1] <= counted[0] + 5, counted


def test_what_the_service_tells_of_itself(tmp_path: Path) -> None:
    """After a change, the rows are counted anew."""
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        fill(ledger, 20)
        now = 0.0
        news: dict[str, object] = {"pid": 1}
        reporter = Reporter(ledger, FOLDERS, lambda: news, lambda _: None, lambda: now)
        reporter.step()
        before, now = reporter.counts, now + 5
        reporter.step()
        assert reporter.counts == before
        ledger.observe(
            [Put(Seen(Key("docs", "new.md"), Stamp(10, 1_000, 1_001, 7, 1)), "new")], 7.0
        )
        now += 5
        reporter.step()
        assert reporter.counts != before


def test_news_are_no_changes(tmp_path: Path) -> None:
    """What a service only tells of itself makes neither a backup due nor anything to be counted."""
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        fill(ledger, 10)
        assert ledger.back_up_if_due(time.time())
        before = ledger.revision()
        for number in range(1100):
            ledger.publish("service", str(number))
        assert ledger.revision() == before
        assert not ledger.back_up_if_due(time.time())
        with Ledger.visit(tmp_path / "ledger.db") as visitor:
            visitor.hasten(FOLDERS)
        assert ledger.revision() != before
