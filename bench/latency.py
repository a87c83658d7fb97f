"""From an edit to the head of its upload, in a large tree, beside a bare watchfiles loop."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.daemon import SETTLE, configuration, cost, service, wait_until, wait_until_idle, warm
from bench.measure import keep
from bench.server import EDIT, KEY, Server, started
from bench.unchanged import make_tree

_PACE = 0.05


def run(place: Path, count: int, edits: int) -> None:
    """Edit `edits` of `count` files, twenty a second, with either watching."""
    tree, told = place / "tree", place / "walks.json"
    make_tree(tree, count)
    files = random.Random(1).sample(sorted(tree.rglob("*.md")), 2 * edits)
    with started(place) as server:
        config = configuration(place, tree, server.url)
        warm(config, server)
        with service(place, config, walks=told) as pid:
            wait_until_idle(pid)
            before = cost(pid)
            ours, since, until = _delays(server, files[:edits], first=0)
            used = cost(pid).seconds - before.seconds
        with _bare_loop(tree, server):
            theirs, _, _ = _delays(server, files[edits:], first=edits)
    listed = [
        path
        for at, path in json.loads(told.read_text())
        if since <= at <= until and path.startswith(str(tree))
    ]
    figures = {"kbsync run": _figures(ours), "a bare watchfiles loop": _figures(theirs)}
    title = f"event to upload, {count} files, {edits} edits"
    print(f"\n{title}: milliseconds beyond settle ({SETTLE:g} s)")
    for name, figure in figures.items():
        print(f"  {name:<28} " + ", ".join(f"{key} {value}" for key, value in figure.items()))
    print(
        f"  kbsync listed {len(listed)} directories of the tree in that time,"
        f" and used {used / edits * 1000:.1f} ms of a processor for an edit"
    )
    work = {
        "directories_listed_by_kbsync": len(listed),
        "kbsync_cpu_ms_an_edit": round(used / edits * 1000, 1),
    }
    keep(title, {"settle_ms": SETTLE * 1000, "beyond_settle": figures, **work})


def _delays(
    server: Server, files: Sequence[Path], *, first: int
) -> tuple[list[float], float, float]:
    """Seconds from each edit to its upload; when the first edit was, and the last upload."""
    edited: dict[int, float] = {}
    for number, file in enumerate(files, first):
        file.write_text(f"{EDIT.format(number)}\n" + "A line of some length about it.\n" * 30)
        edited[number] = time.monotonic()
        time.sleep(_PACE)
    arrived: dict[int, float] = {}

    def all_arrived() -> bool:
        arrived.update(server.arrivals())
        return edited.keys() <= arrived.keys()

    wait_until(all_arrived, "all uploads", every=0.5)
    delays = [arrived[number] - at for number, at in edited.items()]
    return delays, min(edited.values()), max(arrived.values())


def _figures(delays: Sequence[float]) -> dict[str, float]:
    beyond = sorted((delay - SETTLE) * 1000 for delay in delays)
    return {
        "median": round(statistics.median(beyond), 1),
        "p90": round(beyond[len(beyond) * 90 // 100], 1),
        "p99": round(beyond[len(beyond) * 99 // 100], 1),
        "most": round(beyond[-1], 1),
    }


@contextmanager
def _bare_loop(tree: Path, server: Server) -> Iterator[None]:
    loop = [sys.executable, "-m", "bench.bare_loop", str(tree), server.url, KEY, str(SETTLE)]
    with subprocess.Popen(loop, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it watches
        try:
            yield
        finally:
            process.terminate()
