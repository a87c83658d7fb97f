"""The step that tells people, through the configured hooks, what needs them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from kbsync.config import HookSettings, Settings
from kbsync.engine import Event, Happened
from kbsync.engine.conditions import conditions
from kbsync.engine.overview import moment
from kbsync.engine.recording import WORK
from kbsync.engine.runs import run_facts, run_text
from kbsync.hooks import Hook, Message, open_hook
from kbsync.ledger import Ledger, RunRow
from kbsync.model import State
from kbsync.notices import Condition, Notice, news, text_of, title_of, told_after, told_meanwhile
from kbsync.plurals import counted
from kbsync.service.post import Post

#: How often it is looked, and how long news are gathered before they are told, in seconds.
_LOOK, _GATHER = 2.0, 20.0
#: A server that is away for a shorter time, in seconds, is nobody's business.
_PATIENCE = 300.0
_LOOK_AFTER = 0.25
_AT_ONCE = 5_000
#: Of more runs than these, only the last are told.
_RUNS = 50
_DAY = 86_400.0
_REPAIRED = (Happened.RESTORED, Happened.MENDED)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the news are from: the ledger, its folders and questions, and the service's problem.

    A hook without a memory is told of runs from `first_run` on. `note` takes what is to be in the
    history.
    """

    ledger: Ledger
    folders: Sequence[str]
    questions: Sequence[str]
    problem: Callable[[], str | None]
    page: Callable[[], str | None]
    note: Callable[[Event], None]
    first_run: int


@dataclass(frozen=True, slots=True)
class Pace:
    """In seconds: how long a problem lasts before it is told, how long news are gathered."""

    patience: float = _PATIENCE
    gather: float = _GATHER


