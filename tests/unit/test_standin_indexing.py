"""The stand-in's indexing workers, whose every step follows from an injected clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from kbsync.standin import Fault, StandIn
from kbsync.standin.extract import READERS
from tests.standins import AUTOMATIC, Clock, client_of, upload

LONG = "\n\n".join(f"Paragraph {n} tells of turbines and rotors at length." for n in range(200))


class Bench:
    def __init__(self, standin: StandIn, http: httpx.Client) -> None:
        self.standin = standin
        self.http = http
        self.dataset = standin.create_dataset("d")

    def create(self, name: str, text: str = "text", **data: object) -> dict[str, Any]:
        answer = upload(self.http, self.dataset, name, text.encode(), **data)
        made: dict[str, Any] = answer.json()
        return made

    def progress(self, batch: str) -> tuple[str, int, int]:
        answer = self.http.get(f"/datasets/{self.dataset}/documents/{batch}/indexing-status")
        [row] = answer.json()["data"]
        return row["indexing_status"], row["completed_segments"], row["total_segments"]

    def states(self) -> list[str]:
        return [document.indexing_status for document in self.standin.documents(self.dataset)]


@contextmanager
def opened(standin: StandIn) -> Iterator[Bench]:
    with client_of(standin) as http:
        yield Bench(standin, http)


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(opened(StandIn(**settings)))


def test_a_document_passes_through_its_states_at_the_given_pace(
    bench: Callable[..., Bench],
) -> None:
    """Parsing, splitting, indexing with some segments done, and completed with all."""
    clock = Clock()
    one = bench(pace=8.0, clock=clock)
    batch = one.create("long.txt", LONG)["batch"]
    seen = []
    for at in (0.0, 2.0, 4.0, 6.0, 8.0):
        clock.now = 1000.0 + at
        seen.append(one.progress(batch))
    total = seen[-1][2]
    assert total > 3
    assert [state for state, _, _ in seen] == [
        "parsing",
        "splitting",
        "indexing",
        "indexing",
        "completed",
    ]
    assert seen[3] == ("indexing", total // 2, total)
    assert seen[4] == ("completed", total, total)


def test_documents_wait_for_a_free_worker(bench: Callable[..., Bench]) -> None:
    """Two workers take two documents; the third starts when one of them is done."""
    clock = Clock()
    one = bench(pace=8.0, workers=2, clock=clock)
    for name in ("a.md", "b.md", "c.md"):
        one.create(name)
    assert one.states() == ["parsing", "parsing", "waiting"]
    clock.now += 8
    assert one.states() == ["completed", "completed", "parsing"]
    clock.now += 8
    assert one.states() == ["completed"] * 3


def test_with_a_clock_that_stands_still_only_a_read_advances(
    bench: Callable[..., Bench],
) -> None:
    """Two writes in a row find the document still waiting, as they do on a fast network."""
    one = bench(clock=Clock())
    document = one.create("a.md")["document"]["id"]
    path = f"/datasets/{one.dataset}/documents/{document}/update-by-file"
    assert one.http.post(path, files={"file": ("a.md", b"x")}).status_code == 400
    assert one.states() == ["completed"]
    assert one.http.post(path, files={"file": ("a.md", b"x")}).status_code == 200


def test_a_dead_worker_leaves_its_document_stuck_and_the_queue_waiting(
    bench: Callable[..., Bench],
) -> None:
    """New workers go on with the queue; only the same name again recovers the stuck document."""
    clock = Clock()
    one = bench(pace=8.0, workers=1, clock=clock)
    for name in ("a.md", "b.md"):
        one.create(name)
    clock.now += 3
    one.standin.kill_workers()
    clock.now += 1000
    assert one.states() == ["splitting", "waiting"]
    one.create("c.md")
    one.standin.revive_workers()
    clock.now += 100
    assert one.states() == ["splitting", "completed", "completed"]
    one.create("a.md")
    clock.now += 100
    assert one.states() == ["completed"] * 3


def test_the_error_stays_to_be_read_until_the_next_success(bench: Callable[..., Bench]) -> None:
    """While an errored document is indexed anew it shows its old error text."""
    clock = Clock()
    one = bench(pace=8.0, clock=clock)
    one.create("a.pdf", "no pdf")
    clock.now += 8
    [broken] = one.standin.documents(one.dataset)
    assert broken.error == "Failed to load document (PDFium: Data format error)."
    again = one.create("a.pdf", "no pdf either")["document"]
    assert (again["indexing_status"], again["error"]) == ("waiting", broken.error)


@pytest.mark.parametrize("text", ["", "  \n\t\n"])
def test_a_file_without_text_completes_without_segments(
    bench: Callable[..., Bench], text: str
) -> None:
    """It is no error for the server."""
    one = bench()
    assert one.progress(one.create("empty.md", text)["batch"]) == ("completed", 0, 0)


def test_custom_rules_cut_at_the_separator(bench: Callable[..., Bench]) -> None:
    """Each line is a segment; a length under 50 tokens is found out while indexing."""
    one = bench()
    rule = {"pre_processing_rules": [], "segmentation": {"separator": "\n", "max_tokens": 100}}
    custom = {"mode": "custom", "rules": rule}
    batch = one.create("a.txt", "one\ntwo\n\nthree", process_rule=custom)["batch"]
    assert one.progress(batch) == ("completed", 3, 3)
    rule["segmentation"] = {"separator": "\n", "max_tokens": 10}
    batch = one.create("b.txt", "one\ntwo", process_rule=custom)["batch"]
    assert one.progress(batch) == ("error", 0, 0)


def test_documents_whose_name_matches_end_as_they_are_told_to(
    bench: Callable[..., Bench],
) -> None:
    """An error with a text, no segment, or a longer time, by a pattern on the name."""
    clock = Clock()
    one = bench(clock=clock)
    one.standin.faults.add(Fault("index-error", name="bad", text="Out of tokens."))
    one.standin.faults.add(Fault("index-empty", name="scan", times=None))
    one.standin.faults.add(Fault("index-slow", name="slow", seconds=60, times=None))
    for name in ("bad.md", "scan1.md", "scan2.md", "slow.md"):
        one.create(name)
    bad, first, second, slow = one.standin.documents(one.dataset)
    assert (bad.indexing_status, bad.error) == ("error", "Out of tokens.")
    assert (first.segments, second.segments) == (0, 0)
    assert slow.indexing_status == "parsing"
    clock.now += 60
    assert one.states()[3] == "completed"


def test_a_file_keeps_everything_over_a_restart(tmp_path: Path) -> None:
    """What was waiting when the stand-in stopped is indexed when it runs again."""
    data = tmp_path / "standin.db"
    with opened(StandIn(data=data, pace=1e9)) as one:
        one.create("a.md", "kept")
        dataset = one.dataset
    again = StandIn(data=data)
    [document] = again.documents(dataset)
    assert (document.text, document.indexing_status) == ("kept", "completed")
    again.close()


def test_a_damaged_file_ends_in_error_whatever_its_reader_does(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One document cannot stop the others."""
    one = bench()

    def explode(_body: bytes, _path: str) -> None:
        raise RecursionError("too deep")

    monkeypatch.setitem(READERS, "html", explode)
    one.create("a.html", "<p>")
    one.create("b.md")
    assert one.states() == ["error", "completed"]


def test_what_the_database_cannot_hold_is_a_500(
    bench: Callable[..., Bench], caplog: pytest.LogCaptureFixture
) -> None:
    """As on the server, and the stand-in says in its log why."""
    one = bench()
    body = {"name": "\ud800", "text": "x", **AUTOMATIC}
    answer = one.http.post(
        f"/datasets/{one.dataset}/document/create-by-text",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )
    assert answer.json() == {"message": "Internal Server Error", "code": "unknown", "status": 500}
    assert "could not be answered" in caplog.text
    assert one.create("a.md")["document"]["name"] == "a.md"
