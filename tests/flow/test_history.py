"""`kbsync history`: what happened is kept, told, followed and forgotten."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from kbsync.ledger import Ledger
from kbsync.standin import Fault

from .place import Place, a_place
from .test_service import eventually, is_equal, quick, service, stop


def events(place: Place, *arguments: str) -> list[tuple[str, str]]:
    """What the history tells, as (happened, path)."""
    told = place.kbsync("history", "--json", *arguments).json["events"]
    return [(event["happened"], event["path"]) for event in told]


def test_a_files_life_is_told(tmp_path: Path) -> None:
    """Sent, indexed, edited, deleted: each is told of the file, with how long it took."""
    with a_place(tmp_path) as place:
        place.write("deep/a.md", "the first version, about storks")
        place.write("b.md", "another file, about cranes")
        place.kbsync("reconcile")
        place.write("deep/a.md", "the second version, about storks")
        place.kbsync("reconcile")
        (place.root / "deep/a.md").unlink()
        place.kbsync("reconcile")
        happened = ["sent", "indexed", "sent", "indexed", "deleted"]
        assert events(place, "docs/deep/a.md") == [(word, "deep/a.md") for word in happened]
        assert events(place, "docs/deep") == events(place, str(place.root / "deep"))
        assert len(events(place, "docs")) == len(events(place)) == 7
        assert events(place, "docs", "--limit", "1") == [("deleted", "deep/a.md")]
        told = place.kbsync("history", "docs/b.md", "--json").json["events"][1]
        assert told["happened"] == "indexed"
        assert told["seconds"] > 0
        assert "after it was found changed" in place.kbsync("history", "docs/b.md").line("indexed")


def test_runs_are_told(tmp_path: Path) -> None:
    """Each run says what it was, how much it did, how long it took, and how it ended."""
    with a_place(tmp_path) as place:
        place.write("a.md", "a file about storks")
        place.kbsync("reconcile")
        place.standin.faults.add(Fault("index-error", name="b", times=None))
        place.write("b.md", "a file about cranes that the server cannot index")
        place.kbsync("reconcile")
        first, second = place.kbsync("history", "--runs", "--json").json["runs"]
        assert (first["kind"], first["folders"], first["result"]) == ("reconcile", ["docs"], "done")
        assert first["counts"] == {"sent": 1, "indexed": 1}
        assert first["seconds"] > 0
        assert second["result"] == "not everything is indexed"
        assert second["counts"]["failed"] == 1
        assert place.kbsync("history", "--runs").line("1 failed")


def test_a_killed_run_is_told_as_broken_off(tmp_path: Path) -> None:
    """What a crash left open is ended when the next run begins."""
    with a_place(tmp_path) as place:
        place.kbsync("reconcile")
        with Ledger.open(place.ledger) as ledger:
            ledger.begin_run("reconcile", time.time())
        place.kbsync("reconcile")
        runs = place.kbsync("history", "--runs", "--json").json["runs"]
        assert [run["result"] for run in runs] == ["done", "broke off", "done"]


def test_the_service_is_followed(tmp_path: Path) -> None:
    """`--follow` tells what a running service does as it does it, and ends well with Ctrl-C."""
    with a_place(tmp_path) as place:
        quick(place)
        place.write("a.md", "there from the start, about storks")
        with service(place) as process:
            eventually(lambda: is_equal(place), "the start", place)
            follow = subprocess.Popen(
                [sys.executable, "-m", "kbsync", "history", "--follow", "--json"],
                env={**os.environ, "KBSYNC_CONFIG": str(place.config)},
                stdout=subprocess.PIPE,
                text=True,
            )
            assert follow.stdout is not None
            told = json.loads(follow.stdout.readline())
            assert (told["happened"], told["path"]) == ("sent", "a.md")
            place.write("b.md", "made while it runs, about cranes")
            while (told["happened"], told["path"]) != ("indexed", "b.md"):
                told = json.loads(follow.stdout.readline())
            follow.send_signal(signal.SIGINT)
            assert follow.wait(30) == 0
            follow.stdout.close()
            assert stop(process) == 0
        (run,) = place.kbsync("history", "--runs", "--json").json["runs"]
        assert (run["kind"], run["result"]) == ("service", "done")
        assert run["counts"] == {"sent": 2, "indexed": 2}


def test_what_is_asked_wrongly(tmp_path: Path) -> None:
    """A path of no folder, and runs of one file, are refused with what to do."""
    with a_place(tmp_path) as place:
        assert place.kbsync("history").out == "nothing has been recorded\n"
        assert place.kbsync("history", "/nowhere/a.md").code == 2
        assert place.kbsync("history", "--runs", "docs").code == 2
