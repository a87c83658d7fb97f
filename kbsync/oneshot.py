"""One run to its end: a small pool of workers around the engine's verbs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from kbsync.engine import Scope, Survey
from kbsync.engine.engine import Engine
from kbsync.engine.following import DESCRIBE_AT_ONCE
from kbsync.errors import Denied, Unavailable
from kbsync.model import Hold, Problem

#: A row that is due later than this is left for the next run, in seconds.
PATIENCE = 45.0

_POLL_FIRST, _POLL_MOST, _POLL_WHILE_SENDING = 0.2, 5.0, 2.0
_LOOK_AGAIN = 0.2
#: A server that cannot answer is given so many pauses, doubling from half a second, to come back.
_PAUSES, _PAUSES_AT_FIRST = 5, 2
_KILLED = 130
_PAUSE_FIRST, _PAUSE_MOST = 0.5, 8.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a run may take; seconds, None without bound. `stall` is time without progress."""

    wait: bool = True
    timeout: float | None = None
    stall: float = 1800.0


@dataclass(slots=True)
class Outcome:
    """What a run did and what it leaves; `denied` maps a folder to the server's refusal."""

    problems: list[Problem] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    denied: dict[str, str] = field(default_factory=dict)
    unavailable: str | None = None
    timed_out: bool = False
    interrupted: bool = False


