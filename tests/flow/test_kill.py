"""A real process that is killed at random moments, again and again, while files change."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kbsync.standin import Fault
from tests.seams import TRIED

from .place import Place, a_place

_SOAK = bool(os.environ.get("SOAK"))
_KILLS = 200 if _SOAK else 6
_RUNS = [("run", "1.16.1"), ("reconcile", "1.10.1"), ("run", "1.10.1"), ("reconcile", "1.16.1")]
#: A process that does not come to its moment, because nothing is left to do, is killed then.
_LONGEST = 3.0
_ANIMALS = ("otters", "voles and their burrows", "herons", "newts of old ponds", "martens")


class Meddler:
    """Changes the files of a folder, by chance, while kbsync works on them."""

    def __init__(self, place: Place, chance: random.Random) -> None:
        self._place = place
        self._chance = chance
        self._made = 0
        self._past: list[str] = []
        place.write("stays.md", "the file that stays, about newts")
        for number in range(8):
            self._write(f"{number}.md")

    def change(self) -> None:
        """One change of one file."""
        root = self._place.root
        files = sorted(path for path in root.rglob("*.md") if path.name != "stays.md")
        path = f"{self._chance.choice(('', 'in/'))}{self._chance.randrange(12)}.md"
        what = self._chance.choice(("write", "write", "take back", "delete", "rename", "touch"))
        if what == "write" or not files:
            self._write(path)
        elif what == "take back":
            self._place.write(path, self._chance.choice(self._past))
        elif what == "delete":
            self._chance.choice(files).unlink()
        elif what == "rename":
            (root / path).parent.mkdir(exist_ok=True)
            self._chance.choice(files).rename(root / path)
        else:
            self._chance.choice(files).touch()

    def _write(self, path: str) -> None:
        self._made += 1
        text = f"text number {self._made}, about {self._chance.choice(_ANIMALS)}"
        self._past.append(text)
        self._place.write(path, text)


def kill_at_some_moment(
    place: Place, command: str, meddler: Meddler, chance: random.Random
) -> bool:
    """Start kbsync and kill it after some more requests; whether it was still at work."""
    place.standin.forget_requests()
    requests, moment = chance.randint(0, 30), chance.uniform(0, 0.05)
    with (place.root.parent / "service.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "kbsync", command, "--config", str(place.config)],
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
    deadline = time.monotonic() + _LONGEST
    while len(place.standin.requests) < requests and time.monotonic() < deadline:
        if process.poll() is not None:
            return False
        meddler.change()
        time.sleep(chance.uniform(0, 0.1))
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


@pytest.mark.parametrize(("command", "behave"), _RUNS if _SOAK else _RUNS[:2])
def test_killed_at_random_moments(tmp_path: Path, command: str, behave: str) -> None:
    """However often it is killed, a last run ends with one live document for each file."""
    chance = random.Random(f"{command} {behave} {os.environ.get('SEED', '')}")
    with a_place(tmp_path, behave=behave, pace=0.05) as place:
        place.configure(settle="50ms", max_delay="1s", max_delete_percent=100)
        place.standin.add_document(place.dataset_id, "by hand.md", b"made by hand, about grebes")
        theirs = next(one for one in place.documents() if one.name == "by hand.md")
        meddler = Meddler(place, chance)
        # The answer comes late: the effect is there, and whoever asked for it may be dead.
        place.standin.faults.add(Fault("delay", "POST", times=None, seconds=0.02))
        place.standin.faults.add(Fault("delay", "DELETE", times=None, seconds=0.02))
        killed = 0
        for _ in range(_KILLS):
            killed += kill_at_some_moment(place, command, meddler, chance)
        assert killed >= _KILLS // 2, "most of them ended before they could be killed"
        TRIED["kills"] += killed
        place.standin.faults.clear()
        said = place.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        [left] = [one for one in place.documents() if one.id == theirs.id]
        assert (left.body, left.enabled, left.metadata) == (theirs.body, True, {})
        place.equal(others=[theirs.id])
        place.calls()
        assert place.kbsync("reconcile").code == 0
        assert not place.calls(), "a settled folder costs no request"
