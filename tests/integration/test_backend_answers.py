"""Backends against a server that answers anything: what is not understood is told as ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kbsync.backend.interface import Backend
from kbsync.backend.registry import STYLES
from kbsync.backend.rows import listed_of
from kbsync.errors import BackendError
from kbsync.model import Document, Processing, Remote
from kbsync.transport import Call, Transport

KEY = "dataset-s3cr3t"
ID = "00000000-0000-4000-8000-000000000000"
OTHER = "00000000-0000-4000-8000-000000000001"
REMOTES = [Remote(ID, ID, "a.md"), Remote(ID, OTHER, "b.md")]
DOCUMENT = Document("a.md", b"text", "text/markdown", Processing("economy"))

Answer = tuple[int, bytes]


class Anything:
    """A server that gives these answers in turn, again and again, whatever it is asked."""

    def __init__(self) -> None:
        self.answers: Sequence[Answer] = [(200, b"{}")]
        self.asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, body = outer.answers[outer.asked % len(outer.answers)]
                outer.asked += 1
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.do_GET()

            def do_PATCH(self) -> None:
                self.do_GET()

            def do_DELETE(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def anything() -> Iterator[Anything]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "*")
        server = Anything()
        yield server
        server.close()


@contextmanager
def calling(server: Anything, key: str = KEY) -> Iterator[Transport]:
    """A transport for which no time passes but what it sleeps."""
    now = [1000.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    transport = Transport(server.url, key, clock=lambda: now[0], sleep=sleep)
    try:
        yield transport
    finally:
        transport.close()


WORDS = st.sampled_from(
    ["", "a.md", "completed", "error", "economy", "Document not found.", "two\nlines", "x" * 999]
)
NUMBERS = st.sampled_from([float("nan"), float("inf"), 10**400, -1, 0, 7, 1.5])
SCALARS = st.one_of(st.none(), st.booleans(), WORDS)
ODD = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(WORDS, SCALARS, max_size=2)
NUMBER = NUMBERS | ODD
ROW = st.fixed_dictionaries(
    {
        "id": st.sampled_from([ID, ID, OTHER]) | ODD,
        "name": st.sampled_from(["a.md", "KB"]) | ODD,
        "indexing_status": st.sampled_from(["completed", "completed", "error"]) | ODD,
        "segment_count": NUMBER,
        "created_at": NUMBER,
    },
    optional={
        "word_count": NUMBER,
        "document_count": NUMBER,
        "score": NUMBER,
        "error": ODD,
        "doc_metadata": st.lists(st.fixed_dictionaries({"name": ODD, "value": NUMBER})) | ODD,
        "segment": st.fixed_dictionaries({"content": ODD, "document": ODD}) | ODD,
        "document": st.fixed_dictionaries({"id": st.just(ID) | ODD}) | ODD,
        **dict.fromkeys(("data", "records"), ODD),
        **dict.fromkeys(("code", "message", "errors", "retrieval_model_dict"), ODD),
    },
)
LIST = st.lists(ROW, max_size=3).map(lambda rows: {"data": rows, "records": rows})
OBJECT = st.one_of(ROW, LIST, st.builds(lambda told, total: told | {"total": total}, LIST, NUMBER))
BODIES = st.one_of(
    *[OBJECT.map(lambda told: json.dumps(told).encode())] * 6,
    ODD.map(lambda told: json.dumps(told).encode()),
    st.sampled_from([b"", b"204\n", b"\xff\xfe", b"{", b"[" * 9999, b"<html>", b"\x00"]),
)
STATUSES = st.sampled_from([200] * 9 + [201, 400, 403, 404, 405, 409, 413, 429, 500, 503])
ANSWERS = st.lists(st.tuples(STATUSES, BODIES), min_size=1, max_size=4)


def everything(backend: Backend) -> list[Callable[[], object]]:
    return [
        lambda: backend.dataset(ID),
        lambda: backend.dataset("KB", create=Processing("economy")),
        lambda: backend.put(ID, DOCUMENT),
        lambda: backend.put(ID, DOCUMENT, replacing=REMOTES[0]),
        lambda: backend.find(ID, "a.md"),
        lambda: list(backend.documents(ID)),
        lambda: backend.progress(ID, REMOTES),
        lambda: backend.delete(REMOTES[0]),
        lambda: backend.describe(ID, {ID: {"kbsync_path": "a.md", "kbsync_modified": 4}}),
        lambda: backend.search(ID, "voles"),
    ]


@pytest.mark.parametrize("style", sorted(STYLES))
@settings(max_examples=60, deadline=None)
@given(answers=ANSWERS)
def test_any_answer(anything: Anything, style: str, answers: list[Answer]) -> None:
    """Whatever a server says, a call returns or ends in a short error of ours without the key."""
    anything.answers = answers
    with calling(anything) as transport:
        for call in everything(STYLES[style](transport)):
            try:
                call()
            except BackendError as error:
                text = str(error)
                assert "\n" not in text
                assert len(text) < 700
                assert KEY not in text


@settings(max_examples=60, deadline=None)
@given(answers=ANSWERS)
def test_progress_forgets_nobody(anything: Anything, answers: list[Answer]) -> None:
    """Progress that is told at all is told of every document that was asked about."""
    anything.answers = answers
    with calling(anything) as transport:
        try:
            told = STYLES["dify"](transport).progress(ID, REMOTES)
        except BackendError:
            return
    assert told.keys() == {ID, OTHER}


@pytest.mark.parametrize("odd", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400, '"7"', "[]"])
def test_numbers_that_are_none(odd: str) -> None:
    """A number that is none, or larger than any can be, counts as not told."""
    row = json.loads(
        f'{{"id": "a", "created_at": {odd}, "data_source_detail_dict": {{"upload_file":'
        f' {{"size": {odd}}}}}}}'
    )
    listed = listed_of(row)
    assert (listed.created_at, listed.size) == (None, None)


def test_a_key_that_is_a_common_word(anything: Anything) -> None:
    """A key that is also part of a name does not change what the server says of the name."""
    anything.answers = [(200, b'{"name": "test.md"}'), (418, b'{"message": "key test"}')]
    anything.asked = 0
    with calling(anything, key="test") as transport:
        get = Call("get", "GET", "/x", repeatable=True)
        assert transport.call(get).json == {"name": "test.md"}
        with pytest.raises(BackendError, match=r"key \*\*\*"):
            transport.call(get)
