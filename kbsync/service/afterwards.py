"""What a one-shot run does when its work is done: it tells the hooks, as the service does."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from kbsync.config import Settings
from kbsync.engine.engine import Engine
from kbsync.service.herald import Herald, Pace, Source, heralds

#: How long workflows are followed, in seconds; the next run goes on with it.
_LONGEST = 600.0
_AT_ONCE = Pace(patience=0.0, gather=0.0)


def tell_afterwards(engine: Engine, settings: Settings, run: int, problem: str | None) -> None:
    """Tell what is news, once and at once, and follow what was begun to its end.

    A KeyboardInterrupt ends all of it. `run` is the run's number, `problem` what kept it from its
    work, or None.
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
    telling = heralds(settings, source, time.time, time.monotonic, _AT_ONCE)
    over = threading.Event()
    with ThreadPoolExecutor(len(telling), thread_name_prefix="kbsync-herald") as threads:
        try:
            for told in [threads.submit(_tell, herald, over) for herald in telling]:
                told.result()
        finally:
            over.set()
            for herald in telling:
                herald.interrupt()


def _tell(herald: Herald, over: threading.Event) -> None:
    herald.step()
    until = time.monotonic() + _LONGEST
    while herald.under_way and time.monotonic() < until and not over.is_set():
        over.wait(herald.follow())
