"""The step that tells people, through the configured hooks, what needs them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kbsync.config import HookSettings
from kbsync.engine import Happened
from kbsync.engine.conditions import conditions
from kbsync.engine.overview import moment
from kbsync.errors import Undelivered
from kbsync.hooks import Hook, Message, open_hook
from kbsync.ledger import Ledger
from kbsync.log import get_logger
from kbsync.model import State
from kbsync.notices import Condition, Notice, news, text_of, title_of, told_after, told_meanwhile

#: How often it is looked, and how long news are gathered before they are told, in seconds.
_LOOK, _GATHER = 2.0, 20.0
#: A server that is away for a shorter time, in seconds, is nobody's business.
_PATIENCE = 300.0
#: After a message that could not be delivered.
_AGAIN = (60.0, 300.0, 900.0)
_AT_ONCE = 5_000
_DAY = 86_400.0
_REPAIRED = (Happened.RESTORED, Happened.MENDED)


@dataclass(slots=True)
class _Post:
    """One hook, and what it was told."""

    settings: HookSettings
    hook: Hook
    name: str
    told: dict[str, int]
    repaired: Counter[str] = field(default_factory=Counter)
    since: float | None = None
    not_before: float = 0.0
    failures: int = 0
    digest_at: float | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where the news are from: the ledger, its folders and questions, and the service's problem."""

    ledger: Ledger
    folders: Sequence[str]
    questions: Sequence[str]
    problem: Callable[[], str | None]
    page: Callable[[], str | None]


class Herald:
    """One step: look what is the matter, and tell each hook what is new to it.

    What was told is kept in the ledger, so that a restart tells nothing twice, and nothing is
    forgotten that could not be delivered.

    Args:
        wall: seconds since the epoch, for what is written.
        elapsed: seconds of a clock that never goes back, for what is waited for.
        patience: how long a problem of the service lasts before it is told, in seconds.
        gather: how long news are gathered before they are told, in seconds.
    """

    def __init__(
        self,
        settings: Sequence[HookSettings],
        source: Source,
        instance: str,
        wall: Callable[[], float],
        elapsed: Callable[[], float],
        *,
        patience: float = _PATIENCE,
        gather: float = _GATHER,
    ) -> None:
        self._source = source
        self._instance = instance
        self._wall = wall
        self._elapsed = elapsed
        self._patience = patience
        self._gather = gather
        self._problem_since: float | None = None
        self._log = get_logger()
        known = json.loads(source.ledger.published("hooks") or "{}")
        self._last_event = known.get("last_event")
        self._posts = [
            _Post(each, open_hook(each), name, dict(known.get(name, {})))
            for each in settings
            for name in [_name(each)]
        ]

    def step(self) -> float:
        """Look and tell; returns seconds until the next look."""
        now = self._conditions()
        repaired = self._repaired()
        for post in self._posts:
            if post.settings.heartbeat is not None:
                self._beat(post, now)
            else:
                self._tell_news(post, now, repaired)
                self._tell_digest(post, now)
        self._keep()
        return _LOOK

    def _conditions(self) -> list[Condition]:
        source = self._source
        found = conditions(source.ledger, source.folders, source.questions)
        problem, now = source.problem(), self._elapsed()
        self._problem_since = None if problem is None else self._problem_since or now
        if problem is None or self._problem_since is None:
            return found
        lasting = now - self._problem_since >= self._patience
        return [Condition("problem", "", 1, problem), *found] if lasting else found

    def _repaired(self) -> Counter[str]:
        """What was put right since the last look, by folder."""
        ledger, repaired = self._source.ledger, Counter[str]()
        if self._last_event is None:
            self._last_event = ledger.last_event()
        events = ledger.events_after(self._last_event, _AT_ONCE)
        if events:
            self._last_event = events[-1].id
        repaired.update(event.key.folder for event in events if event.happened in _REPAIRED)
        return repaired

    def _beat(self, post: _Post, now: list[Condition]) -> None:
        if self._elapsed() < post.not_before or any(
            each.kind in post.settings.wanted for each in now
        ):
            return
        if self._deliver(post, self._message("all is well", ())):
            post.not_before = self._elapsed() + post.settings.pause

    def _tell_news(self, post: _Post, now: list[Condition], repaired: Counter[str]) -> None:
        wanted = post.settings.wanted
        if "repaired" in wanted:
            post.repaired += repaired
        notices = [*news(post.told, now, wanted), *map(_restored, sorted(post.repaired.items()))]
        post.told = told_meanwhile(post.told, now)
        if not notices:
            post.since = None
            post.told = told_after(now, wanted)
            return
        clock = self._elapsed()
        post.since = clock if post.since is None else post.since
        if clock < max(post.not_before, post.since + min(self._gather, post.settings.pause)):
            return
        title = title_of(self._instance, notices)
        if self._deliver(post, self._message(title, notices, text_of(notices))):
            post.told, post.since = told_after(now, wanted), None
            post.repaired.clear()
            post.not_before = self._elapsed() + post.settings.pause

    def _tell_digest(self, post: _Post, now: list[Condition]) -> None:
        if post.settings.digest is None:
            return
        wall = self._wall()
        if post.digest_at is None:
            post.digest_at = _next(post.settings.digest, wall)
        failed_before = post.failures > 0 and self._elapsed() < post.not_before
        if wall < post.digest_at or failed_before:
            return
        notices = [Notice(each.kind, each.about, each.text, each.count) for each in now]
        title = f"kbsync on {self._instance}: {self._summary()}"
        text = "\n".join(filter(None, (self._last_day(), text_of(notices))))
        if self._deliver(post, self._message(title, notices, text)):
            post.digest_at = _next(post.settings.digest, wall)

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

    def _message(self, title: str, notices: Sequence[Notice], text: str = "") -> Message:
        at = moment(self._wall()) or ""
        return Message(title, text, self._instance, at, self._source.page(), notices)

    def _deliver(self, post: _Post, message: Message) -> bool:
        try:
            post.hook.tell(message)
        except Undelivered as error:
            if not post.failures:
                self._log.warning(
                    "hook failed, tried again", hook=post.settings.way, error=str(error)
                )
            pause = _AGAIN[min(post.failures, len(_AGAIN) - 1)]
            post.failures += 1
            post.not_before = self._elapsed() + min(pause, max(1.0, post.settings.pause))
            return False
        if post.failures:
            self._log.info("hook works again", hook=post.settings.way)
        post.failures = 0
        return True

    def _keep(self) -> None:
        """Remember over a restart what was told; written only when it has changed."""
        known = json.dumps(
            {post.name: post.told for post in self._posts} | {"last_event": self._last_event}
        )
        if known != self._source.ledger.published("hooks"):
            self._source.ledger.publish("hooks", known)


def _name(settings: HookSettings) -> str:
    told = f"{settings.way}\0{settings.target}\0{','.join(settings.wanted)}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _restored(repaired: tuple[str, int]) -> Notice:
    folder, count = repaired
    what = f"{folder}: {count:,} documents were put right" if folder else "the ledger was mended"
    return Notice("repaired", folder, what, count)


def _next(cron: str, wall: float) -> float:
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415 - only for a digest

    trigger = CronTrigger.from_crontab(cron)
    due = trigger.get_next_fire_time(None, datetime.fromtimestamp(wall + 1, UTC))
    return due.timestamp() if due is not None else wall + _DAY
