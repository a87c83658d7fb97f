"""`kbsync run` and its signals, alone and on top of each other."""

from __future__ import annotations

import fcntl
import signal
from pathlib import Path

from kbsync.standin import Fault

from .place import Place, a_place
from .test_service import PATIENCE, eventually, is_equal, log_of, quick, service, stop


def upload_slowly(place: Place, seconds: float) -> None:
    """One file, whose upload takes so long; `uploading` says whether it has begun."""
    place.write("a.md", "a document about voles and their burrows")
    place.standin.faults.add(Fault("delay", "POST", "create-by-file", seconds=seconds))


def uploading(place: Place) -> bool:
    return not place.standin.faults.active


def test_a_second_stop_ends_at_once(tmp_path: Path) -> None:
    """A second SIGTERM does not wait for the document under way, which the next start looks for."""
    with a_place(tmp_path) as place:
        quick(place)
        upload_slowly(place, seconds=PATIENCE)
        with service(place) as process:
            eventually(lambda: uploading(place), "the upload", place)
            process.send_signal(signal.SIGTERM)
            eventually(lambda: "event=stopping" in log_of(place), "the first", place)
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 130
        with service(place) as process:
            eventually(lambda: is_equal(place), "the next start", place)
            assert stop(process) == 0


def test_a_reload_does_not_take_back_a_stop(tmp_path: Path) -> None:
    """SIGHUP after SIGTERM, during the documents under way, changes nothing: it stops."""
    with a_place(tmp_path) as place:
        quick(place)
        upload_slowly(place, seconds=0.5)
        with service(place) as process:
            eventually(lambda: uploading(place), "the upload", place)
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGHUP)
            assert process.wait(PATIENCE) == 0
        assert log_of(place).count("event=started") == 1


def test_reloads_at_any_moment(tmp_path: Path) -> None:
    """SIGHUP after SIGHUP, also between two services, ends in a service that works."""
    with a_place(tmp_path) as place:
        quick(place)
        place.write("a.md", "there from the start, about pikes")
        with service(place) as process:
            eventually(lambda: "event=started" in log_of(place), "the start", place)
            while log_of(place).count("event=started") < 4:
                process.send_signal(signal.SIGHUP)
                assert process.poll() is None, log_of(place)
            place.write("b.md", "made after the reloads, about pikes")
            eventually(lambda: is_equal(place), "it works", place)
            assert stop(process) == 0


def test_a_reload_to_a_ledger_that_cannot_be_had(tmp_path: Path) -> None:
    """A configuration that cannot be started with is refused while the old service goes on."""
    with a_place(tmp_path) as place:
        quick(place)
        place.write("a.md", "there from the start, about pikes")
        with service(place) as process:
            eventually(lambda: is_equal(place), "the start", place)
            old, place.ledger = place.ledger, tmp_path / "other.db"
            place.configure()
            with Path(f"{place.ledger}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                process.send_signal(signal.SIGHUP)
                eventually(lambda: "configuration refused" in log_of(place), "refused", place)
            assert "another kbsync is using it" in log_of(place)
            place.ledger = old
            place.write("b.md", "made after the refusal, about pikes")
            eventually(lambda: is_equal(place), "it goes on", place)
            assert log_of(place).count("event=started") == 1
            assert stop(process) == 0


def test_a_reload_to_another_ledger(tmp_path: Path) -> None:
    """The new ledger is taken up by adoption, and the old one can be used by others."""
    with a_place(tmp_path) as place:
        quick(place)
        place.write("a.md", "there from the start, about pikes")
        with service(place) as process:
            eventually(lambda: is_equal(place), "the start", place)
            old, place.ledger = place.ledger, tmp_path / "other.db"
            place.configure()
            process.send_signal(signal.SIGHUP)
            eventually(lambda: place.ledger.exists() and is_equal(place), "adopted", place)
            assert place.calls()["create"] == 1
            place.ledger = old
            place.configure()
            assert place.kbsync("reconcile").code == 0
            assert stop(process) == 0