class Herald:
    """One step: look what is the matter, and tell a hook what is new to it.

    What was told is kept in the ledger, so that a restart tells nothing twice, and nothing is
    forgotten that could not be delivered.

    Args:
        wall: seconds since the epoch, for what is written.
        elapsed: seconds of a clock that never goes back, for what is waited for.
    """

    def __init__(
        self,
        settings: HookSettings,
        hook: Hook,
        source: Source,
        instance: str,
        wall: Callable[[], float],
        elapsed: Callable[[], float],
        *,
        pace: Pace = Pace(),
    ) -> None:
        self._source = source
        self._instance = instance
        self._wall = wall
        self._elapsed = elapsed
        self._pace = pace
        self._problem_since: float | None = None
        self._post = Post(settings, hook, elapsed, source.note)
        self._kept_as = f"hook {self._post.name}"
        self._post.recall(json.loads(source.ledger.published(self._kept_as) or "{}"))

    @property
    def under_way(self) -> bool:
        """Whether a workflow that was begun has no end yet."""
        return self._post.under_way is not None

    @property
    def problem(self) -> str | None:
        """Which hook does not work, and why; None when it does."""
        problem = self._post.problem
        return problem and f"{self._post.settings.name}: {problem}"

    def step(self) -> float:
        """Look and tell; returns seconds until the next look."""
        now = self._conditions()
        if self._post.settings.heartbeat is not None:
            self._beat(now)
        else:
            self._post.follow()
            self._count_repaired()
            self._tell_news(now)
            self._keep()
            self._tell_digest(now)
            self._keep()
        return min(_LOOK, self._post.settings.pause / 2)

    def follow(self) -> float:
        """Look at what is under way, and tell nothing else; returns seconds until the next look."""
        self._post.follow()
        self._keep()
        return _LOOK_AFTER

    def interrupt(self) -> None:
        """End a step that waits for the hook, and let no later one wait; from any thread."""
        self._post.interrupt()

    def _conditions(self) -> list[Condition]:
        source = self._source
        found = conditions(source.ledger, source.folders, source.questions)
        problem, now = source.problem(), self._elapsed()
        self._problem_since = None if problem is None else self._problem_since or now
        if problem is None or self._problem_since is None:
            return found
        lasting = now - self._problem_since >= self._pace.patience
        return [Condition("problem", "", 1, problem), *found] if lasting else found

    def _count_repaired(self) -> None:
        """Add what was put right since the last look, by folder."""
        ledger, post = self._source.ledger, self._post
        if post.last_event is None:
            post.last_event = ledger.last_event()
        events = ledger.events_after(post.last_event, _AT_ONCE)
        post.last_event = events[-1].id if events else post.last_event
        if "repaired" in post.settings.wanted:
            post.repaired.update(
                event.key.folder for event in events if event.happened in _REPAIRED
            )

    def _beat(self, now: list[Condition]) -> None:
        post = self._post
        if self._elapsed() < post.not_before or any(
            each.kind in post.settings.wanted for each in now
        ):
            return
        if post.deliver(self._message("all is well", ())):
            post.not_before = self._elapsed() + post.settings.pause

    def _tell_news(self, now: list[Condition]) -> None:
        post, wanted = self._post, self._post.settings.wanted
        runs = self._runs()
        notices = [
            *news(post.told, now, wanted),
            *map(_restored, sorted(post.repaired.items())),
            *(Notice("run", ", ".join(run.folders), run_text(run)) for run in runs),
        ]
        post.told = told_meanwhile(post.told, now)
        if not notices:
            post.since = None
            post.told = told_after(now, wanted)
            return
        clock = self._elapsed()
        post.since = clock if post.since is None else post.since
        gathered = post.since + min(self._pace.gather, post.settings.pause)
        if post.under_way is not None or clock < max(post.not_before, gathered):
            return
        title = title_of(self._instance, notices)
        if post.deliver(self._message(title, notices, text_of(notices), runs)):
            post.told, post.since = told_after(now, wanted), None
            post.repaired.clear()
            post.last_run = runs[-1].id if runs else post.last_run
            post.not_before = self._elapsed() + post.settings.pause

    def _runs(self) -> list[RunRow]:
        """The runs that ended since the hook was last told of some, and in which anything was."""
        post = self._post
        if "run" not in post.settings.wanted:
            return []
        if post.last_run is None:
            post.last_run = self._source.first_run - 1
        runs = self._source.ledger.runs_after(post.last_run, _RUNS)
        return [run for run in runs if run.result != "done" or WORK & run.counts.keys()]

    def _tell_digest(self, now: list[Condition]) -> None:
        post = self._post
        if post.settings.digest is None:
            return
        wall = self._wall()
        upcoming = _next(post.settings.digest, wall)  # sooner than was thought: the clock was set
        post.digest_at = min(upcoming, post.digest_at or upcoming)
        failed_before = post.failures > 0 and self._elapsed() < post.not_before
        if wall < post.digest_at or failed_before or post.under_way is not None:
            return
        notices = [Notice(each.kind, each.about, each.text, each.count) for each in now]
        title = f"kbsync on {self._instance}: {self._summary()}"
        text = "\n".join(filter(None, (self._last_day(), text_of(notices))))
        if post.deliver(self._message(title, notices, text)):
            post.digest_at = upcoming

    def _summary(self) -> str:
        counts = [self._source.ledger.counts(name) for name in self._source.folders]
        parts = [
            f"{sum(count[state] for count in counts):,} {state.value}"
            for state in (State.COMPLETED, State.PENDING, State.INDEXING, State.FAILED)
        ]
        return ", ".join(part for part in parts if not part.startswith("0 ")) or "no files"

    def _last_day(self) -> str:
        done = Counter[str]()
        for bucket in self._source.ledger.buckets(self._wall() - _DAY, _DAY):
            done[bucket.happened] += bucket.count
        told = ", ".join(f"{done[word]:,} {word}" for word in ("indexed", "deleted", "failed"))
        return f"in the last day: {told}"

    def _message(
        self,
        title: str,
        notices: Sequence[Notice],
        text: str = "",
        runs: Sequence[RunRow] = (),
    ) -> Message:
        at, page = moment(self._wall()) or "", self._source.page()
        facts = [run_facts(run) for run in runs]
        return Message(title, text, self._instance, at, page, notices, facts)

    def _keep(self) -> None:
        """Remember over a restart what was told; written only when it has changed."""
        known = json.dumps(self._post.memory)
        if known != self._source.ledger.published(self._kept_as):
            self._source.ledger.publish(self._kept_as, known)


def heralds(
    settings: Settings,
    source: Source,
    wall: Callable[[], float],
    elapsed: Callable[[], float],
    pace: Pace = Pace(),
) -> list[Herald]:
    """One for each hook, because each may be slow."""
    return [
        Herald(hook, open_hook(hook, settings), source, settings.instance, wall, elapsed, pace=pace)
        for hook in settings.hooks
    ]


def _restored(repaired: tuple[str, int]) -> Notice:
    folder, count = repaired
    mended = f"{folder}: {counted(count, 'document')} put right"
    what = mended if folder else "the ledger was mended"
    return Notice("repaired", folder, what, count)


def _next(cron: str, wall: float) -> float:
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415 - only for a digest

    trigger = CronTrigger.from_crontab(cron)
    due = trigger.get_next_fire_time(None, datetime.fromtimestamp(wall + 1, UTC))
    return due.timestamp() if due is not None else wall + _DAY
