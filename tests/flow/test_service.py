"""`kbsync run` as a process: events in, documents out, signals, faults, restarts."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kbsync.model import Want
from kbsync.standin import Fault

from .place import Place, a_place

PATIENCE = 30.0


@contextmanager
def service(place: Place, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """A running `kbsync run`; killed at the end if a test has not stopped it."""
    with (place.root.parent / "service.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "kbsync", "run", "--config", str(place.config)],
            stdout=subprocess.DEVNULL,
            stderr=log,
            text=True,
            env={**os.environ, **environ},
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def stop(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(PATIENCE)


def eventually(condition: Callable[[], bool], what: str, place: Place) -> None:
    """Wait until something is so; fails with the service's log."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            log = (place.root.parent / "service.log").read_text()
            pytest.fail(f"not within {PATIENCE:.0f} s: {what}\n{log}")
        time.sleep(0.02)


def is_equal(place: Place) -> bool:
    """Whether each file has exactly one document, completed, with the file's bytes."""
    try:
        place.equal()
    except (AssertionError, FileNotFoundError, KeyError):
        return False
    except Exception as error:
        if "ledger" in str(error):  # not made yet
            return False
        raise
    return True


def log_of(place: Place) -> str:
    return (place.root.parent / "service.log").read_text()


def quick(place: Place) -> None:
    place.configure(settle="100ms", max_delay="5s")


def test_a_day_in_short(tmp_path: Path) -> None:
    """What is there at the start is caught up, and each kind of change follows by itself."""
    with a_place(tmp_path) as place:
        quick(place)
        place.write("old.md", "there before the start, about herons")
        with service(place) as process:
            eventually(lambda: is_equal(place), "the first file", place)
            place.write("new.md", "made while it runs, about otters")
            place.write("deep/er/file.md", "made right after its directories, about voles")
            eventually(lambda: is_equal(place), "new files", place)
            place.write("new.md", "edited while it runs, about otters")
            eventually(lambda: is_equal(place), "an edit", place)
            place.calls()
            (place.root / "deep").rename(place.root / "moved")
            eventually(lambda: _is_at(place, "moved/er/file.md"), "a moved directory", place)
            eventually(lambda: is_equal(place), "its documents", place)
            assert place.calls()["create"] == 0
            temporary = place.write("old.md.tmp~", "saved by an editor, about herons")
            temporary.rename(place.root / "old.md")
            eventually(lambda: is_equal(place), "an atomic save", place)
            (place.root / "new.md").unlink()
            shutil.rmtree(place.root / "moved")
            eventually(lambda: is_equal(place), "deletions", place)
            assert stop(process) == 0


def _is_at(place: Place, path: str) -> bool:
    """Whether a document's metadata says that it is of this file."""
    return any(document.metadata.get("kbsync_path") == path for document in place.documents())


def test_a_move_in_two_steps(tmp_path: Path) -> None:
    """A file that leaves the folder and appears elsewhere in it within `settle` is the same."""
    with a_place(tmp_path) as place:
        place.configure(settle="1s", max_delay="20s")
        place.write("in/a.md", "a file that is carried about, about herons and their fish")
        place.write("stays.md", "the file that stays, about newts")
        with service(place) as process:
            eventually(lambda: is_equal(place), "the start", place)
            place.calls()
            (place.root / "in/a.md").rename(tmp_path / "a.md")
            eventually(lambda: place.record("in/a.md").want is Want.ABSENT, "its deletion", place)
            (tmp_path / "a.md").rename(place.root / "b.md")
            eventually(lambda: _is_at(place, "b.md"), "the move", place)
            eventually(lambda: is_equal(place), "the end", place)
            calls = place.calls()
            assert (calls["create"], calls["delete"]) == (0, 0)
            assert stop(process) == 0


def test_a_directory_moved_in_and_out(tmp_path: Path) -> None:
    """A directory moved into the folder is synced, and moved out again, its documents go."""
    with a_place(tmp_path) as place:
        quick(place)
        place.write("stays.md", "the file that stays, about newts")
        outside = tmp_path / "outside"
        outside.mkdir()
        for number in range(5):
            (outside / f"{number}.md").write_text(f"number {number}, about newts and toads")
        with service(place) as process:
            eventually(lambda: is_equal(place), "the start", place)
            outside.rename(place.root / "in")
            eventually(lambda: is_equal(place), "moved in", place)
            place.write("in/0.md", "edited after the move, about newts and toads")
            eventually(lambda: is_equal(place), "an edit inside", place)
            (place.root / "in").rename(tmp_path / "out")
            eventually(lambda: is_equal(place), "moved out", place)
            assert stop(process) == 0


