"""Faults of the stand-in as a client meets them, and the file that they come from."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kbsync.standin import Fault, FaultFileError, StandIn, load_faults
from tests.standins import AUTOMATIC, Clock, client_of, upload


class Line:
    """A client with one dataset, whose connections can break."""

    def __init__(self, standin: StandIn, http: httpx.Client, clock: Clock) -> None:
        self.standin = standin
        self.http = http
        self.clock = clock
        self.dataset = standin.create_dataset("d")

    def create(self, name: str) -> httpx.Response:
        return upload(self.http, self.dataset, name)

    def page(self, **query: int) -> httpx.Response:
        return self.http.get(f"/datasets/{self.dataset}/documents", params=query)

    def walk(self) -> list[str]:
        pages = [self.page(limit=2, page=page).json()["data"] for page in (1, 2)]
        return [row["name"] for page in pages for row in page]

    def names(self) -> list[str]:
        return [document.name for document in self.standin.documents(self.dataset)]


@pytest.fixture
def line() -> Iterator[Line]:
    clock = Clock()
    standin = StandIn(clock=clock)
    with client_of(standin) as http:
        yield Line(standin, http, clock)


@pytest.mark.parametrize(("kind", "kept"), [("cut-before", []), ("cut-after", ["a.md"])])
def test_a_connection_is_cut_before_or_after_the_commit(
    line: Line, kind: str, kept: list[str]
) -> None:
    """The client gets no answer at all, and cannot know which of the two it was."""
    line.standin.faults.add(Fault(kind, method="POST", path="/create-by-file$"))  # type: ignore[arg-type]
    with pytest.raises(httpx.RemoteProtocolError):
        line.create("a.md")
    assert line.names() == kept
    assert line.standin.requests[-1].status == 0
    assert line.create("b.md").status_code == 200


@pytest.mark.parametrize(("kind", "kept"), [("500-before", []), ("500-after", ["a.md"])])
def test_500_does_not_tell_whether_something_happened(
    line: Line, kind: str, kept: list[str]
) -> None:
    """The same answer with and without a commit."""
    line.standin.faults.add(Fault(kind, method="POST", times=2))  # type: ignore[arg-type]
    assert [line.create(name).status_code for name in ("a.md", "a.md", "b.md")] == [500, 500, 200]
    assert line.names() == [*kept, "b.md"]


def test_429_says_when_to_come_back_only_if_it_is_told_to(line: Line) -> None:
    """Retry-After comes with ``seconds``."""
    line.standin.faults.add(Fault("429", seconds=7))
    line.standin.faults.add(Fault("429"))
    first, second = line.page(), line.page()
    assert (first.status_code, first.headers["retry-after"]) == (429, "7")
    assert (second.status_code, "retry-after" in second.headers) == (429, False)
    assert line.page().status_code == 200


def test_the_rate_limit_of_the_cloud_is_a_403(line: Line) -> None:
    """Only its message tells it from a refused key."""
    line.standin.faults.add(Fault("403-rate-limit", method="POST"))
    refusal = line.create("a.md")
    assert refusal.status_code == 403
    assert "request rate limit" in refusal.json()["message"]


def test_a_late_answer_comes_after_the_commit(line: Line) -> None:
    """A client that gave up has its document all the same."""
    line.standin.faults.add(Fault("delay", method="POST", seconds=0.3))
    with pytest.raises(httpx.ReadTimeout):
        line.http.post(
            f"/datasets/{line.dataset}/document/create-by-text",
            json={"name": "a", "text": "x", **AUTOMATIC},
            timeout=0.05,
        )
    assert line.names() == ["a"]


def test_nobody_is_answered_in_an_outage(line: Line) -> None:
    """It ends by the clock."""
    line.standin.faults.add(Fault("outage", seconds=30))
    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            line.page()
    line.clock.now += 30
    assert line.page().status_code == 200


def test_pages_shift_while_they_are_read(line: Line) -> None:
    """A document made between two pages repeats a row; one deleted between them hides a row."""
    for number in range(4):
        line.create(f"{number}.md")
    assert line.walk() == ["3.md", "2.md", "1.md", "0.md"]
    line.standin.faults.add(Fault("shift-skip"))
    assert line.walk() == ["3.md", "2.md", "0.md"]
    line.standin.faults.add(Fault("shift-insert"))
    assert line.walk() == ["3.md", "2.md", "2.md", "1.md"]


def test_rules_are_cleared_and_only_hit_what_they_name(line: Line) -> None:
    """Method and path decide; ``clear`` ends all of them."""
    line.standin.faults.add(Fault("500-before", method="DELETE", times=None))
    line.standin.faults.add(Fault("500-before", path="/documents$", times=None))
    assert line.create("a.md").status_code == 200
    assert line.page().status_code == 500
    line.standin.faults.clear()
    assert line.page().status_code == 200


def test_the_request_log_names_what_was_asked(line: Line) -> None:
    """Tests count calls by kind."""
    document = line.create("a.md").json()["document"]["id"]
    line.page()
    path = f"/datasets/{line.dataset}/documents/{document}"
    line.http.get(path)
    line.http.delete(path)
    line.http.get("/nowhere")
    seen = [(request.method, request.kind, request.status) for request in line.standin.requests]
    assert seen == [
        ("POST", "create", 200),
        ("GET", "list", 200),
        ("GET", "get", 200),
        ("DELETE", "delete", 204),
        ("GET", "unknown", 404),
    ]


def test_an_idle_connection_is_closed_after_two_seconds(line: Line) -> None:
    """As the real server does it, so that a pool that keeps connections longer meets it."""
    address = (line.http.base_url.host, line.http.base_url.port or 0)
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: standin\r\n\r\n")
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    assert b"X-Stand-In: kbsync".lower() in received.lower()
    assert b"This is not Dify." in received


def test_faults_come_from_a_file(tmp_path: Path) -> None:
    """One [[fault]] table per rule; "always" has no end."""
    path = tmp_path / "faults.toml"
    path.write_text(
        '[[fault]]\nkind = "cut-after"\nmethod = "POST"\npath = "create"\n\n'
        '[[fault]]\nkind = "index-slow"\nname = "big"\nseconds = 30\ntimes = "always"\n'
    )
    assert load_faults(path) == [
        Fault("cut-after", method="POST", path="create"),
        Fault("index-slow", name="big", seconds=30, times=None),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[fault]", "line 1"),
        ('[[faults]]\nkind = "429"', "unknown key 'faults'"),
        ('[fault]\nkind = "429"', "two brackets"),
        ('[[fault]]\nkid = "429"', "fault 1: unknown key 'kid'"),
        ('[[fault]]\nkind = "delay"\nseconds = nan', "seconds must be a number from 0 on"),
        ('[[fault]]\nkind = "index-error"\npath = "a.pdf"', "name, and no method or path"),
        ('[[fault]]\nkind = "proxy-502"\nname = "a.pdf"', "method and path, and no name"),
        ('[[fault]]\nkind = "430"', "unknown kind '430'; known: cut-before"),
        ("[[fault]]\ntimes = 2", "kind is missing"),
        ('[[fault]]\nkind = "429"\ntimes = "twice"', 'times must be a whole number or "always"'),
        ('[[fault]]\nkind = "429"\ntimes = 0', "times must be at least 1"),
        ('[[fault]]\nkind = "429"\nseconds = true', "seconds must be a number"),
        ('[[fault]]\nkind = "429"\npath = "("', "is not a regular expression"),
    ],
)
def test_a_wrong_fault_file_is_told_by_file_entry_and_key(
    tmp_path: Path, text: str, said: str
) -> None:
    """Nothing in it is guessed or ignored."""
    path = tmp_path / "faults.toml"
    path.write_text(text)
    with pytest.raises(FaultFileError) as error:
        load_faults(path)
    assert str(path) in str(error.value)
    assert said in str(error.value)


def test_a_broken_part_of_the_server_is_told_in_its_own_way(line: Line) -> None:
    """A plugin daemon that is down is a 400 there, and a proxy in front answers with a page."""
    for kind in ("plugin-daemon", "proxy-502", "proxy-413"):
        line.standin.faults.add(Fault(kind))
    down, gateway, large = line.page(), line.page(), line.page()
    assert down.json()["message"].startswith("Failed to request plugin daemon")
    assert (gateway.status_code, gateway.text[:6]) == (502, "<html>")
    assert large.status_code == 413


@pytest.mark.parametrize(("version", "status"), [("1.10.1", 200), ("1.16.1", 400)])
def test_metadata_that_are_being_written_are_not_written(version: str, status: int) -> None:
    """Old servers answer success all the same."""
    standin = StandIn(behave=version)
    dataset = standin.create_dataset("d")
    document = standin.add_document(dataset, "a.txt")
    standin.faults.add(Fault("metadata-busy"))
    with client_of(standin) as http:
        field = http.post(f"/datasets/{dataset}/metadata", json={"type": "string", "name": "n"})
        value = {"id": field.json()["id"], "name": "n", "value": "v"}
        body = {"operation_data": [{"document_id": document, "metadata_list": [value]}]}
        answers = [
            http.post(f"/datasets/{dataset}/documents/metadata", json=body).status_code
            for _ in range(2)
        ]
        assert answers == [status, 200]
