"""`python -m tests.simulation`: many histories, or one again with everything that happens in it."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.lives import Clock, Dialect, a_server

from .history import replayed

DIALECTS: tuple[Dialect, ...] = ("1.16.1", "1.10.1", "1.16.1", "simple")


def lines_and_wrongs(seed: int) -> tuple[list[str], list[str]]:
    """One history in a place of its own."""
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="kbsync-simulation-", dir=place) as directory,
        a_server(DIALECTS[seed % len(DIALECTS)], Clock()) as standin,
    ):
        return replayed(seed, Path(directory), standin)


def main() -> int:
    """Run; returns 1 if a history ended badly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="replay this one")
    parser.add_argument("--first", type=int, default=1, help="begin with this one")
    parser.add_argument("--count", type=int, help="so many")
    parser.add_argument("--minutes", type=float, default=60.0, help="not longer than that")
    options = parser.parse_args()
    if options.seed is not None:
        lines, wrong = lines_and_wrongs(options.seed)
        print("\n".join([*lines, *(f"WRONG {one}" for one in wrong)]))  # noqa: T201
        return bool(wrong)
    tried = bad = 0
    started = time.monotonic()
    while tried != options.count and time.monotonic() - started < 60 * options.minutes:
        seed = options.first + tried
        _, wrong = lines_and_wrongs(seed)
        tried += 1
        if wrong:
            bad += 1
            print(f"make soak SEED={seed}\n  " + "\n  ".join(wrong), flush=True)  # noqa: T201
    print(f"{tried:,} histories, {bad} of them ended badly")  # noqa: T201
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
