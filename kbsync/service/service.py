"""The composition root of the daemon: who is started, watched over, and stopped, in which order."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterable, Sequence

from kbsync import __version__
from kbsync.config import Settings
from kbsync.engine.checking import Checks
from kbsync.engine.engine import Engine
from kbsync.ledger import Ledger
from kbsync.log import get_logger
from kbsync.plan import LONGEST_WAIT
from kbsync.service.auditor import Auditor
from kbsync.service.checker import Checker
from kbsync.service.gate import Gate
from kbsync.service.herald import Source, heralds
from kbsync.service.historian import Historian
from kbsync.service.keeper import Keeper
from kbsync.service.planner import Planner
from kbsync.service.reporter import Reporter
from kbsync.service.requests import Requests
from kbsync.service.schedule import Schedule
from kbsync.service.systemd import Notifier
from kbsync.service.timekeeper import Timekeeper
from kbsync.service.traffic import Follower, Sender
from kbsync.service.website import Website
from kbsync.service.worker import Worker
from kbsync.watch import Dirty, Mark, Watch
from kbsync.web import Desk

TICK_SECONDS = 1.0
_EVERY = 2
#: A step that takes longer than this is taken for stuck, in seconds.
_PATIENCE = 900.0
_STOP_SECONDS = 30.0


class Service:
    """Watches, plans, sends and follows from `start` to `stop`; in between, `tick` is called.

    All threads are made, started, watched over and waited for here. Once they run, only they touch
    the ledger, because a thread outlasts whatever keeps it from writing there for a while.
    """

    def __init__(
        self, engine: Engine, settings: Settings, notifier: Notifier, checks: Checks | None = None
    ) -> None:
        self._engine = engine
        self._notifier = notifier
        self._ticks = 0
        self._since = time.time()
        self._log = get_logger()
        names = [folder.name for folder in settings.folders]
        self._dirty = Dirty()
        self._requests = Requests()
        self._gate = Gate(names, chance=random.random, missed_once=self._wake_senders)
        self._schedule = Schedule(settings.folders, self._ask)
        self._watches = [
            Watch(
                folder.name,
                engine.folders[folder.name].root,
                engine.folders[folder.name].filters,
                folder.watch,
                self._mark,
                poll_interval=folder.poll_interval,
            )
            for folder in settings.folders
        ]
        for folder in settings.folders:
            self._dirty.configure(folder.name, folder.settle, folder.max_delay)
        self._planning = Planner(
            engine,
            settings.folders,
            self._dirty,
            self._requests,
            self._wake_traffic,
            grace=_grace(settings),
        )
        self._planner = Worker("planner", self._planning.step)
        self._follower = Worker("follower", Follower(engine, self._gate, self._wake_senders).step)
        auditor = Auditor(engine, self._gate, settings.folders, time.time, self._after_repair)
        self._auditor = Worker("auditor", auditor.step)
        self._keeper = Worker("keeper", Keeper(engine.ledger, time.time).step)
        historian = Historian(engine, settings.keep_history, time.time, time.monotonic)
        self._historian = Worker("historian", historian.step)
        self._checkers = [Worker("checker", Checker(engine.ledger, checks).step)] if checks else []
        timekeeper = Timekeeper(engine.ledger, self._after_a_step, time.time, time.monotonic)
        self._timekeeper = Worker("timekeeper", timekeeper.step)
        self._reporting = Reporter(
            engine.ledger, names, self._news, self._take_wishes, time.monotonic
        )
        self._reporter = Worker("reporter", self._reporting.step)
        self._website = Website(
            settings.http, lambda: Ledger.open(settings.ledger, readonly=True), self._desk
        )
        self._checks = [check.question for check in settings.checks]
        self._about = {
            "version": __version__,
            "instance": settings.instance,
            "server": settings.server.url,
        }
        self._telling = heralds(settings, self._source(), time.time, time.monotonic)
        self._heralds = [
            Worker(f"herald-{number}", herald.step) for number, herald in enumerate(self._telling)
        ]
        sender = Sender(engine, self._gate, time.time, self._follower.wake)
        self._senders = [
            Worker(f"sender-{number}", sender.step)
            for number in range(settings.server.max_connections)
        ]

    def start(self) -> None:
        """Arm everything before the first scan, so that nothing falls between.

        Raises LedgerError; `stop` ends what was started until then, too.
        """
        self._engine.ledger.recover()
        for watch in self._watches:
            watch.start()
        for name in self._engine.folders:
            self._ask(name, "start")
        self._schedule.start()
        self._website.start()
        for worker in self._workers:
            worker.start()
        self._notifier.ready()
        self._log.info("started", folders=len(self._engine.folders), pid=os.getpid())

    def tick(self) -> None:
        """Look after the threads, each second; raises what one of them could not handle."""
        self.raise_failure()
        while self._engine.newly_adopted:
            self._ask(self._engine.newly_adopted.popleft(), "adopted")
        for watch in self._watches:
            watch.poll()
        self._ticks += 1
        if self._ticks % _EVERY:
            return
        for watch in self._watches:
            watch.check()
        if self._broken() is None:
            self._notifier.alive()
        problem = self.unhealthy() or self._gate.problem
        told = self._reporting.counts
        self._notifier.status(f"{told}; {problem}" if problem else told)

    def stop(self) -> list[str]:
        """Stop in the order in which work flows; each thread ends its current document.

        Returns the names of those that have not ended within 30 s, and may be called again.
        """
        for watch in self._watches:
            watch.stop()
        if self._schedule.running:
            self._schedule.stop()
        for worker in self._workers:
            worker.stop()
        self._website.stop()
        self._engine.interrupt()
        for herald in self._telling:
            herald.interrupt()
        deadline = time.monotonic() + _STOP_SECONDS
        threads: list[Worker | Website] = [*self._workers, self._website]
        return [
            thread.name
            for thread in threads
            if not thread.join(max(0.0, deadline - time.monotonic()))
        ]

    def raise_failure(self) -> None:
        """Raise what a thread could not handle: a damaged ledger, or a defect."""
        for worker in self._workers:
            if worker.error is not None:
                raise worker.error

    def unhealthy(self) -> str | None:
        """What is wrong inside the service, or None; a server that is away is not its fault."""
        return self._broken() or self._hindered(self._workers)

    def _broken(self) -> str | None:
        """What only a restart can mend: the reason not to feed systemd's watchdog."""
        for worker in self._workers:
            if not worker.healthy(_PATIENCE):
                return f"{worker.name} is stuck or dead"
        if not self._schedule.running:
            return "the scheduler has ended"
        for watch in self._watches:
            if not watch.status.healthy:
                return f"watching: {watch.status.problem}"
        return None

    def _hindered(self, workers: Iterable[Worker]) -> str | None:
        """What a thread meets each time it tries, as a full disk; a restart would meet it, too."""
        hindered = [worker for worker in workers if worker.problem is not None]
        return f"{hindered[0].name}: {hindered[0].problem}" if hindered else None

    @property
    def _workers(self) -> list[Worker]:
        return [
            self._planner,
            *self._senders,
            self._follower,
            self._keeper,
            self._auditor,
            self._historian,
            *self._checkers,
            *self._heralds,
            self._timekeeper,
            self._reporter,
        ]

    def _mark(self, mark: Mark) -> None:
        if self._dirty.mark(mark):
            self._planner.wake()

    def _ask(self, name: str, reason: str) -> None:
        self._requests.ask(name, reason)
        self._planner.wake()

    def _take_wishes(self, approved: list[str]) -> None:
        """Another process wrote into the ledger: `approve` wants a scan, `retry` is work due."""
        for name in approved:
            if name in self._engine.folders:
                self._ask(name, "approval")
        if self._engine.ledger.wished_audits():
            self._auditor.wake()
        self._wake_senders()

    def _after_repair(self) -> None:
        """Rows were put to work, and orphans got one: look again at everything."""
        for name in self._engine.folders:
            self._ask(name, "audit")
        self._wake_senders()

    def _after_a_step(self) -> None:
        """The clock was set: what was to happen by the old one is done now, or timed anew."""
        self._schedule.restart()
        for name in self._engine.folders:
            self._ask(name, "clock")
        self._wake_senders()

    def _wake_senders(self) -> None:
        for worker in self._senders:
            worker.wake()

    def _wake_traffic(self) -> None:
        """Something is planned: to be sent or deleted, or to be described after a move."""
        self._wake_senders()
        self._follower.wake()

    def _desk(self, reader: Ledger) -> Desk:
        return Desk(
            self._engine,
            reader,
            lambda: self._news() | {"scans": dict(self._planning.scans)},
            self._ask,
            self._wake_senders,
            self._checks,
            self._about,
        )

    def _source(self) -> Source:
        return Source(
            self._engine.ledger,
            list(self._engine.folders),
            self._checks,
            lambda: self._problem(but=self._heralds),
            lambda: self._website.url,
            self._engine.tell,
            self._engine.ledger.next_run(),
        )

    def _problem(self, *, but: Sequence[Worker]) -> str | None:
        """What keeps the work up; `but` whoever asks for it, who is well when it can tell."""
        others = [worker for worker in self._workers if worker not in but]
        return self._broken() or self._hindered(others) or self._gate.problem

    def _news(self) -> dict[str, object]:
        """What `kbsync status` is to know; told by the reporter."""
        folders = {}
        for watch in self._watches:
            status, upcoming = watch.status, self._schedule.next_scan(watch.folder)
            folders[watch.folder] = {
                "watch": status.mode,
                "lost_events": status.lost_events,
                "problem": status.problem,
                "next_scan": None if upcoming is None else upcoming.timestamp(),
            }
        return {
            "pid": os.getpid(),
            "since": self._since,
            "at": time.time(),
            "problem": self._problem(but=[self._reporter]),
            "http": {"url": self._website.url, "problem": self._website.problem},
            "hooks": [herald.problem for herald in self._telling if herald.problem],
            "folders": folders,
        }


def _grace(settings: Settings) -> float:
    """How long a vanished file may take to be seen elsewhere, in seconds."""
    settle = max(folder.settle for folder in settings.folders)
    return min(TICK_SECONDS + 2 * settle, LONGEST_WAIT)
