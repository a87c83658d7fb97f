"""Metadata of documents: what counts as written, whatever the server makes of errors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from kbsync.backend.registry import open_backend
from kbsync.errors import Denied, Unavailable
from kbsync.model import METADATA_FIELDS, MetadataValue, Remote

from .test_backend import TEXT, UNKNOWN, Side, a_server

VALUES: Mapping[str, MetadataValue] = {
    "kbsync_path": "guides/124.md",
    "kbsync_sha256": "0" * 64,
    "kbsync_source": "test/docs",
    "kbsync_modified": 1_795_381_767,
}


@pytest.fixture(scope="module", params=["1.10.1", "1.16.1"])
def shared(request: pytest.FixtureRequest) -> Iterator[Callable[[], Side]]:
    with a_server("dify", request.param) as make:
        yield make


@pytest.fixture
def side(shared: Callable[[], Side]) -> Side:
    return shared()


def filled(side: Side, count: int) -> list[str]:
    return [side.standin.add_document(side.dataset, f"{one}.md", TEXT) for one in range(count)]


def described(side: Side, *ids: str) -> frozenset[str]:
    return side.backend.describe(side.dataset, dict.fromkeys(ids, VALUES))


def stored(side: Side) -> dict[str, Mapping[str, object]]:
    return {one.id: one.metadata for one in side.standin.documents(side.dataset)}


def request(side: Side, method: str, path: str, json: object = None) -> httpx.Response:
    return httpx.request(
        method,
        f"{side.url}/datasets/{side.dataset}{path}",
        headers={"Authorization": f"Bearer {side.key}"},
        json=json,
    )


def test_values_are_written(side: Side) -> None:
    """Values of each type are set, and read back the same from a list and from one document."""
    ids = filled(side, 3)
    assert described(side, *ids) == set(ids)
    assert described(side, ids[0]) == {ids[0]}
    assert stored(side) == dict.fromkeys(ids, VALUES)
    for listed in side.backend.documents(side.dataset):
        told = listed.metadata
        assert told.keys() == VALUES.keys()
        assert float(told["kbsync_modified"] or 0) == VALUES["kbsync_modified"]
        assert told["kbsync_path"] == VALUES["kbsync_path"]
    kinds = request(side, "GET", "/metadata").json()["doc_metadata"]
    assert {one["name"]: one["type"] for one in kinds} == METADATA_FIELDS


def test_values_of_others_stay(side: Side) -> None:
    """Fields that somebody else set on a document are left alone."""
    (one,) = filled(side, 1)
    field = request(side, "POST", "/metadata", {"type": "string", "name": "owner"}).json()["id"]
    theirs = {
        "document_id": one,
        "metadata_list": [{"id": field, "name": "owner", "value": "Ada"}],
    }
    request(side, "POST", "/documents/metadata", {"operation_data": [theirs]})
    assert described(side, one) == {one}
    assert stored(side) == {one: {"owner": "Ada"} | dict(VALUES)}


def test_one_bad_document(side: Side) -> None:
    """A document that is gone does not keep the others from being described."""
    ids = filled(side, 9)
    assert described(side, *ids[:4], UNKNOWN, *ids[4:]) == set(ids)
    assert described(side, UNKNOWN) == frozenset()


def test_a_dataset_that_is_gone(side: Side) -> None:
    """With a dataset its documents are gone: nothing is described, at the cost of a question."""
    ids = filled(side, 9)
    nowhere = dict.fromkeys(ids, VALUES)
    assert side.backend.describe(UNKNOWN, nowhere) == frozenset()
    assert described(side, *ids) == set(ids)
    request(side, "DELETE", "")
    assert side.calls(lambda: described(side, *ids)) == ["metadata"]
    assert described(side, *ids) == frozenset()


def test_more_than_a_hundred(side: Side) -> None:
    """At most a hundred documents are written by one request."""
    ids = filled(side, 201)
    assert described(side, *ids) == set(ids)
    assert side.calls(lambda: described(side, *ids)).count("metadata") == 3


def test_a_lock_that_stays(side: Side) -> None:
    """A server whose lock is never released is not waited for, document by document."""
    ids = filled(side, 30)
    assert described(side, *ids) == set(ids)
    side.fail("metadata-busy", times=None)
    before = side.time.now
    described(side, *ids)
    assert side.time.now - before < 2


def test_somebody_else_is_writing(side: Side) -> None:
    """A write that met another one is not taken for done, and succeeds later."""
    ids = filled(side, 2)
    assert described(side, *ids) == set(ids)
    other = {one: {"kbsync_path": "moved.md"} for one in ids}
    side.fail("metadata-busy", times=None)
    assert side.backend.describe(side.dataset, other) == frozenset()
    side.standin.faults.clear()
    assert side.backend.describe(side.dataset, other) == set(ids)
    assert {one["kbsync_path"] for one in stored(side).values()} == {"moved.md"}


@pytest.mark.parametrize("kind", ["cut-after", "500-after", "cut-before", "500-before"])
def test_a_lost_answer(side: Side, kind: str) -> None:
    """A write without an answer is repeated, and makes each field once."""
    (one,) = filled(side, 1)
    side.fail(kind, "POST", "metadata$", times=1)
    assert described(side, one) == {one}
    names = [field["name"] for field in request(side, "GET", "/metadata").json()["doc_metadata"]]
    assert sorted(names) == sorted(METADATA_FIELDS)


def test_a_field_that_somebody_deleted(side: Side) -> None:
    """A field that was deleted in between is made again, at the second try at the latest."""
    ids = filled(side, 2)
    assert described(side, *ids) == set(ids)
    for field in request(side, "GET", "/metadata").json()["doc_metadata"]:
        request(side, "DELETE", f"/metadata/{field['id']}")
    described(side, *ids)
    assert described(side, *ids) == set(ids)
    assert stored(side) == dict.fromkeys(ids, VALUES)


def test_the_cost(side: Side) -> None:
    """A hundred documents cost a write, and a page to read back where errors are swallowed."""
    ids = filled(side, 100)
    assert described(side, *ids) == set(ids)
    calls = side.calls(lambda: described(side, *ids))
    swallows = request(side, "GET", "").headers["X-Version"] == "1.10.1"
    assert calls == (["metadata", "list"] if swallows else ["metadata"])
    assert side.calls(lambda: side.backend.describe(side.dataset, {})) == []


def test_two_writers_at_once(side: Side) -> None:
    """Threads that describe at once wait for each other."""
    ids = filled(side, 20)
    done: list[frozenset[str]] = []
    threads = [
        threading.Thread(target=lambda part=part: done.append(described(side, *part)))
        for part in (ids, ids[:10])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(len, done)) == [10, 20]


def test_access_that_is_switched_off(side: Side) -> None:
    """A dataset whose API is switched off is refused, which says nothing about metadata."""
    (one,) = filled(side, 1)
    side.standin.change_dataset(side.dataset, enable_api=False)
    with pytest.raises(Denied, match="API access"):
        described(side, one)
    assert side.backend.has_metadata


def test_a_server_that_is_away(side: Side) -> None:
    """A server that does not answer is Unavailable, and nothing counts as written."""
    (one,) = filled(side, 1)
    side.fail("plugin-daemon", times=None)
    with pytest.raises(Unavailable):
        described(side, one)


@contextmanager
def without_routes() -> Iterator[str]:
    """A server that knows no address at all, as those before 1.1.1 know none of metadata."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>404 Not Found</title>")

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_server_without_metadata() -> None:
    """A server without metadata routes is found out at the first write, and loses nothing else."""
    with without_routes() as url:
        backend = open_backend(url, "dataset-key", "dify")
        told = [backend.has_metadata]
        assert backend.describe(UNKNOWN, {UNKNOWN: VALUES}) == frozenset()
        told.append(backend.has_metadata)
        assert told == [True, False]
        with pytest.raises(Denied, match="base_url"):
            backend.delete(Remote(UNKNOWN, UNKNOWN, "a.md"))
        with pytest.raises(Denied, match="base_url"):
            open_backend(url, "dataset-key", "auto")
        backend.close()
