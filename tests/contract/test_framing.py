"""Requests as no client library writes them: answered as the recorded ones were."""

from __future__ import annotations

import gzip
import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from kbsync.standin import StandIn, running

from .contents import PLAIN
from .place import FIRST
from .record import VERSIONS

NO_FILE = (400, "Please upload your file.")
REFUSED = (400, "Filename contains invalid characters")


@dataclass(frozen=True)
class Wire:
    """A socket's end, and the dataset that is spoken of."""

    standin: StandIn
    port: int
    dataset: str

    def sent(self, head: str, body: bytes = b"", *, then_silent: bool = False) -> bytes:
        """All that comes back, until the server closes."""
        text = f"{head}\r\nHost: standin\r\nAuthorization: Bearer {self.standin.key}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(text.encode() + body)
            if then_silent:
                connection.shutdown(socket.SHUT_WR)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
        return received

    def uploaded(self, body: bytes, *headers: str, silent: bool = False) -> tuple[int, str]:
        """The status of an upload, and the name of its document or what is wrong with it."""
        line = f"POST /v1/datasets/{self.dataset}/document/create-by-file HTTP/1.1"
        kind = "Content-Type: multipart/form-data; boundary=BB"
        head = "\r\n".join([line, "Connection: close", *(headers or (of(body),)), kind])
        answer = self.sent(head, body, then_silent=silent)
        status = int(answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").split()[1])
        told = json.loads(answer.rpartition(b"\r\n\r\n")[2])
        return status, told["document"]["name"] if status == 200 else told["message"]

    def names(self) -> list[str]:
        return [document.name for document in self.standin.documents(self.dataset)]


@pytest.fixture(params=VERSIONS)
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    with closing(StandIn(behave=request.param)) as standin, running(standin) as url:
        port = int(url.removesuffix("/v1").rpartition(":")[2])
        yield Wire(standin, port, standin.create_dataset("framing"))


def of(body: bytes) -> str:
    return f"Content-Length: {len(body)}"


def form(disposition: bytes = b'filename="a.md"', end: bytes = b"\r\n--BB--\r\n") -> bytes:
    field = (
        b'--BB\r\nContent-Disposition: form-data; name="data"\r\n\r\n' + json.dumps(FIRST).encode()
    )
    part = b'\r\n--BB\r\nContent-Disposition: form-data; name="file"; ' + disposition
    return field + part + b"\r\nContent-Type: text/markdown\r\n\r\n" + PLAIN.encode() + end


def test_a_body_comes_at_once_in_chunks_or_when_it_is_asked_for(wire: Wire) -> None:
    """With a length, chunked, or after 100 Continue."""
    body = form()
    chunks = b"".join(
        f"{len(body[at : at + 50]):x}\r\n".encode() + body[at : at + 50] + b"\r\n"
        for at in range(0, len(body), 50)
    )
    assert wire.uploaded(body) == (200, "a.md")
    assert wire.uploaded(chunks + b"0\r\n\r\n", "Transfer-Encoding: chunked") == (200, "a.md")
    assert wire.uploaded(body, of(body), "Expect: 100-continue") == (200, "a.md")


def test_half_a_file_is_none(wire: Wire) -> None:
    """Whatever the length says, without the last boundary there is no file."""
    whole, cut = form(), form(end=b"")
    assert wire.uploaded(cut) == NO_FILE
    assert wire.uploaded(whole, of(cut)) == NO_FILE
    assert wire.uploaded(cut, of(whole), silent=True) == NO_FILE
    assert wire.uploaded(whole, "X-Length: none") == NO_FILE
    packed = gzip.compress(whole)
    assert wire.uploaded(packed, of(packed), "Content-Encoding: gzip") == NO_FILE
    assert wire.names() == []


def test_a_length_that_is_too_large_is_forgiven(wire: Wire) -> None:
    """A client that then says no more gets its answer, as it did of 1.10.1 (1.16.1 may crash)."""
    body = form()
    length = f"Content-Length: {len(body) + 100}"
    assert wire.uploaded(body, length, silent=True) == (200, "a.md")


def test_a_client_that_goes_away_in_the_middle_leaves_nothing(wire: Wire) -> None:
    """Neither a document nor a server that waits for it."""
    line = f"POST /v1/datasets/{wire.dataset}/document/create-by-file HTTP/1.1\r\nHost: standin\r\n"
    head = f"{line}Content-Type: multipart/form-data; boundary=BB\r\nContent-Length: 9999\r\n\r\n"
    with socket.create_connection(("127.0.0.1", wire.port)) as connection:
        connection.sendall(head.encode() + form(end=b""))
    assert wire.uploaded(form(b'filename="b.md"')) == (200, "b.md")
    assert wire.names() == ["b.md"]


@pytest.mark.parametrize(
    ("disposition", "old", "new"),
    [
        ('filename="naïve-文.md"'.encode(), (200, "naïve-文.md"), (200, "naïve-文.md")),
        ('filename="naïve.md"'.encode("latin-1"), NO_FILE, NO_FILE),
        (
            b"filename=\"b.md\"; filename*=UTF-8''na%C3%AFve.md",
            (200, "naïve.md"),
            (200, "naïve.md"),
        ),
        (b"filename=a.md", (200, "a.md"), (200, "a.md")),
        (rb'filename="q\"uote.md"', REFUSED, (200, 'q"uote.md')),
        (b'filename="q%22uote.md"', REFUSED, (200, 'q"uote.md')),
        (rb'filename="C:\docs\a.md"', REFUSED, REFUSED),
    ],
)
def test_the_name_of_a_file_in_every_spelling(
    wire: Wire, disposition: bytes, old: tuple[int, str], new: tuple[int, str]
) -> None:
    """In UTF-8, extended, unquoted, with a quote in it; what cannot be read is no file."""
    wanted = old if wire.standin.world.behaviour.version == "1.10.1" else new
    assert wire.uploaded(form(disposition)) == wanted


def test_lines_of_requests(wire: Wire) -> None:
    """Two slashes are one, HEAD has no body, HTTP/1.0 is understood, and old lines are short."""
    answers = {
        target: wire.sent(f"{target}\r\nConnection: close")
        for target in (
            "GET //v1/datasets HTTP/1.1",
            "HEAD /v1/datasets HTTP/1.1",
            "GET /v1/datasets HTTP/1.0",
            f"GET /v1/datasets?x={'a' * 5000} HTTP/1.1",
        )
    }
    statuses = [int(answer.split()[1]) for answer in answers.values()]
    long = 400 if wire.standin.world.behaviour.version == "1.10.1" else 200
    assert statuses == [200, 200, 200, long]
    assert re.search(rb"content-length: [1-9]\d*\r\n", answers["HEAD /v1/datasets HTTP/1.1"])
    assert answers["HEAD /v1/datasets HTTP/1.1"].endswith(b"\r\n\r\n")
