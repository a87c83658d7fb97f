"""Three processes write at once more than the kernel's small queue of events can hold."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.daemon import configuration, memory, service, wait_until, wait_until_idle
from bench.measure import keep
from kbsync.ledger import Ledger
from kbsync.model import State

_QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")
_SMALL = 512
_WRITERS = 3

_WRITE = """
import os, sys
root, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
for number in range(count):
    directory = f"{root}/{name}/{number // 100:04}"
    if number % 100 == 0:
        os.makedirs(directory)
    with open(f"{directory}/{number:06}.md", "w") as file:
        file.write(f"# {number}\\n\\nof writer {name}\\n")
"""

_COUNT = """
import sys
from watchfiles import watch
seen = set()
print("watching", flush=True)
for changes in watch(sys.argv[1], rust_timeout=5_000, yield_on_timeout=True):
    if not changes and seen:
        break
    seen |= {path for _, path in changes if path.endswith(".md")}
print(len(seen), flush=True)
"""


def run(place: Path, count: int) -> None:
    """Write `count` files below a running service whose server is away, and see what it knows."""
    tree = place / "tree"
    tree.mkdir()
    config = configuration(place, tree, "http://127.0.0.1:9/v1")
    with ExitStack() as stack:
        with _small_queue() as queue:
            pid = stack.enter_context(service(place, config))
            watching = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", _COUNT, str(tree)], stdout=subprocess.PIPE, text=True
                )
            )
            assert watching.stdout is not None
            watching.stdout.readline()
        resident, _ = memory(pid)
        started = time.monotonic()
        _write(tree, count)
        written = time.monotonic()
        wait_until(lambda: _known(place) == count, "all files are known", every=0.2)
        known = time.monotonic()
        idle = wait_until_idle(pid)
        _, peak = memory(pid)
        reported = int(watching.stdout.readline())
    walk = _timed(["find", str(tree), "-printf", "%s %T@ %C@ %i %p\\n"])
    plan = _timed([sys.executable, "-m", "kbsync", "plan", "-c", str(config)])
    figures = {
        "events_that_the_kernel_keeps": queue,
        "written_in_seconds": round(written - started, 1),
        "files_known_to_kbsync": _known(place),
        "files_reported_by_watchfiles": reported,
        "known_seconds_after_the_last": round(known - written, 1),
        "idle_seconds_after_the_last": round(idle - written, 1),
        "find_with_stat_seconds": round(walk, 2),
        "kbsync_plan_seconds": round(plan, 2),
        "idle_to_plan": round((idle - written) / plan, 1),
        "resident_mb_before": round(resident / 1e6, 1),
        "peak_mb": round(peak / 1e6, 1),
    }
    title = f"burst of {count} files by {_WRITERS} processes"
    print(f"\n{title}")
    for name, value in figures.items():
        print(f"  {name:<32} {value}")
    keep(title, figures)


def _write(tree: Path, count: int) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITE, str(tree), f"w{number}", str(count // _WRITERS)]
        )
        for number in range(_WRITERS)
    ]
    if any(writer.wait() for writer in writers):
        raise RuntimeError("a writer failed")


def _known(place: Path) -> int:
    with Ledger.open(place / "ledger.db", readonly=True) as ledger:
        counts = ledger.counts("bench")
    return sum(count for state, count in counts.items() if state is not State.SKIPPED)


def _timed(command: list[str]) -> float:
    started = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    return time.monotonic() - started


@contextmanager
def _small_queue() -> Iterator[int]:
    """Let those that begin to watch meanwhile have a small queue, if we may; gives its length."""
    before = _QUEUE.read_text()
    try:
        _QUEUE.write_text(str(_SMALL))
    except PermissionError:
        print(f"only root can make the kernel's queue small ({_QUEUE}); it stays as it is")
        yield int(before)
        return
    try:
        yield _SMALL
    finally:
        _QUEUE.write_text(before)
