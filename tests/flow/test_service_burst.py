"""More changes at once than the kernel can keep for a running service."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kbsync.ledger import Ledger
from kbsync.standin import Fault

from .place import Place, a_place
from .test_service import PATIENCE, eventually, log_of, quick, service, stop

_QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")
_WRITERS, _FILES = 3, 2000

_WRITE = """
import sys, os
root, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
for number in range(count):
    directory = f"{root}/{name}/{number // 100}"
    os.makedirs(directory, exist_ok=True)
    with open(f"{directory}/{number}.md", "w") as file:
        file.write(f"file {number} of {name}, about swallows")
"""


@contextmanager
def small_queue(events: int) -> Iterator[None]:
    """Watches that are set meanwhile have a queue of so many events; skips for who may not."""
    if os.geteuid() != 0 or not os.access(_QUEUE, os.W_OK):
        pytest.skip(f"only root can make the kernel's queue small ({_QUEUE})")
    before = _QUEUE.read_text()
    _QUEUE.write_text(str(events))
    try:
        yield
    finally:
        _QUEUE.write_text(before)


def known_files(place: Place) -> int:
    with Ledger.open(place.ledger, readonly=True) as ledger:
        return sum(ledger.counts("docs").values())


def lost_events(place: Place) -> int:
    told = place.kbsync("status", "--json", "--offline").json
    return int(told["folders"][0]["lost_events"])


def test_a_burst_that_overflows_the_queue(tmp_path: Path) -> None:
    """The kernel loses events, which `status` counts, and the service loses no file."""
    with a_place(tmp_path) as place:
        quick(place)
        place.standin.faults.add(Fault("outage", times=None))
        with service(place) as process:
            with small_queue(256):
                eventually(lambda: "event=started" in log_of(place), "the start", place)
            writers = [
                subprocess.Popen(
                    [sys.executable, "-c", _WRITE, str(place.root), f"w{number}", str(_FILES)]
                )
                for number in range(_WRITERS)
            ]
            assert [writer.wait(PATIENCE) for writer in writers] == [0] * _WRITERS
            eventually(lambda: known_files(place) == _WRITERS * _FILES, "all files", place)
            eventually(lambda: "watching again" in log_of(place), "watches on all", place)
            place.write("w0/0/last.md", "made in a directory of the burst, about swallows")
            eventually(lambda: known_files(place) == _WRITERS * _FILES + 1, "the last", place)
            eventually(lambda: lost_events(place) > 0, "status", place)
            assert stop(process) == 0
