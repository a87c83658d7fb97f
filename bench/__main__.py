"""`make bench`: every benchmark but the longest, or those named: `python -m bench unchanged`."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import (
    burst,
    first_sync,
    fleet,
    idle,
    large,
    latency,
    page,
    starting,
    transitions,
    unchanged,
)

BENCHMARKS: dict[str, Callable[[Path], None]] = {
    "unchanged": lambda place: unchanged.run(place, 20_000),
    "unchanged-100k": lambda place: unchanged.run(place, 100_000),
    "starting": lambda place: starting.run(place, 20_000),
    "transitions": lambda place: transitions.run(place, 20_000),
    "fleet": fleet.run,
    "page": lambda place: page.run(place, 100_000),
    "latency": lambda place: latency.run(place, 100_000, 1_000),
    "idle": lambda place: idle.run(place, 100_000, 20_000, 120),
    "burst": lambda place: burst.run(place, 120_000),
    "first-sync": lambda place: first_sync.run(place, 10_000),
    "large": lambda place: large.run(place, 100),
}

#: Takes half an hour, two million names on a disk, and six gigabytes.
LONG: dict[str, Callable[[Path], None]] = {
    "unchanged-1m": lambda place: unchanged.run(place, 1_000_000, rounds=3, beside=100_000),
    "status-1m": lambda place: transitions.run_status(place, 1_000_000),
}


def main() -> None:
    """Run the benchmarks named on the command line, or all but the long ones."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS | LONG))
    parser.add_argument("--place", type=Path, help="work in this directory, and leave it")
    asked = parser.parse_args()
    for name in asked.names or BENCHMARKS:
        if name not in BENCHMARKS | LONG:
            parser.error(
                f"there is no benchmark {name!r}; there are {', '.join(BENCHMARKS | LONG)}"
            )
        if asked.place is not None:
            asked.place.mkdir(parents=True, exist_ok=True)
            (BENCHMARKS | LONG)[name](asked.place)
            continue
        with tempfile.TemporaryDirectory(prefix="kbsync-bench-") as place:
            (BENCHMARKS | LONG)[name](Path(place))


if __name__ == "__main__":
    main()
