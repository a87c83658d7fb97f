"""Run commands in turns and compare their medians."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Figure:
    """Wall seconds of each round, and the largest resident memory in bytes."""

    name: str
    seconds: tuple[float, ...]
    memory: int

    @property
    def median(self) -> float:
        """The middle of the rounds, in seconds."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """Half the range of the middle half, relative to the median."""
        quarters = statistics.quantiles(self.seconds, n=4)
        return (quarters[2] - quarters[0]) / 2 / self.median


def compare(commands: Mapping[str, Sequence[str]], *, rounds: int = 7) -> list[Figure]:
    """Run each command once a round, in turns, so that all meet the same noise."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    memory = dict.fromkeys(commands, 0)
    for _ in range(rounds):
        for name, command in commands.items():
            elapsed, peak = _once(command)
            seconds[name].append(elapsed)
            memory[name] = max(memory[name], peak)
    return [Figure(name, tuple(seconds[name]), memory[name]) for name in commands]


# A process inherits the memory mark of who starts it, so the starter is a small one of its own.
_STARTER = """
import os, sys, time
started = time.perf_counter()
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ,
    file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
_, status, usage = os.wait4(child, 0)
elapsed = time.perf_counter() - started
print(os.waitstatus_to_exitcode(status), elapsed, usage.ru_maxrss * 1024)
"""


def _once(command: Sequence[str]) -> tuple[float, int]:
    """Wall seconds and the largest resident memory in bytes; raises when the command fails."""
    starter = [sys.executable, "-I", "-S", "-c", _STARTER, *command]
    result = subprocess.run(starter, capture_output=True, text=True, check=True)
    code, elapsed, memory = result.stdout.split()
    if code != "0":
        raise RuntimeError(f"{command[0]} ended with {code}: {result.stderr}")
    return float(elapsed), int(memory)


def report(title: str, figures: Sequence[Figure], *, ours: str) -> None:
    """Print ratios to ours, and keep the figures with the machine they were taken on."""
    mine = next(figure for figure in figures if figure.name == ours)
    print(f"\n{title}")
    for figure in figures:
        ratio = mine.median / figure.median
        note = "" if figure is mine else f"   {ours} takes {ratio:5.2f} of its time"
        print(
            f"  {figure.name:<28} {figure.median * 1000:8.0f} ms +-{figure.spread:4.0%}"
            f" {figure.memory / 1e6:7.1f} MB{note}"
        )
    keep(
        title,
        [
            {
                "name": figure.name,
                "median_ms": round(figure.median * 1000, 1),
                "spread": round(figure.spread, 3),
                "memory_mb": round(figure.memory / 1e6, 1),
                "ours_takes_of_its_time": round(mine.median / figure.median, 3),
            }
            for figure in figures
        ],
    )


def keep(title: str, figures: object) -> None:
    """Write figures to a file of this title, with the machine they were taken on."""
    RESULTS.mkdir(exist_ok=True)
    kept = {
        "title": title,
        "machine": {
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "figures": figures,
    }
    name = "-".join(title.lower().replace(",", "").split())
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=2) + "\n")
