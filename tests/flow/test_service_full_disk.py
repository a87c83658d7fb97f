"""A full disk under the ledger of a running service: it says so, lives on, and catches up."""

from __future__ import annotations

import json
import re
import signal
import socket
import threading
import time
from contextlib import closing
from pathlib import Path

from kbsync.ledger import Ledger

from .disks import fill, small_disk
from .place import a_place
from .test_service import eventually, is_equal, log_of, quick, service, stop

FULL = "the disk is full"


class Systemd:
    """Hears what the service tells systemd; `heard` may be cleared."""

    def __init__(self, path: Path) -> None:
        self.heard: list[str] = []
        self.environ = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "120000000"}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while (message := self._socket.recv(4096).decode()) != "end":
            self.heard.append(message)

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix:
            unix.sendto(b"end", self.environ["NOTIFY_SOCKET"])
        self._thread.join()
        self._socket.close()


def test_a_full_disk_under_a_running_service(tmp_path: Path) -> None:
    """Nothing can be written down, which is told; systemd is still fed; then all is made up for."""
    with (
        small_disk(tmp_path / "state") as disk,
        a_place(tmp_path) as place,
        closing(Systemd(tmp_path / "notify")) as systemd,
    ):
        quick(place)
        place.write("a.md", "there from the start, about herons")
        with service(place, **systemd.environ) as process:
            eventually(lambda: is_equal(place), "the start", place)
            filler = fill(disk)
            place.write("a.md", "edited on the full disk, about herons")
            place.write("b.md", "made on the full disk, about herons")
            eventually(lambda: FULL in log_of(place), "it is logged", place)
            eventually(lambda: any(FULL in line for line in systemd.heard), "STATUS", place)
            assert FULL in systemd.heard[-1]
            assert systemd.heard[-2] == "WATCHDOG=1"
            filler.unlink()
            well = "STATUS=2 completed, 0 pending, 0 indexing, 0 failed"
            eventually(lambda: well in systemd.heard, "well again", place)
            place.equal()
            assert stop(process) == 0
        assert place.calls()["create"] == 3


def test_status_of_a_service_that_is_silent(tmp_path: Path) -> None:
    """`kbsync status` does not take old news of a service for new ones."""
    with a_place(tmp_path) as place, Ledger.open(place.ledger) as ledger:
        ledger.publish("service", json.dumps({"pid": 1234, "at": time.time() - 100}))
        line = place.kbsync("status", "--offline").line("process 1234")
        assert re.search(r"it has told nothing for 10\d s, see its log", line)


def test_a_stop_on_a_full_disk(tmp_path: Path) -> None:
    """A stop needs no free byte."""
    with small_disk(tmp_path / "state") as disk, a_place(tmp_path) as place:
        quick(place)
        place.write("a.md", "there from the start, about herons")
        with service(place) as process:
            eventually(lambda: is_equal(place), "the start", place)
            fill(disk)
            place.write("b.md", "made on the full disk, about herons")
            eventually(lambda: FULL in log_of(place), "it is logged", place)
            assert stop(process) == 0


def test_a_reload_that_meets_a_full_disk(tmp_path: Path) -> None:
    """A new service that cannot start gives way to one with the old configuration."""
    with small_disk(tmp_path / "state") as disk, a_place(tmp_path) as place:
        quick(place)
        with service(place) as process:
            eventually(lambda: "event=started" in log_of(place), "the start", place)
            eventually(lambda: "backed up" in log_of(place), "the first writes", place)
            filler = fill(disk)
            place.configure(instance="another")
            process.send_signal(signal.SIGHUP)
            eventually(lambda: "going on with the old one" in log_of(place), "told", place)
            filler.unlink()
            place.configure(instance="test")
            place.write("a.md", "made after the reload, about herons")
            eventually(lambda: is_equal(place), "it goes on", place)
            assert stop(process) == 0
