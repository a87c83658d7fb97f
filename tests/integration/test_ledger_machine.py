"""The ledger beside a plain dict, through any sequence of transitions, reopened after each.

What the dict keeps of a document is where it is: live or coming of one file, or on its way out.
Whatever happens, each document that was ever made is at exactly one place, or was deleted.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kbsync.ledger import Job, Ledger
from kbsync.ledger.leftovers import Leftover
from kbsync.model import (
    Drop,
    Key,
    Move,
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

_KEYS = [Key("docs", "a.md"), Key("docs", "b/c.md"), Key("docs", "caf\udce9.md")]
_STAMPS = [Stamp(size, time, time, 2**64 - size, 1) for size in (1, 2) for time in (10, 20)]
_VERSION = Version("a" * 64, "r1")
_NOW = 1_000.0

keys, stamps = st.sampled_from(_KEYS), st.sampled_from(_STAMPS)


@dataclass(frozen=True)
class Row:
    """What the dict knows of a file."""

    want: Want
    state: State
    generation: int
    stamp: Stamp | None
    live: str | None = None
    coming: str | None = None
    intent: str | None = None
    doomed: bool = False


def row_of(record: Record) -> Row:
    """The same of a row of the ledger."""
    return Row(
        record.want,
        record.state,
        record.generation,
        record.stamp,
        None if record.live is None else record.live.document_id,
        None if record.coming is None else record.coming.document_id,
        None if record.intent is None else record.intent.name,
        record.doomed,
    )


class LedgerMachine(RuleBasedStateMachine):
    """Scans, senders and a poller take turns at three files."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="kbsync-ledger-"))
        self.ledger = Ledger.open(self.directory / "ledger.db")
        self.rows: dict[Key, Row] = {}
        self.sizes: dict[Key, int] = {}
        self.going: set[str] = set()
        self.deleted: set[str] = set()
        self.remotes: dict[str, Remote] = {}
        self.jobs: list[Job] = []
        self.sweeps: list[Leftover] = []
        self.numbers = count(1)

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.directory)

    # What a scan wants

    @rule(key=keys, stamp=stamps)
    def put(self, key: Key, stamp: Stamp) -> None:
        self.ledger.observe([Put(Seen(key, stamp), "changed")], _NOW)
        row = self.rows.get(key)
        if row is None:
            self.rows[key] = Row(Want.PRESENT, State.PENDING, 1, stamp)
        else:
            self.rows[key] = replace(_wanted(row, Want.PRESENT), stamp=stamp)

    @rule(key=keys)
    def drop(self, key: Key) -> None:
        self.ledger.observe([Drop(key, "gone")], _NOW)
        row = self.rows.get(key)
        if row is not None and (_has_document(row) or row.state is State.SENDING):
            self.rows[key] = _wanted(row, Want.ABSENT)
        else:
            self.rows.pop(key, None)

    @rule(key=keys, stamp=stamps)
    def skip(self, key: Key, stamp: Stamp) -> None:
        self.ledger.observe([Skip(Skipped(key, stamp, "empty"))], _NOW)
        self._skipped(key, stamp)

    def _skipped(self, key: Key, stamp: Stamp) -> None:
        row = self.rows.get(key)
        if row is None:
            self.rows[key] = Row(Want.PRESENT, State.SKIPPED, 1, stamp)
        elif row.state is State.SENDING:
            self.rows[key] = replace(row, generation=row.generation + 1, stamp=None)
        elif row.intent is not None or row.doomed:
            self.rows[key] = replace(_wanted(row, Want.PRESENT), stamp=None)
        else:
            self._goes(row.coming, unless=row.live)
            state = State.SKIPPED if row.live is None else State.FAILED
            wanted = _wanted(row, Want.PRESENT)
            self.rows[key] = replace(wanted, state=state, stamp=stamp, coming=None)

    @rule(old=keys, new=keys, stamp=stamps, edited=st.booleans())
    def move(self, old: Key, new: Key, stamp: Stamp, edited: bool) -> None:
        left, here = self.rows.get(old), self.rows.get(new)
        if old == new or left is None:
            return
        self.ledger.observe([Move(old, Seen(new, stamp), edited=edited)], _NOW)
        some = left.live is not None or left.coming is not None
        can_leave = some and left.state is not State.SENDING and not left.doomed
        free = here is None or (here.state is not State.SENDING and here.intent is None)
        if not (can_leave and free):
            self.rows[new] = (
                Row(Want.PRESENT, State.PENDING, 1, stamp)
                if here is None
                else replace(_wanted(here, Want.PRESENT), stamp=stamp)
            )
            return
        if here is not None:
            self._goes(here.live)
            self._goes(here.coming, unless=here.live)
        well = left.want is Want.PRESENT and left.state in {State.COMPLETED, State.INDEXING}
        self.rows[new] = Row(
            Want.PRESENT,
            left.state if well and not edited else State.PENDING,
            max(left.generation, 0 if here is None else here.generation) + 1,
            stamp,
            left.live,
            left.coming,
            left.intent,
        )
        del self.rows[old]

    # What a sender does

    @rule()
    def claim(self) -> None:
        job = self.ledger.claim(_NOW, ["docs"])
        busy = {sweep.key for sweep in self.sweeps}
        due = {
            key: row
            for key, row in self.rows.items()
            if row.state is State.PENDING and key not in busy
        }
        if job is None:
            assert not due
            return
        assert self._urgency(job.key) == min(map(self._urgency, due))
        row = self.rows[job.key]
        doomed = row.doomed or row.want is Want.ABSENT
        self.rows[job.key] = replace(row, state=State.SENDING, doomed=doomed)
        self.jobs.append(job)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        """Intend, and the answer comes, or is lost with a crash."""
        job = self._some_job(data, Want.PRESENT)
        if job is None:
            return
        name = f"name {next(self.numbers)}"
        intended = self.ledger.intend(job, "kb", name)
        assert intended == self._is_current(job)
        if not intended:
            self._released(job)
            self.jobs.remove(job)
            return
        self.rows[job.key] = replace(self.rows[job.key], intent=name)
        if data.draw(st.booleans(), label="the answer comes"):
            self._sent(job, data)

    def _sent(self, job: Job, data: st.DataObject) -> None:
        """A document was made, or the live one made over; a scan may have come in between."""
        row = self.rows[job.key]
        in_place = row.live is not None and data.draw(st.booleans(), label="in place")
        document = row.live if in_place and row.live else f"document {next(self.numbers)}"
        remote = Remote("kb", document, row.intent or "", "batch")
        self.remotes[document] = remote
        if data.draw(st.booleans(), label="edited meanwhile"):
            self.put(job.key, _STAMPS[0])
        row = self.rows[job.key]
        self.ledger.sent(job, remote, _VERSION, _STAMPS[1], _NOW)
        if row.coming not in {row.live, document}:
            self._goes(row.coming)
        live = None if row.live == document else row.live
        row = replace(row, coming=document, live=live, intent=None)
        self.rows[job.key] = row
        if self._is_current(job):
            self.rows[job.key] = replace(row, state=State.INDEXING, stamp=_STAMPS[1])
        else:
            self._released(job)
        self.jobs.remove(job)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """What a dropped row has is deleted on the server, and then its row."""
        job = self._some_job(data, Want.ABSENT)
        if job is None:
            return
        self.ledger.dropped(job)
        self.jobs.remove(job)
        row = self.rows[job.key]
        self.deleted |= {document for document in (row.live, row.coming) if document}
        if self._is_current(job):
            del self.rows[job.key]
        else:
            self._released(job)
            row = self.rows[job.key]
            self.rows[job.key] = replace(row, live=None, coming=None, intent=None, doomed=False)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), how=st.sampled_from(["release", "postpone", "park", "lose"]))
    def give_up(self, data: st.DataObject, how: str) -> None:
        """The other ways in which work on a row can end."""
        job = self._some_job(data, Want.PRESENT)
        if job is None:
            return
        self.jobs.remove(job)
        row, current = self.rows[job.key], self._is_current(job)
        match how:
            case "release":
                self.ledger.release(job)
            case "postpone":
                self.ledger.postpone(job, "server away", _NOW)
            case "park":
                self.ledger.park(job, "refused", _VERSION, _STAMPS[1], _NOW)
            case _:
                self.ledger.lose(job, _NOW)
        if not current or how in {"release", "postpone"}:
            self._released(job)
        elif how == "park":
            parked = replace(row, state=State.FAILED, stamp=_STAMPS[1], intent=None)
            self.rows[job.key] = parked
        elif _has_document(row_of(job.record)):
            stamp = row.stamp and row.stamp._replace(ctime_ns=-1)
            state = State.COMPLETED if row.coming is None else State.INDEXING
            self.rows[job.key] = replace(row, state=state, stamp=stamp)
        else:
            del self.rows[job.key]

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), same_as=st.sampled_from(["live", "coming"]))
    def find_the_same(self, data: st.DataObject, same_as: str) -> None:
        """The file has a document's content; it counts if the row still has the documents read."""
        job = self._some_job(data, Want.PRESENT)
        if job is None or (same_as == "coming" and job.record.coming is None):
            return
        self.jobs.remove(job)
        row, read = self.rows[job.key], row_of(job.record)
        counts = self._is_current(job) and (row.live, row.coming) == (read.live, read.coming)
        if same_as == "live":
            self.ledger.unchanged(job, _VERSION, _STAMPS[1], _NOW)
        else:
            self.ledger.still_indexing(job, _VERSION, _STAMPS[1], _NOW)
        if not counts:
            self._released(job)
        elif same_as == "coming":
            self.rows[job.key] = replace(row, state=State.INDEXING, stamp=_STAMPS[1])
        else:
            self._goes(row.coming, unless=row.live)
            done = replace(row, state=State.COMPLETED, stamp=_STAMPS[1], coming=None)
            self.rows[job.key] = done

    # What the server says of documents

    @rule(key=keys)
    def indexed(self, key: Key) -> None:
        row = self.rows.get(key)
        if row is None or row.coming is None:
            return
        completed = self.ledger.indexed(key, self.remotes[row.coming], 1, _NOW)
        self._goes(row.live, unless=row.coming)
        state = State.COMPLETED if completed else row.state
        assert completed == (row.state in {State.INDEXING, State.FAILED})
        self.rows[key] = replace(row, live=row.coming, coming=None, state=state)

    @rule(key=keys)
    def rejected(self, key: Key) -> None:
        row = self.rows.get(key)
        if row is None or row.coming is None:
            return
        rejected = self.ledger.rejected(key, self.remotes[row.coming], "no text", _NOW)
        assert rejected == (row.state is State.INDEXING)
        self.rows[key] = replace(row, state=State.FAILED if rejected else row.state)

    @rule(key=keys)
    def vanished(self, key: Key) -> None:
        row = self.rows.get(key)
        if row is None or row.coming is None:
            return
        assert self.ledger.vanished(key, self.remotes[row.coming], _NOW)
        self.deleted.add(row.coming)
        state = State.PENDING if row.state is State.INDEXING else row.state
        self.rows[key] = replace(row, coming=None, state=state)

    # What must still go

    @rule()
    def take_leftover(self) -> None:
        sweep = self.ledger.take_leftover(_NOW, ["docs"])
        if sweep is not None:
            row = self.rows.get(sweep.key)
            assert row is None or row.state is not State.SENDING
            self.sweeps.append(sweep)

    @precondition(lambda self: self.sweeps)
    @rule(deleted=st.booleans())
    def end_leftover(self, deleted: bool) -> None:
        sweep = self.sweeps.pop()
        if deleted:
            self.ledger.leftover_gone(sweep)
            self.going.discard(sweep.remote.document_id)
            self.deleted.add(sweep.remote.document_id)
        else:
            self.ledger.leftover_kept(sweep, "server away", _NOW)

    # The end of the process

    @rule()
    def crash(self) -> None:
        sending = sum(row.state is State.SENDING for row in self.rows.values())
        self.jobs.clear()
        self.sweeps.clear()
        self._reopen()
        assert self.ledger.recover() == sending
        self.rows = {
            key: replace(row, state=State.PENDING) if row.state is State.SENDING else row
            for key, row in self.rows.items()
        }

    @invariant()
    def the_same_after_reopening(self) -> None:
        self._reopen()
        kept = self.ledger.everything("docs")
        assert {record.key: row_of(record) for record in kept.values()} == self.rows
        assert self.ledger.going("kb") == self.going
        # Of a file whose stamp is not believed any more, the size is still good for the order.
        self.sizes |= {key: row.stamp.size for key, row in self.rows.items() if row.stamp}

    @invariant()
    def what_is_followed_has_a_document(self) -> None:
        for row in self.rows.values():
            assert row.state is not State.INDEXING or row.coming is not None

    @invariant()
    def each_document_is_at_one_place(self) -> None:
        places = [one for row in self.rows.values() for one in {row.live, row.coming} if one]
        places += self.going
        assert len(places) == len(set(places))
        assert {*places} | self.deleted == self.remotes.keys()
        assert not self.deleted & {*places}

    def _reopen(self) -> None:
        self.ledger.close()
        self.ledger = Ledger.open(self.directory / "ledger.db")

    def _some_job(self, data: st.DataObject, want: Want) -> Job | None:
        jobs = [job for job in self.jobs if job.record.want is want]
        return data.draw(st.sampled_from(jobs), label="job") if jobs else None

    def _is_current(self, job: Job) -> bool:
        row = self.rows[job.key]
        return row.generation == job.record.generation and row.state is State.SENDING

    def _released(self, job: Job) -> None:
        row = self.rows[job.key]
        if row.state is State.SENDING:
            self.rows[job.key] = replace(row, state=State.PENDING)

    def _urgency(self, key: Key) -> tuple[bool, int]:
        return self.rows[key].want is Want.ABSENT, self.sizes[key]

    def _goes(self, document: str | None, *, unless: str | None = None) -> None:
        if document is not None and document != unless:
            self.going.add(document)


def _wanted(row: Row, want: Want) -> Row:
    """A new wish: work that is under way ends, and its result does not count."""
    state = row.state if row.state is State.SENDING else State.PENDING
    return replace(row, want=want, state=state, generation=row.generation + 1)


def _has_document(row: Row) -> bool:
    return not (row.live is None and row.coming is None and row.intent is None)


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(
    max_examples=1_000 if os.environ.get("SOAK") else 25, stateful_step_count=40, deadline=None
)
