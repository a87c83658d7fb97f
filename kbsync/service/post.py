"""One hook as the herald works it: what it was told, when it may be told more, what it began."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kbsync.config import HookSettings
from kbsync.engine import Event, Happened
from kbsync.errors import Undelivered
from kbsync.hooks import Hook, Message
from kbsync.hooks.workflow import Workflow, told_of
from kbsync.log import printable

#: After a message that could not be delivered, in seconds.
_AGAIN = (60.0, 300.0, 900.0)
#: How often a run is looked at, at first and in the end, and when it is given up, in seconds.
_LOOK_FIRST, _LOOK_MOST, _LONGEST = 0.25, 10.0, 3600.0


@dataclass(slots=True)
class Post:
    """A hook with its memory; `elapsed` is a clock that never goes back, `note` takes events.

    `told` is what it was told of what lasts, `last_run` the last run it was told of, `repaired`
    what it is to be told by folder, of the events up to `last_event`; `under_way` is the run of a
    workflow that it began and that has no end yet; `problem` is why it does not work.
    """

    settings: HookSettings
    hook: Hook
    elapsed: Callable[[], float]
    note: Callable[[Event], None]
    told: dict[str, int] = field(default_factory=dict)
    repaired: Counter[str] = field(default_factory=Counter)
    last_run: int | None = None
    last_event: int | None = None
    under_way: str | None = None
    since: float | None = None
    not_before: float = 0.0
    failures: int = 0
    digest_at: float | None = None
    problem: str | None = None
    _interrupted: bool = False
    _began: float = 0.0
    _look_at: float = 0.0
    _rest: float = _LOOK_FIRST

    @property
    def name(self) -> str:
        """The same for the same hook, told of the same."""
        what = self.settings
        told = f"{what.way}\0{what.target}\0{','.join(what.wanted)}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    @property
    def memory(self) -> dict[str, object]:
        """What is kept over a restart."""
        return {
            "told": self.told,
            "last_run": self.last_run,
            "last_event": self.last_event,
            "repaired": dict(self.repaired),
            "under_way": self.under_way,
        }

    def recall(self, memory: Mapping[str, object]) -> None:
        """Go on from what was kept."""
        match memory:
            case {
                "told": dict(told),
                "last_run": int() | None as last_run,
                "last_event": int() | None as last_event,
                "repaired": dict(repaired),
                "under_way": str() | None as under_way,
            }:
                self.told, self.repaired = dict(told), Counter(repaired)
                self.last_run, self.last_event = last_run, last_event
                self.under_way, self._began = under_way, self.elapsed()

    def interrupt(self) -> None:
        """Wait for nothing any more; what was not told by then is news to the next service."""
        self._interrupted = True
        self.hook.interrupt()

    def deliver(self, message: Message) -> bool:
        """Tell it; returns whether it was told. A workflow has begun by then."""
        try:
            if isinstance(self.hook, Workflow):
                self.under_way, self._began = self.hook.begin(message), self.elapsed()
            else:
                self.hook.tell(message)
        except Undelivered as error:
            if not self._interrupted:
                self._failed(str(error))
            return False
        if self.settings.heartbeat is None:
            told = message.title.partition(": ")[2]
            self._say(Happened.TOLD, told)
        elif self.failures:
            self._say(Happened.TOLD, "works again")
        self.failures = 0
        return True

    def follow(self) -> None:
        """Look how the run that is under way is; one that failed is not begun again."""
        if self.under_way is None or not isinstance(self.hook, Workflow):
            return
        if self.elapsed() < self._look_at:
            return
        self._look_at = self.elapsed() + self._rest
        self._rest = min(2 * self._rest, _LOOK_MOST)
        patient = self.elapsed() < self._began + _LONGEST
        try:
            run = self.hook.look(self.under_way)
        except Undelivered as error:
            if not patient:
                self._ended(Happened.UNTOLD, f"run {self.under_way} is given up: {error}")
            return
        if not (run.running and patient):
            self._ended(Happened.TOLD if run.succeeded else Happened.UNTOLD, told_of(run))

    def _ended(self, happened: Happened, text: str) -> None:
        self.under_way, self._look_at, self._rest = None, 0.0, _LOOK_FIRST
        self._say(happened, text)

    def _failed(self, why: str) -> None:
        if not self.failures:
            self._say(Happened.UNTOLD, f"{why}; it will be tried again")
        pause = _AGAIN[min(self.failures, len(_AGAIN) - 1)]
        self.failures += 1
        self.not_before = self.elapsed() + min(pause, max(1.0, self.settings.pause))

    def _say(self, happened: Happened, text: str) -> None:
        self.problem = printable(text) if happened is Happened.UNTOLD else None
        self.note(Event(happened, "", "", f"{self.settings.name}: {text}"))
