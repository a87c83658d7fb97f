"""`make bench`: every benchmark, or those named: `python -m bench unchanged`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import first_sync, fleet, idle, latency, page, starting, transitions, unchanged

BENCHMARKS: dict[str, Callable[[Path], None]] = {
    "unchanged": lambda place: unchanged.run(place, 20_000),
    "unchanged-100k": lambda place: unchanged.run(place, 100_000),
    "starting": lambda place: starting.run(place, 20_000),
    "transitions": lambda place: transitions.run(place, 20_000),
    "fleet": fleet.run,
    "page": lambda place: page.run(place, 100_000),
    "latency": lambda place: latency.run(place, 100_000, 1_000),
    "idle": lambda place: idle.run(place, 100_000, 20_000, 120),
    "first-sync": lambda place: first_sync.run(place, 10_000),
}


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    for name in sys.argv[1:] or BENCHMARKS:
        with tempfile.TemporaryDirectory(prefix="kbsync-bench-") as place:
            BENCHMARKS[name](Path(place))


if __name__ == "__main__":
    main()
