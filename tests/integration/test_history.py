"""The history in the ledger: batches, what is told again, ages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kbsync.engine import Event, Happened
from kbsync.engine.recording import QUIET_SECONDS, Recorder
from kbsync.errors import LedgerError
from kbsync.ledger import PRUNE_AT_ONCE, Happening, Ledger
from kbsync.model import Key, Put, Seen, Stamp

SENT = Event(Happened.SENT, "docs", "a.md", "new")
HELD = Event(Happened.HELD, "docs", "", "7 of 9 files are missing")


class Clock:
    """Time that goes when it is told to."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        yield ledger


def test_nothing_is_written_before_it_is_asked_for(ledger: Ledger) -> None:
    """Telling costs no transaction: many events are written by one call."""
    recorder = Recorder(ledger, Clock())
    for _ in range(1_200):
        recorder.note(SENT)
    assert ledger.last_event() == 0
    assert recorder.write() == 1_200
    assert ledger.last_event() == 1_200
    assert recorder.write() == 0


def test_what_could_not_be_written_waits(ledger: Ledger) -> None:
    """After a failure, the next call writes everything, in order."""
    recorder = Recorder(ledger, Clock())
    recorder.note(SENT)
    recorder.note(HELD)
    with ledger.store.transaction() as db:
        db.execute("ALTER TABLE events RENAME TO away")
    with pytest.raises(LedgerError):
        recorder.write()
    with ledger.store.transaction() as db:
        db.execute("ALTER TABLE away RENAME TO events")
    assert recorder.write() == 2
    assert [event.happened for event in ledger.events(9)] == ["held", "sent"]


def test_a_standing_hold_is_not_told_at_every_scan(ledger: Ledger) -> None:
    """The same hold is kept once in hours; a changed one at once."""
    clock = Clock()
    recorder = Recorder(ledger, clock)
    for seconds in (0, 900, 900, 6 * 3600):
        clock.now += seconds
        recorder.note(HELD)
        recorder.write()
    recorder.note(Event(Happened.HELD, "docs", "", "8 of 9 files are missing"))
    recorder.write()
    assert [event.at for event in reversed(ledger.events(9))] == [1_000.0, 24_400.0, 24_400.0]


def test_a_run_of_the_service_ends_when_it_is_quiet(ledger: Ledger) -> None:
    """It is from the first work to the last, whenever that was written; what is told is no work."""
    clock = Clock()
    recorder = Recorder(ledger, clock)
    recorder.note(HELD)
    recorder.write()
    assert ledger.runs(9) == []
    recorder.note(SENT)
    clock.now += 3
    recorder.note(SENT)
    recorder.note(Event(Happened.TOLD, "", "", "somebody"))
    clock.now += 1
    recorder.write()
    clock.now += QUIET_SECONDS - 2
    recorder.write()
    assert ledger.runs(9)[0].ended_at is None
    clock.now += 1
    recorder.write()
    (run,) = ledger.runs(9)
    assert (run.kind, run.started_at, run.ended_at) == ("service", 1_000.0, 1_003.0)
    assert (run.folders, run.counts, run.result) == (("docs",), {"sent": 2}, "done")


def test_how_long_a_file_took(ledger: Ledger) -> None:
    """From the first unfulfilled wish to searchable, however often it was wished again."""
    stamp = Stamp(1, 2, 3, 4, 5)
    put = Put(Seen(Key("docs", "a.md"), stamp), "new")
    ledger.observe([put], 100.0)
    ledger.observe([put], 130.0)
    ledger.keep([Happening(160.0, put.seen.key, "indexed", "")], None)
    ledger.keep([Happening(160.0, put.seen.key, "sent", "")], None)
    assert [event.seconds for event in ledger.events(9)] == [None, 60.0]
    assert ledger.oldest_pending("docs") == 100.0


def test_old_events_go_a_part_at_a_time(ledger: Ledger) -> None:
    """Pruning deletes what is older than the limit, in parts, and runs with it."""
    key = Key("docs", "a.md")
    ledger.update_run(ledger.begin_run("reconcile", 0.0), ["docs"], {"sent": 9}, 9.0, "done")
    ledger.keep([Happening(float(at), key, "sent", "") for at in range(PRUNE_AT_ONCE + 10)], None)
    assert ledger.prune(PRUNE_AT_ONCE + 5.0) == PRUNE_AT_ONCE
    assert ledger.prune(PRUNE_AT_ONCE + 5.0) == 5
    assert [event.at for event in ledger.events(9)] == [PRUNE_AT_ONCE + n for n in (9, 8, 7, 6, 5)]
    assert ledger.runs(9) == []


def test_names_that_are_no_text(ledger: Ledger) -> None:
    """A name that is not UTF-8 is kept as it is on disk, and found again."""
    key = Key("docs", "d/caf\udce9.md")
    ledger.keep([Happening(1.0, key, "sent", "")], None)
    assert [event.key for event in ledger.events(9, of=key)] == [key]
    assert [event.key for event in ledger.events(9, of=Key("docs", ""))] == [key]