def test_a_burst_is_one_upload_each(tmp_path: Path) -> None:
    """A file that is written again and again while it settles is uploaded once."""
    with a_place(tmp_path) as place:
        place.configure(settle="1s", max_delay="20s")
        with service(place) as process:
            eventually(lambda: "started" in log_of(place), "the start", place)
            for number in range(50):
                place.write("a.md", f"version {number} of a file about shrews and their tunnels")
            place.write("~$a.docx", "an office lock file")
            place.write("b.md.part", "a download under way")
            eventually(lambda: len(place.documents()) == 1, "the upload", place)
            eventually(
                lambda: place.documents()[0].body.startswith(b"version 49"), "the last one", place
            )
            assert stop(process) == 0
        assert place.calls()["create"] == 1


def test_nothing_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that has nothing to do holds no connection open, also where the server would."""
    monkeypatch.setattr("kbsync.standin.server.KEEP_ALIVE_SECONDS", 600)
    with a_place(tmp_path) as place:
        quick(place)
        for number in range(12):
            place.write(f"{number}.md", f"text {number}")
        with service(place) as process:
            eventually(lambda: is_equal(place), "everything is in", place)
            eventually(lambda: open_to(place.base_url) == 0, "connections are closed", place)
            assert stop(process) == 0


def open_to(base_url: str) -> int:
    """How many established connections to this port there are on the machine."""
    port = int(base_url.rpartition(":")[2].partition("/")[0])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[2].rpartition(":")[2], 16) == port and row[3] == "01" for row in rows)


def test_a_reload(tmp_path: Path) -> None:
    """SIGHUP takes up a good configuration, and refuses a bad one and goes on with the old."""
    with a_place(tmp_path) as place:
        quick(place)
        place.write("drafts/a.md", "a draft about weasels")
        with service(place) as process:
            eventually(lambda: is_equal(place), "the start", place)
            good = place.config.read_text()
            place.config.write_text(good + "nonsense = 1\n")
            process.send_signal(signal.SIGHUP)
            eventually(lambda: "configuration refused" in log_of(place), "the refusal", place)
            assert "nonsense" in log_of(place)
            place.write("b.md", "made after the refusal, about weasels")
            eventually(lambda: is_equal(place), "it goes on", place)
            place.config.write_text(good)
            place.configure(exclude=["drafts/"])
            process.send_signal(signal.SIGHUP)
            eventually(lambda: len(place.documents()) == 1, "the filter", place)
            assert stop(process) == 0


def test_the_server_is_away_for_a_while(tmp_path: Path) -> None:
    """An outage is waited out; what changed meanwhile is there afterwards, once."""
    with a_place(tmp_path) as place:
        quick(place)
        place.write("a.md", "there before the outage, about martens")
        with service(place) as process:
            eventually(lambda: is_equal(place), "the start", place)
            place.standin.faults.add(Fault("outage", times=None))
            place.write("a.md", "edited in the outage, about martens")
            place.write("b.md", "made in the outage, about martens")
            eventually(lambda: "server unavailable" in log_of(place), "it is noticed", place)
            place.standin.faults.clear()
            eventually(lambda: is_equal(place), "the catch-up", place)
            assert stop(process) == 0


def test_killed_and_started_again(tmp_path: Path) -> None:
    """SIGKILL in the middle, changes while it is down, a restart: all is there, once."""
    with a_place(tmp_path) as place:
        quick(place)
        for number in range(60):
            place.write(f"{number}.md", f"document number {number}, about voles and their burrows")
        place.standin.faults.add(Fault("delay", "POST", times=None, seconds=0.05))
        with service(place) as process:
            eventually(lambda: len(place.standin.requests) > 20, "some uploads", place)
            process.send_signal(signal.SIGKILL)
            process.wait()
        place.standin.faults.clear()
        place.write("3.md", "edited while it was down, about voles and their burrows")
        (place.root / "4.md").unlink()
        with service(place) as process:
            eventually(lambda: is_equal(place), "all", place)
            assert stop(process) == 0


def test_a_stop_during_uploads(tmp_path: Path) -> None:
    """SIGTERM finishes the documents under way, and the next start goes on."""
    with a_place(tmp_path) as place:
        quick(place)
        for number in range(60):
            place.write(f"{number}.md", f"document number {number}, about voles and their burrows")
        place.standin.faults.add(Fault("delay", "POST", times=None, seconds=0.05))
        with service(place) as process:
            eventually(lambda: len(place.standin.requests) > 20, "some uploads", place)
            assert stop(process) == 0
        made = len(place.documents())
        assert 0 < made < 60
        place.standin.faults.clear()
        place.standin.forget_requests()
        with service(place) as process:
            eventually(lambda: is_equal(place), "all", place)
            assert stop(process) == 0
        assert place.calls()["create"] == 60 - made


@pytest.mark.parametrize("watch", ["native", "poll"])
def test_the_root_goes_and_comes_back(tmp_path: Path, watch: str) -> None:
    """A root that vanishes keeps its documents; another directory of its name is watched again."""
    with a_place(tmp_path) as place:
        place.configure(settle="100ms", max_delay="5s", watch=watch, poll_interval="1s")
        place.write("a.md", "there from the start, about pikes")
        with service(place) as process:
            eventually(lambda: is_equal(place), "the start", place)
            place.root.rename(tmp_path / "away")
            eventually(lambda: "event=held" in log_of(place), "the hold", place)
            assert len(place.documents()) == 1
            shutil.copytree(tmp_path / "away", place.root)
            place.write("b.md", "in the new directory of that name, about pikes")
            eventually(lambda: is_equal(place), "the return", place)
            eventually(lambda: "no longer held" in log_of(place), "the end of the hold", place)
            place.write("c.md", "made after the return, about pikes")
            eventually(lambda: is_equal(place), "watched again", place)
            assert stop(process) == 0


def test_many_small_deletions_meet_the_limit(tmp_path: Path) -> None:
    """Deletions that trickle in are held as a mass deletion would be."""
    with a_place(tmp_path) as place:
        place.configure(settle="50ms", max_delay="1s", max_delete_count=5)
        for number in range(30):
            place.write(f"{number}.md", f"document number {number}, about voles and their burrows")
        with service(place) as process:
            eventually(lambda: is_equal(place), "the start", place)
            for number in range(3):
                (place.root / f"{number}.md").unlink()
            eventually(lambda: len(place.documents()) == 27, "a few", place)
            for number in range(3, 9):
                (place.root / f"{number}.md").unlink()
            eventually(lambda: "event=held" in log_of(place), "the hold", place)
            assert len(place.documents()) == 27
            assert stop(process) == 0


def test_status_while_it_runs(tmp_path: Path) -> None:
    """`kbsync status` reads how the service watches, scans and waits; a second one is refused."""
    with a_place(tmp_path) as place:
        quick(place)
        place.write("a.md", "there from the start, about pikes")
        with service(place) as process:
            eventually(lambda: is_equal(place), "the start", place)
            told = place.kbsync("status", "--json", "--offline").json
            folder = told["folders"][0]
            assert folder["watch"] == "native"
            assert folder["lost_events"] == 0
            ahead = datetime.fromisoformat(folder["next_scan"]) - datetime.now(UTC)
            assert 0 < ahead.total_seconds() < 1.1 * 3600
            assert folder["oldest_pending_seconds"] == 0
            assert told["service"]["pid"] == process.pid
            assert place.kbsync("reconcile").code == 75
            assert re.search(r"native +\d+ s ago +in \d+", place.kbsync("status", "--offline").out)
            place.standin.faults.add(Fault("outage", times=None))
            place.write("b.md", "that cannot be sent, about pikes")
            eventually(lambda: oldest_pending(place) > 0, "what waits", place)
            assert stop(process) == 0
        told = place.kbsync("status", "--json", "--offline").json
        assert told["service"] is None


def oldest_pending(place: Place) -> int:
    told = place.kbsync("status", "--json", "--offline").json
    return int(told["folders"][0]["oldest_pending_seconds"])


def test_systemd_is_told(tmp_path: Path) -> None:
    """READY comes after arming, WATCHDOG while all is well, STOPPING at the end."""
    with a_place(tmp_path) as place:
        quick(place)
        name = str(tmp_path / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix:
            unix.bind(name)
            unix.settimeout(PATIENCE)
            with service(place, NOTIFY_SOCKET=name, WATCHDOG_USEC="120000000") as process:
                told = [unix.recv(4096).decode()]
                assert told == ["READY=1"]
                while "WATCHDOG=1" not in told:
                    told.append(unix.recv(4096).decode())
                while not any(line.startswith("STATUS=0 completed") for line in told):
                    told.append(unix.recv(4096).decode())
                process.send_signal(signal.SIGTERM)
                while "STOPPING=1" not in told:
                    told.append(unix.recv(4096).decode())
                assert process.wait(PATIENCE) == 0


def test_polled_folders(tmp_path: Path) -> None:
    """With watch = "poll", changes are found without any event."""
    with a_place(tmp_path) as place:
        place.configure(watch="poll", settle="0s")
        place.write("a.md", "there from the start, about pikes")
        with service(place) as process:
            eventually(lambda: is_equal(place), "the start", place)
            assert (
                place.kbsync("status", "--json", "--offline").json["folders"][0]["watch"] == "poll"
            )
            assert stop(process) == 0
