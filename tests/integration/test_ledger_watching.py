"""How the ledger counts the time for which documents in flight have been silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from kbsync.ledger import Ledger
from kbsync.model import Key, Put, Remote, Seen, Stamp, State, Version

KEY = Key("docs", "a.md")
STAMP = Stamp(10, 1_000, 1_001, 7, 1)
A, B = Version("a" * 64, "r1"), Version("b" * 64, "r1")
DAY = 86_400.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger with one document in flight."""
    path = tmp_path / "ledger.db"
    with Ledger.open(path) as ledger:
        send(ledger, "doc-a", A)
    return path


def send(ledger: Ledger, document: str, version: Version) -> None:
    ledger.observe([Put(Seen(KEY, STAMP), "new")], 1.0)
    job = ledger.claim(2.0, ["docs"])
    assert job is not None
    ledger.sent(job, Remote("ds", document, document), version, STAMP, 3.0)


def silence(path: Path, times: list[float], most: float = 60.0) -> float:
    """For how long the document has been silent after looks at these times, each by a new process.

    At the first of them it moved.
    """
    for number, now in enumerate(times):
        with Ledger.open(path) as ledger:
            flight = ledger.in_flight(["docs"])[0]
            watch = ledger.watch({KEY: "waiting"} if number == 0 else {}, (), now, most)
    return watch.seconds - (flight.since or 0.0)


@pytest.mark.parametrize(
    ("times", "silent"),
    [
        ([1000, 1010, 1025], 25),
        ([1000, 1010, 1010.5, 1025], 25),
        ([1000, 1000 + DAY, 1030 + DAY], 90),  # a step forward, or a night without kbsync
        ([1000, 1020, 1030 - DAY, 1045 - DAY], 35),  # a step back
    ],
)
def test_seconds_of_watching(path: Path, times: list[float], silent: float) -> None:
    """Pauses are added up over processes, a long one up to a limit, a step back as nothing."""
    assert silence(path, times) == pytest.approx(silent)


def test_made_again_once(path: Path) -> None:
    """A stuck document goes before its file is sent again; other content gets a first try."""
    with Ledger.open(path) as ledger:
        flight = ledger.in_flight(["docs"])[0]
        assert ledger.start_again(KEY, flight.remote, "no progress", 10.0)
        assert ledger.claim(11.0, ["docs"]) is None
        leftover = ledger.leftover("doc-a")
        assert leftover is not None
        ledger.leftover_gone(leftover)
        job = ledger.claim(12.0, ["docs"])
        assert job is not None
        ledger.sent(job, Remote("ds", "doc-b", "b"), A, STAMP, 13.0)
        assert ledger.in_flight(["docs"])[0].again
        send(ledger, "doc-c", B)
        assert not ledger.in_flight(["docs"])[0].again


def test_given_up_and_finished_after_all(path: Path) -> None:
    """A document that was parked as stuck is still asked about, and completes its row."""
    with Ledger.open(path) as ledger:
        first = ledger.in_flight(["docs"])[0]
        ledger.start_again(KEY, first.remote, "no progress", 10.0)
        assert ledger.recover() == 0  # the process ended before the deletion: it is made up for
        send(ledger, "doc-b", A)
        second = ledger.in_flight(["docs"])[0]
        assert second.again
        assert ledger.rejected(KEY, second.remote, "stuck twice", 20.0)
        parked = ledger.in_flight(["docs"])[0]
        assert parked.parked
        assert ledger.indexed(KEY, parked.remote, 1, 30.0)
        record = ledger.record(KEY)
        assert record is not None
        assert (record.state, record.error, record.parked) == (State.COMPLETED, None, None)


def test_what_was_finished_before_the_clock_was_set_back(path: Path) -> None:
    """A document that was sent by a clock that was ahead overtakes none that is sent after it."""
    with Ledger.open(path) as ledger:
        assert ledger.watch({}, [1000.0], 1010.0, 60.0).front == 1000.0
        assert ledger.watch({}, [1005.0], 500.0, 60.0).front == 0.0
        assert ledger.watch({}, [495.0], 510.0, 60.0).front == 495.0
