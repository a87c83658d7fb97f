"""A fleet on one server with a shared rate limit, simulated with the real transport and gate.

Time is virtual: a thread that waits gives its turn to the one that wakes next. So an hour of a
fleet takes seconds, and the same seed gives the same hour.
"""

from __future__ import annotations

import heapq
import itertools
import random
import statistics
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import structlog

from bench.measure import keep
from kbsync.errors import Unavailable
from kbsync.service.gate import Gate
from kbsync.transport import Call, Transport

#: Requests a minute that the server takes from everybody together (Dify Cloud: 10, 100 or 1,000).
LIMIT = 100
INSTANCES, THREADS = 24, 2
HOURS = 2
_APP_PAUSE = 6.0
_LATENCY = 0.3
_REFUSAL = {
    "code": "forbidden",
    "message": "Sorry, you have reached the knowledge base request rate limit of your"
    " subscription.",
    "status": 403,
}


class World:
    """The clock, and whose turn it is."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = itertools.count()
        self._sleeping: list[tuple[float, int, threading.Semaphore]] = []

    def clock(self) -> float:
        """Seconds since the beginning."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let the others go on until this time has passed."""
        turn = threading.Semaphore(0)
        heapq.heappush(self._sleeping, (self.now + seconds, next(self._order), turn))
        self._pass_on()
        turn.acquire()

    def run(self, works: list[Callable[[], None]]) -> None:
        """Let all begin at once, and wait until each has come to its end."""
        threads = []
        for work in works:
            turn = threading.Semaphore(0)
            heapq.heappush(self._sleeping, (self.now, next(self._order), turn))
            threads.append(threading.Thread(target=self._lived, args=(turn, work)))
        for thread in threads:
            thread.start()
        self._pass_on()
        for thread in threads:
            thread.join()

    def _lived(self, turn: threading.Semaphore, work: Callable[[], None]) -> None:
        turn.acquire()
        try:
            work()
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        if self._sleeping:
            self.now, _, turn = heapq.heappop(self._sleeping)
            turn.release()


@dataclass
class Server:
    """Takes LIMIT requests in any sixty seconds; what it refuses counts as well (seen live)."""

    world: World
    seen: deque[float] = field(default_factory=deque)
    taken: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def takes(self, who: str) -> bool:
        """Count a request, and say whether it is answered."""
        now = self.world.now
        self.seen.append(now)
        while self.seen[0] <= now - 60:
            self.seen.popleft()
        accepted = len(self.seen) <= LIMIT
        (self.taken if accepted else self.refused)[who] += 1
        return accepted


class Wire(Transport):
    """The real transport, but for the wire."""

    def __init__(self, server: Server, who: str, budget: int, chance: Callable[[], float]) -> None:
        super().__init__(
            "http://127.0.0.1:9/v1",
            "dataset-fleet",
            requests_per_minute=budget,
            clock=server.world.clock,
            sleep=server.world.sleep,
            chance=chance,
        )
        self._server = server
        self._who = who

    def _exchange(self, call: Call, quiet: float | None = None) -> httpx.Response:
        self._server.world.sleep(_LATENCY)
        if self._server.takes(self._who):
            return httpx.Response(200, json={"document": {"id": call.path}, "quiet": quiet})
        return httpx.Response(403, json=_REFUSAL)


def _instance(world: World, wire: Wire, gate: Gate) -> None:
    """What a sender of the service does: as many documents as it may."""
    call = Call("create", "POST", "/datasets/x/document/create-by-file", json={})
    while world.now < HOURS * 3600:
        if (closed := gate.closed_for()) > 0:
            world.sleep(closed)
            continue
        try:
            wire.call(call)
        except Unavailable as error:
            gate.missed(error)
        else:
            gate.answered()


def _apps(world: World, server: Server) -> None:
    """Chat bots that search the same datasets, ten times a minute."""
    while world.now < HOURS * 3600:
        world.sleep(_APP_PAUSE)
        server.takes("apps")


def _simulated(budget: int, seed: int) -> dict[str, float]:
    world, chance = World(), random.Random(seed).random
    server = Server(world)
    works: list[Callable[[], None]] = [lambda: _apps(world, server)]
    wires = []
    for number in range(INSTANCES):
        who = f"instance {number}"
        wire, gate = (
            Wire(server, who, budget, chance),
            Gate([who], clock=world.clock, chance=chance),
        )
        wires.append(wire)
        works += [partial(_instance, world, wire, gate)] * THREADS
    world.run(works)
    for wire in wires:
        wire.close()
    each = sorted(server.taken[f"instance {number}"] for number in range(INSTANCES))
    sent, refused = sum(each), server.refused.total() - server.refused["apps"]
    asked = server.taken["apps"] + server.refused["apps"]
    return {
        "documents_a_minute": round(sent / HOURS / 60, 1),
        "of_the_limit": round(sent / HOURS / 60 / LIMIT, 2),
        "refused_requests": round(refused / max(1, sent + refused), 3),
        "refused_searches_of_apps": round(server.refused["apps"] / asked, 3),
        "least_to_median": round(each[0] / max(1, statistics.median(each)), 2),
        "most_to_median": round(each[-1] / max(1, statistics.median(each)), 2),
    }


def run(_place: Path) -> None:
    """Simulate the fleet without budgets, and with budgets that leave a fifth to others."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    told: dict[str, dict[str, float]] = {}
    budgets = {"no budget": 0, "an equal share of 80 %": max(1, LIMIT * 8 // 10 // INSTANCES)}
    print(f"\n{INSTANCES} instances, {LIMIT} requests a minute for all, {HOURS} h (virtual)")
    for name, budget in budgets.items():
        told[name] = _simulated(budget, seed=1)
        print(f"  {name}: " + ", ".join(f"{key} {value}" for key, value in told[name].items()))
    keep("fleet with a shared rate limit", told)
