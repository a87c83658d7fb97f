"""What a one-shot run does when its work is done: it tells the hooks, as the service does."""

from __future__ import annotations

import time
from collections.abc import Callable

from kbsync.config import Settings
from kbsync.engine.engine import Engine
from kbsync.service.herald import Pace, Source, heralds

#: How long workflows are followed, in seconds; the next run goes on with it.
_LONGEST = 600.0
_AT_ONCE = Pace(patience=0.0, gather=0.0)


def tell_afterwards(
    engine: Engine,
    settings: Settings,
    run: int,
    problem: str | None,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Tell what is news, once and at once, and follow what was begun to its end.

    `run` is the run's number, `problem` what kept it from its work, or None; `pause` waits so many
    seconds.
    """
    questions = [check.question for check in settings.checks]
    source = Source(
        engine.ledger,
        list(engine.folders),
        questions,
        lambda: problem,
        lambda: None,
        engine.tell,
        run,
    )
    telling = heralds(settings, source, time.time, time.monotonic, _AT_ONCE).values()
    until = time.monotonic() + _LONGEST
    for herald in telling:
        herald.step()
        while herald.under_way and time.monotonic() < until:
            pause(herald.follow())