class Run:
    """Reconcile folders once: survey, send, follow indexing, describe, clean up."""

    def __init__(
        self,
        engine: Engine,
        names: Collection[str],
        *,
        workers: int,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._names = list(names)
        self._workers = workers
        self._limits = limits
        self._clock = clock
        self._changed = threading.Condition()
        self._stopping = False
        self._busy = 0
        self._news = False
        self._moves = 0
        self._misses = 0
        self._last_miss: str | None = None
        self._succeeded = False
        self._pause_until = 0.0
        self._failure: BaseException | None = None
        self.outcome = Outcome()
        self._progress_at = clock()

    def survey(self, *, hash_all: bool, allow_delete: bool, each: Callable[[Survey], None]) -> None:
        """Look at every folder and take up what is found."""
        self._engine.ledger.recover()
        self._engine.ledger.hasten(self._names)
        surveys = self._looked(hash_all=hash_all, allow_delete=allow_delete)
        concerned = [one.folder.name for one in surveys if one.plan.changes or self._has(one)]
        if [name for name in concerned if self._adopted(name)]:
            surveys = self._looked(hash_all=hash_all, allow_delete=allow_delete)
        self._engine.accept(*surveys)
        for survey in surveys:
            self.outcome.problems.extend(survey.problems)
            self.outcome.holds.extend(survey.plan.holds)
            each(survey)

    def _looked(self, *, hash_all: bool, allow_delete: bool) -> list[Survey]:
        scopes = [Scope(name) for name in self._names]
        return self._engine.look(scopes, hash_all=hash_all, allow_delete=allow_delete)

    def _has(self, survey: Survey) -> bool:
        return self._engine.ledger.with_document(survey.folder.name) > 0

    def _adopted(self, name: str) -> bool:
        """Take over what the dataset holds of a new folder; whether that changed its rows."""
        if self._engine.is_adopted(name):
            return False
        try:
            adoption = self._engine.adopt(name)
            return bool(adoption.keys) or adoption.lost > 0
        except Denied as error:
            self._deny(name, error)
        except Unavailable:
            # The work meets it again, and waits for the server as it does for every answer.
            return False
        return False

    def work(self) -> Outcome:
        """Send, delete and follow until nothing is left to do, or nothing can be done."""
        started = self._clock()
        threads = [
            threading.Thread(target=self._worker, name=f"kbsync-sender-{number}", daemon=True)
            for number in range(self._workers)
        ]
        bell = threading.Timer(self._limits.timeout or 0.0, self._engine.interrupt)
        bell.daemon = True
        if self._limits.timeout is not None:
            bell.start()
        try:
            self._rebind()
            for thread in threads:
                thread.start()
            self._follow(started)
        except KeyboardInterrupt:
            self.outcome.interrupted = True
        finally:
            self._stop()
            bell.cancel()
            self._wait_for(threads)
        if self._failure is not None:
            raise self._failure
        if not self._succeeded and self.outcome.unavailable is None:
            self.outcome.unavailable = self._last_miss
        return self.outcome

    def _wait_for(self, threads: Collection[threading.Thread]) -> None:
        """Wait for the documents under way; a second Ctrl-C ends the process at once.

        The ledger makes that safe: what was under way is looked for in the next run.
        """
        try:
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
        except KeyboardInterrupt:
            os._exit(_KILLED)

    def _rebind(self) -> None:
        for name in self._names:
            try:
                self._engine.rebind_first([name])
            except Denied as error:
                self._deny(name, error)
            except Unavailable as error:
                self.outcome.unavailable = str(error)
                self._stop()

    # Workers

    def _worker(self) -> None:
        while True:
            self._pause()
            with self._changed:
                if self._stopping:
                    return
                self._busy += 1
            try:
                worked = self._work_one()
            except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
                self._fail(error)
                worked = True
            with self._changed:
                self._busy -= 1
                self._news = self._news or worked
                self._changed.notify_all()
                if not worked:
                    self._idle()

    def _idle(self) -> None:
        """Rest until documents are indexed, which makes room for others, or for a while.

        Others that find nothing to do, too, do not end it.
        """
        seen = self._moves
        self._changed.wait_for(lambda: self._stopping or self._moves != seen, timeout=_LOOK_AGAIN)

    def _work_one(self) -> bool:
        names = self._active()
        if not names:
            return False
        try:
            worked = self._engine.work_one(names)
        except Unavailable as error:
            self._miss(error)
            return True
        except Denied as error:
            self._deny_all(names, error)
            return True
        if worked:
            self._misses, self._succeeded = 0, True
            self._progress_at = self._clock()
        return worked is not None

    def _active(self) -> list[str]:
        return [name for name in self._names if name not in self.outcome.denied]

    def _miss(self, error: Unavailable) -> None:
        """Pause everybody; a server that stays away ends the run."""
        with self._changed:
            now = self._clock()
            self._last_miss = str(error)
            if now < self._pause_until:
                return
            self._misses += 1
            self._pause_until = now + min(_PAUSE_FIRST * 2.0 ** (self._misses - 1), _PAUSE_MOST)
            if self._misses > (_PAUSES if self._succeeded else _PAUSES_AT_FIRST):
                self.outcome.unavailable = str(error)
                self._stopping = True

    def _pause(self) -> None:
        with self._changed:
            rest = self._pause_until - self._clock()
            if rest > 0:
                self._changed.wait_for(lambda: self._stopping, timeout=rest)

    def _deny(self, name: str, error: Denied) -> None:
        with self._changed:
            self.outcome.denied[name] = str(error)

    def _deny_all(self, names: Collection[str], error: Denied) -> None:
        for name in [error.folder] if error.folder else names:
            self._deny(name, error)

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._failure = self._failure or error
            self._stopping = True

    def _stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._engine.interrupt()

    # Following

    def _follow(self, started: float) -> None:
        pause = _POLL_FIRST
        while not self._over(started):
            self._news = False
            sending = self._sending()
            moved, flying = self._look()
            # What moved may have left work, such as an old version to delete.
            if not sending and not moved and not self._wanted(flying):
                return
            pause = _POLL_FIRST if moved else min(pause * 1.5, _POLL_MOST)
            if not self._wait_for_senders():
                self._rest(pause)

    def _wake(self) -> None:
        with self._changed:
            self._moves += 1
            self._changed.notify_all()

    def _wait_for_senders(self) -> bool:
        """Wait while somebody sends, not for long; False when nobody does."""
        with self._changed:
            if not self._busy:
                return False
            return self._changed.wait_for(
                lambda: self._stopping or not self._busy, timeout=_POLL_WHILE_SENDING
            )

    def _rest(self, pause: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._news, timeout=pause)

    def _wanted(self, flying: int) -> bool:
        return flying > 0 and self._limits.wait

    def _sending(self) -> bool:
        """Whether workers have, or will soon have, something to do."""
        names = self._active()
        due = self._engine.ledger.next_due(names) if names else None
        with self._changed:
            return self._busy > 0 or (due is not None and due <= self._engine.clock() + PATIENCE)

    def _over(self, started: float) -> bool:
        now = self._clock()
        limits = self._limits
        with self._changed:
            if self._stopping:
                return True
        late = limits.timeout is not None and now - started > limits.timeout
        stalled = now - self._progress_at > limits.stall
        self.outcome.timed_out = late or stalled
        return late or stalled

    def _look(self) -> tuple[bool, int]:
        """Poll indexing and write metadata; returns whether something moved, and what flies."""
        names = self._active()
        self._engine.recorder.write()
        try:
            polled = self._engine.poll(names)
            if polled.moved:
                self._wake()
            for name in names:
                while self._engine.describe(name) == DESCRIBE_AT_ONCE:
                    pass
        except Unavailable as error:
            self._miss(error)
            return False, 1
        except Denied as error:
            self._deny_all(names, error)
            return True, 0
        if polled.in_flight or polled.moved:
            self._succeeded = True
        if polled.moved:
            self._progress_at = self._clock()
        return polled.moved, polled.in_flight
