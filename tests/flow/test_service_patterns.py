"""One `kbsync run` process and everything that people and programs do to files."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbsync.ledger import Ledger
from kbsync.standin import Fault

from .patterns import PATTERNS, Stage
from .place import Place, a_place
from .test_service import eventually, log_of, service, stop

#: What the names and directories that are never sent have in common.
_NEVER = ("~$", ".", "@eaDir", "__MACOSX")


def wanted(place: Place) -> dict[str, bytes]:
    """What is to be on the server, by path."""
    return {
        path.relative_to(place.root).as_posix(): path.read_bytes()
        for path in place.root.rglob("*.md")
        if path.is_file()
        and not path.is_symlink()
        and not any(part.startswith(_NEVER) for part in path.relative_to(place.root).parts)
    }


def has_all(place: Place) -> bool:
    """Whether the server has exactly the files of the folder, each once and indexed."""
    files, live = wanted(place), place.live()
    return (
        live.keys() == files.keys()
        and all(live[path].body == body for path, body in files.items())
        and all(document.indexing_status == "completed" for document in live.values())
        and len(place.documents()) == len(files)
    )


def last_event(place: Place) -> int:
    with Ledger.open(place.ledger, readonly=True) as ledger:
        return ledger.last_event()


def uploads(place: Place, since: int) -> Counter[str]:
    """How many uploads there were since an event, by the first directory of the path."""
    with Ledger.open(place.ledger, readonly=True) as ledger:
        events = ledger.events_after(since, 100_000)
    return Counter(event.key.path.split("/")[0] for event in events if event.happened == "sent")


@pytest.mark.parametrize(
    "watching",
    [{"watch": "native"}, {"watch": "poll", "poll_interval": "1s"}],
    ids=["native", "polled"],
)
def test_every_pattern(tmp_path: Path, watching: dict[str, str]) -> None:
    """The server equals the disk after each pattern, with no more uploads than it takes."""
    hidden = tmp_path / ".hidden"  # a directory above the folder whose name begins with a dot
    hidden.mkdir()
    with a_place(hidden) as place:
        place.configure(settle="300ms", max_delay="20s", max_delete_percent=100, **watching)
        running: list[tuple[str, Iterator[None]]] = []
        for pattern in PATTERNS:
            stage = Stage(place.root / pattern.name, tmp_path / pattern.name)
            stage.inside.mkdir()
            stage.outside.mkdir()
            steps = pattern.steps(stage)
            next(steps)
            running.append((pattern.name, steps))
        with service(place) as process:
            eventually(lambda: "event=started" in log_of(place), "the start", place)
            eventually(lambda: has_all(place), "what was there", place)
            eventually(lambda: uploads(place, 0).total() == len(wanted(place)), "told", place)
            before = last_event(place)
            place.calls()
            for _, steps in running:
                next(steps, None)
            eventually(lambda: has_all(place), "after the patterns", place)
            place.write("last.md", "what was done before this has settled before this")
            eventually(lambda: has_all(place), "the last", place)
            assert stop(process) == 0
        sent = uploads(place, before)
        assert sent.pop("last.md") == 1
        assert dict(sent) == {each.name: each.uploads for each in PATTERNS if each.uploads}
        assert place.calls()["create"] == sent.total() + 1


@pytest.mark.parametrize(
    "watching",
    [{"watch": "native"}, {"watch": "off", "every": "500ms"}],
    ids=["native", "scanned"],
)
def test_a_file_that_is_written_for_a_while(tmp_path: Path, watching: dict[str, str]) -> None:
    """A file that grows is uploaded once, when it has been quiet for `settle`."""
    with a_place(tmp_path) as place:
        place.configure(settle="1s", max_delay="20s", **watching)
        with service(place) as process:
            eventually(lambda: "event=started" in log_of(place), "the start", place)
            for number in range(15):
                with (place.root / "log.md").open("a") as file:
                    file.write(f"line {number} about hedgehogs\n")
                time.sleep(0.1)
            eventually(lambda: has_all(place), "the upload", place)
            assert stop(process) == 0
        assert place.calls()["create"] == 1


def test_a_file_that_is_never_quiet(tmp_path: Path) -> None:
    """It is uploaded after `max_delay` nevertheless, and its last content in the end."""
    with a_place(tmp_path) as place:
        place.configure(settle="1s", max_delay="2s")
        restless = threading.Event()

        def write() -> None:
            while not restless.wait(0.2):
                (place.root / "log.md").write_text(f"at {time.time()}, about hedgehogs")

        with service(place) as process:
            eventually(lambda: "event=started" in log_of(place), "the start", place)
            writer = threading.Thread(target=write)
            writer.start()
            try:
                eventually(lambda: len(place.documents()) > 0, "while it is written", place)
            finally:
                restless.set()
                writer.join()
            eventually(lambda: has_all(place), "the last content", place)
            assert stop(process) == 0


def test_edits_during_a_slow_upload(tmp_path: Path) -> None:
    """However many edits there are while a file is uploaded, one more upload follows."""
    with a_place(tmp_path) as place:
        place.configure(settle="100ms", max_delay="5s")
        place.standin.faults.add(Fault("delay", "POST", "create-by-file", seconds=2))
        with service(place) as process:
            place.write("a.md", "version 0, about hedgehogs")
            eventually(lambda: not place.standin.faults.active, "the upload", place)
            for number in range(1, 6):
                place.write("a.md", f"version {number}, about hedgehogs")
                time.sleep(0.25)
            eventually(lambda: has_all(place), "the last version", place)
            assert stop(process) == 0
        assert place.calls()["create"] == 2
