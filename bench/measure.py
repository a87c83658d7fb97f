"""Run commands in turns and compare their medians."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Figure:
    """Wall seconds of each round, the largest resident memory in bytes, and seconds of processor.

    On a busy machine the processor's seconds say more than those on the wall.
    """

    name: str
    seconds: tuple[float, ...]
    memory: int = 0
    cpu: float = 0.0

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
    cpu: dict[str, list[float]] = {name: [] for name in commands}
    memory = dict.fromkeys(commands, 0)
    for _ in range(rounds):
        for name, command in commands.items():
            elapsed, used, peak = once(command)
            seconds[name].append(elapsed)
            cpu[name].append(used)
            memory[name] = max(memory[name], peak)
    return [
        Figure(name, tuple(seconds[name]), memory[name], statistics.median(cpu[name]))
        for name in commands
    ]


# A process inherits the memory mark of who starts it, so the starter is a small one of its own.
_STARTER = """
import os, sys, time
started = time.perf_counter()
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ,
    file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
_, status, usage = os.wait4(child, 0)
elapsed = time.perf_counter() - started
used = usage.ru_utime + usage.ru_stime
print(os.waitstatus_to_exitcode(status), elapsed, used, usage.ru_maxrss * 1024)
"""


def once(command: Sequence[str]) -> tuple[float, float, int]:
    """Wall seconds, processor seconds and the largest resident memory in bytes of a command.

    Raises:
        RuntimeError: it failed; the text is what it said.
    """
    starter = [sys.executable, "-I", "-S", "-c", _STARTER, *command]
    result = subprocess.run(starter, capture_output=True, text=True, check=True)
    code, elapsed, used, memory = result.stdout.split()
    if code != "0":
        raise RuntimeError(f"{command[0]} ended with {code}: {result.stderr}")
    return float(elapsed), float(used), int(memory)


def report(title: str, figures: Sequence[Figure], *, ours: str) -> None:
    """Print ratios to ours, and keep the figures with the machine they were taken on."""
    mine = next(figure for figure in figures if figure.name == ours)
    print(f"\n{title}")
    for figure in figures:
        note = "" if figure is mine else f"   {ours} takes {_ratios(mine, figure)}"
        memory = f"{figure.memory / 1e6:7.1f} MB" if figure.memory else ""
        print(
            f"  {figure.name:<32} {figure.median * 1000:8.0f} ms +-{figure.spread:4.0%}"
            f" {memory}{note}"
        )
    keep(
        title,
        [
            {
                "name": figure.name,
                "median_ms": round(figure.median * 1000, 1),
                "spread": round(figure.spread, 3),
                "cpu_ms": round(figure.cpu * 1000, 1) or None,
                "memory_mb": round(figure.memory / 1e6, 1) or None,
                "ours_takes_of_its_time": round(mine.median / figure.median, 3),
                "ours_takes_of_its_cpu": _of(mine.cpu, figure.cpu),
            }
            for figure in figures
        ],
    )


def _ratios(mine: Figure, other: Figure) -> str:
    told = f"{mine.median / other.median:5.2f} of its time"
    cpu = _of(mine.cpu, other.cpu)
    return told if cpu is None else f"{told}, {cpu:5.2f} of its processor time"


def _of(mine: float, other: float) -> float | None:
    return round(mine / other, 3) if mine and other else None


def keep(title: str, figures: object) -> None:
    """Write figures to a file of this title, with the machine they were taken on."""
    RESULTS.mkdir(exist_ok=True)
    kept = {
        "title": title,
        "machine": {
            "cores": os.cpu_count(),
            "load_at_the_end": round(os.getloadavg()[0], 1),
            "system": platform.platform(),
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
        },
        "figures": figures,
    }
    name = "-".join(title.lower().replace(",", "").split())
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=2) + "\n")
