"""The history: what the verbs told, written to the ledger in batches, and gathered into runs."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from kbsync.engine.values import Event, Happened
from kbsync.ledger import Happening, Ledger
from kbsync.log import scrubbed
from kbsync.model import Key
from kbsync.plan import is_over

#: A run of the service ends when nothing has happened, and nothing is under way, for so long.
QUIET_SECONDS = 60.0

_AT_ONCE = 500
#: What every scan tells anew is kept again only after so many seconds.
_AGAIN_SECONDS = 6 * 3600.0
_LONGEST_TEXT = 2_000

#: What makes a time of work a run.
WORK = frozenset(
    {Happened.SENT, Happened.INDEXED, Happened.MOVED, Happened.DELETED, Happened.SHELVED}
    | {Happened.RETURNED, Happened.FAILED, Happened.STUCK, Happened.ADOPTED, Happened.RESTORED}
)
#: What is told of a run, and is no part of it.
_ABOUT = frozenset({Happened.TOLD, Happened.UNTOLD})
_RETOLD = frozenset({Happened.HELD, Happened.UNKNOWN})


@dataclass(slots=True)
class _Run:
    """A run that goes on; `by_itself` means that nobody will say when it ends."""

    id: int
    by_itself: bool
    last_work: float
    folders: dict[str, None] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def result(self) -> str:
        failed, held = self.counts[Happened.FAILED], self.counts[Happened.HELD]
        told = ([f"{failed} failed"] if failed else []) + (["deletions held"] if held else [])
        return ", ".join(told) or "done"


class Recorder:
    """Takes events from any thread at no cost; one thread at a time writes them, in batches."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._waiting: deque[Happening] = deque()
        self._told: dict[tuple[Key, str, str], float] = {}
        self._writing = threading.Lock()
        self._run: _Run | None = None

    def note(self, event: Event) -> None:
        """Take an event; it is written by the next `write`."""
        key = Key(event.folder, event.path)
        text = scrubbed(event.text)[:_LONGEST_TEXT]
        happening = Happening(self._clock(), key, event.happened.value, text)
        if self._is_news(happening):
            self._waiting.append(happening)

    def begin_run(self, kind: str) -> int:
        """What happens from now on is one run, until `end_run`; returns its number."""
        self.write()
        with self._writing:
            return self._begin(kind, by_itself=False, since=self._clock())

    def end_run(self, result: str | None = None) -> None:
        """The run is over; without a `result`, it follows from what happened."""
        self.write()
        with self._writing:
            self._end(result)

    def write(self) -> int:
        """Write what happened since the last call; returns how many events.

        Raises LedgerError; what was not written waits for the next call.
        """
        with self._writing:
            written = 0
            while batch := self._take():
                try:
                    self._keep(batch)
                except BaseException:
                    self._waiting.extendleft(reversed(batch))
                    raise
                written += len(batch)
            self._end_when_quiet()
            return written

    def _take(self) -> list[Happening]:
        batch: list[Happening] = []
        while self._waiting and len(batch) < _AT_ONCE:
            batch.append(self._waiting.popleft())
        return batch

    def _keep(self, batch: list[Happening]) -> None:
        if self._run is None and any(one.happened in WORK for one in batch):
            self._begin("service", by_itself=True, since=min(_working(batch)))
        run = self._run
        self._ledger.keep(batch, None if run is None else run.id)
        if run is not None:
            run.counts.update(one.happened for one in batch if one.happened not in _ABOUT)
            run.folders |= dict.fromkeys(one.key.folder for one in batch if one.key.folder)
            run.last_work = max([run.last_work, *(_working(batch))])
            self._ledger.update_run(run.id, [*run.folders], run.counts, batch[-1].at)

    def _is_news(self, one: Happening) -> bool:
        if one.happened == Happened.UNCHANGED:  # looked at, and nothing happened
            return False
        if one.happened not in _RETOLD:
            return True
        what = (one.key, one.happened, one.text)
        last = self._told.get(what)
        if last is not None and not is_over(last, _AGAIN_SECONDS, one.at):
            return False
        self._told[what] = one.at
        return True

    def _begin(self, kind: str, *, by_itself: bool, since: float) -> int:
        self._run = _Run(self._ledger.begin_run(kind, since), by_itself, since)
        return self._run.id

    def _end_when_quiet(self) -> None:
        run = self._run
        if run is None or not run.by_itself:
            return
        if not is_over(run.last_work, QUIET_SECONDS, self._clock()):
            return
        if not self._ledger.in_flight(run.folders):
            self._end(None)

    def _end(self, result: str | None) -> None:
        run, self._run = self._run, None
        if run is not None:
            ended = run.last_work if run.by_itself else self._clock()
            told = run.result if result is None else result
            self._ledger.update_run(run.id, [*run.folders], run.counts, ended, told)


def _working(batch: list[Happening]) -> list[float]:
    return [one.at for one in batch if one.happened in WORK]
