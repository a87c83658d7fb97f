"""The composition root of the daemon: who is started, watched over, and stopped, in which order."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from enum import Enum

from kbsync.config import Settings
from kbsync.engine import Checks, Engine, Event, Happened
from kbsync.log import FOLDER, PATH, get_logger
from kbsync.model import State
from kbsync.service.auditor import Auditor
from kbsync.service.checker import Checker
from kbsync.service.gate import Gate
from kbsync.service.historian import Historian
from kbsync.service.keeper import Keeper
from kbsync.service.planner import Planner
from kbsync.service.requests import Requests
from kbsync.service.schedule import Schedule
from kbsync.service.systemd import Notifier
from kbsync.service.traffic import Follower, Sender
from kbsync.service.worker import Worker
from kbsync.watch import Dirty, Watch

_TICK = 1.0
_EVERY = 5
#: A step that takes longer than this is taken for stuck, in seconds.
_PATIENCE = 900.0
_STOP_SECONDS = 30.0


class Ended(Enum):
    """Why a service ended."""

    STOPPED = "stopped"
    RELOAD = "reload"


class Service:
    """Watches, plans, sends and follows until it is asked to stop.

    All threads are made here; `run` starts them, watches over them, and waits for their end.
    """

    def __init__(
        self, engine: Engine, settings: Settings, notifier: Notifier, checks: Checks | None = None
    ) -> None:
        self._engine = engine
        self._notifier = notifier
        self._asked = threading.Event()
        self._ended = Ended.STOPPED
        self._since = time.time()
        self._log = get_logger()
        names = [folder.name for folder in settings.folders]
        self._dirty = Dirty()
        self._requests = Requests()
        self._gate = Gate(names, chance=random.random)
        self._schedule = Schedule(settings.folders, self._ask)
        self._watches = [
            Watch(
                folder.name,
                engine.folders[folder.name].root,
                engine.folders[folder.name].filters,
                folder.watch,
                self._dirty.mark,
            )
            for folder in settings.folders
        ]
        for folder in settings.folders:
            self._dirty.configure(folder.name, folder.settle, folder.max_delay)
        self._planning = Planner(
            engine,
            self._dirty,
            self._requests,
            self._wake_traffic,
            grace=_TICK + 2 * max(folder.settle for folder in settings.folders),
        )
        self._planner = Worker("planner", self._planning.step)
        self._follower = Worker("follower", Follower(engine, self._gate, self._wake_senders).step)
        auditor = Auditor(engine, self._gate, settings.folders, time.time, self._after_repair)
        self._auditor = Worker("auditor", auditor.step)
        self._keeper = Worker("keeper", Keeper(engine.ledger, time.time).step)
        historian = Historian(engine, settings.keep_history, time.time)
        self._historian = Worker("historian", historian.step)
        self._checkers = [Worker("checker", Checker(engine.ledger, checks).step)] if checks else []
        sender = Sender(engine, self._gate, time.time, self._follower.wake)
        self._senders = [
            Worker(f"sender-{number}", sender.step)
            for number in range(settings.server.max_connections)
        ]

    def ask(self, ended: Ended) -> None:
        """Ask it to end; safe in a signal handler."""
        self._ended = ended
        self._asked.set()

    def run(self) -> Ended:
        """Work until asked to end; raises what a thread could not handle."""
        try:
            self._start()
            ticks = 0
            while not self._asked.wait(_TICK):
                ticks += 1
                self._tick(ticks)
        finally:
            self._stop()
        for worker in self._workers:
            if worker.error is not None:
                raise worker.error
        return self._ended

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
        ]

    def _start(self) -> None:
        """Arm everything before the first scan, so that nothing falls between."""
        self._engine.ledger.recover()
        for watch in self._watches:
            watch.start()
        for name in self._engine.folders:
            self._ask(name, "start")
        for worker in self._workers:
            worker.start()
        self._schedule.start()
        self._notifier.ready()
        self._publish()
        self._log.info("started", folders=len(self._engine.folders), pid=os.getpid())

    def _tick(self, ticks: int) -> None:
        if any(worker.error is not None for worker in self._workers):
            self._asked.set()
            return
        if self._dirty.next_due() is not None:
            self._planner.wake()
        if self._engine.ledger.touched():
            self._take_wishes()
        while self._engine.newly_adopted:
            self._ask(self._engine.newly_adopted.popleft(), "adopted")
        if ticks % _EVERY:
            return
        for watch in self._watches:
            watch.check()
        if self.unhealthy() is None:
            self._notifier.alive()
        self._notifier.status(self._line())
        self._publish()

    def _take_wishes(self) -> None:
        """Another process wrote into the ledger: `approve` wants a scan, `retry` is work due."""
        for name in self._engine.ledger.folders_with_approvals():
            if name in self._engine.folders:
                self._ask(name, "approval")
        self._wake_senders()

    def unhealthy(self) -> str | None:
        """What is wrong inside the service, or None; a server that is away is not its fault."""
        for worker in self._workers:
            if worker.problem is not None:
                return f"{worker.name}: {worker.problem}"
            if not worker.healthy(_PATIENCE):
                return f"{worker.name} is stuck or dead"
        if not self._schedule.running:
            return "the scheduler has ended"
        for watch in self._watches:
            if not watch.status.healthy:
                return f"watching: {watch.status.problem}"
        return None

    def _stop(self) -> None:
        """Stop in the order in which work flows; each waits for its current document."""
        self._notifier.stopping()
        for watch in self._watches:
            watch.stop()
        if self._schedule.running:
            self._schedule.stop()
        for worker in self._workers:
            worker.stop()
        deadline = time.monotonic() + _STOP_SECONDS
        late = [
            worker.name
            for worker in self._workers
            if not worker.join(max(0.0, deadline - time.monotonic()))
        ]
        if late:
            self._log.warning("stopped without waiting any longer", threads=late)
        self._engine.ledger.publish("service", "")
        self._log.info("stopped", reason=self._ended.value)

    def _ask(self, name: str, reason: str) -> None:
        self._requests.ask(name, reason)
        self._planner.wake()

    def _after_repair(self) -> None:
        """Rows were put to work, and orphans got one: look again at everything."""
        for name in self._engine.folders:
            self._ask(name, "audit")
        self._wake_senders()

    def _wake_senders(self) -> None:
        for worker in self._senders:
            worker.wake()

    def _wake_traffic(self) -> None:
        """Something is planned: to be sent or deleted, or to be described after a move."""
        self._wake_senders()
        self._follower.wake()

    def _line(self) -> str:
        counts = [self._engine.ledger.counts(name) for name in self._engine.folders]
        told = ", ".join(
            f"{sum(count[state] for count in counts)} {state.value}"
            for state in (State.COMPLETED, State.PENDING, State.INDEXING, State.FAILED)
        )
        problem = self.unhealthy() or self._gate.problem
        return f"{told}; {problem}" if problem else told

    def _publish(self) -> None:
        """Tell `kbsync status`, which reads the ledger."""
        folders = {}
        for watch in self._watches:
            status, upcoming = watch.status, self._schedule.next_scan(watch.folder)
            folders[watch.folder] = {
                "watch": status.mode,
                "lost_events": status.lost_events,
                "problem": status.problem,
                "next_scan": None if upcoming is None else upcoming.timestamp(),
            }
        told = {
            "pid": os.getpid(),
            "since": self._since,
            "at": time.time(),
            "problem": self.unhealthy() or self._gate.problem,
            "folders": folders,
        }
        self._engine.ledger.publish("service", json.dumps(told))


_LEVELS = {
    Happened.FAILED: "warning",
    Happened.UNKNOWN: "warning",
    Happened.HELD: "warning",
    Happened.MENDED: "warning",
    Happened.POSTPONED: "warning",
    Happened.STUCK: "warning",
    Happened.DRIFT: "warning",
    Happened.UNCHANGED: "debug",
    Happened.SENT: "debug",
}


def log_event(event: Event) -> None:
    """One line for each change of a file's state."""
    level = _LEVELS.get(event.happened, "info")
    fields = {FOLDER: event.folder} if event.folder else {}
    if event.path:
        fields[PATH] = event.path
    if event.text:
        fields["reason"] = event.text
    getattr(get_logger(), level)(event.happened.value, **fields)
