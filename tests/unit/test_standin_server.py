"""Datasets, keys, limits and the two dialects of the stand-in, over a socket."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from kbsync.standin import StandIn
from tests.standins import Clock, client_of, upload


@dataclass
class Room:
    standin: StandIn
    http: httpx.Client

    def create(self, dataset: str, name: str = "a.md") -> httpx.Response:
        return upload(self.http, dataset, name)

    def dataset(self, **body: object) -> httpx.Response:
        return self.http.post("/datasets", json=body)


@pytest.fixture
def room() -> Iterator[Callable[..., Room]]:
    with ExitStack() as stack:

        def start(**settings: Any) -> Room:
            standin = StandIn(**settings)
            return Room(standin, stack.enter_context(client_of(standin)))

        yield start


def test_a_dataset_is_made_renamed_and_deleted(room: Callable[..., Room]) -> None:
    """Its name is unique with regard to case and has 1 to 40 characters."""
    one = room()
    made = one.dataset(name="Handbook", indexing_technique="economy")
    assert made.status_code == 200
    path = f"/datasets/{made.json()['id']}"
    assert one.dataset(name="Handbook").json()["code"] == "dataset_name_duplicate"
    assert one.dataset(name="handbook").status_code == 200
    assert one.dataset(name="x" * 41).status_code == 400
    assert one.http.patch(path, json={"name": "Manual"}).json()["name"] == "Manual"
    assert one.http.patch(path, json={"name": "handbook"}).status_code == 400
    assert one.http.delete(path).status_code == 204
    assert one.http.get(path).json()["message"] == "Dataset not found."


def test_the_texts_of_bad_fields_are_those_of_the_version(room: Callable[..., Room]) -> None:
    """Old servers have a shape of their own without a code."""
    old = room(behave="1.10.1").dataset(name="").json()
    assert old == {
        "errors": {
            "name": "type is required. Name must be between 1 to 40 characters. "
            "Name must be between 1 to 40 characters."
        },
        "message": "Input payload validation failed",
    }
    new = room().dataset(name="").json()
    assert new["code"] == "invalid_param"
    assert new["message"].startswith("1 validation error for DatasetCreatePayload\nname\n")


def test_high_quality_needs_the_embedding_model(room: Callable[..., Room]) -> None:
    """There is none unless the stand-in is told so."""
    body = {"name": "d", "indexing_technique": "high_quality"}
    refusal = room().dataset(**body)
    assert refusal.json()["message"] == "Default model not found for text-embedding"
    made = room(embedding_model=True).dataset(**body).json()
    assert made["embedding_model"] is not None


def test_a_colleagues_private_dataset_is_listed_only_on_request(
    room: Callable[..., Room],
) -> None:
    """``include_all`` shows it, and ``keyword`` finds it whatever its case."""
    one = room()
    one.standin.create_dataset("Mine")
    one.standin.create_dataset("Theirs", created_by="a colleague")
    names = [
        [row["name"] for row in one.http.get("/datasets", params=query).json()["data"]]
        for query in ({}, {"include_all": "true"}, {"include_all": "true", "keyword": "THEIR"})
    ]
    assert names == [["Mine"], ["Theirs", "Mine"], ["Theirs"]]


def test_a_dataset_without_api_access_is_refused_everywhere_but_listed(
    room: Callable[..., Room],
) -> None:
    """403, whatever is asked."""
    one = room()
    dataset = one.standin.create_dataset("d", enable_api=False)
    assert one.create(dataset).json()["message"] == "Dataset api access is not enabled."
    assert one.http.get("/datasets").json()["total"] == 1
    one.standin.change_dataset(dataset, enable_api=True)
    assert one.create(dataset).status_code == 200


def test_other_kinds_of_datasets_show_what_they_are(room: Callable[..., Room]) -> None:
    """An external one takes no file; a pipeline does not say no but says its mode."""
    one = room()
    external = one.standin.create_dataset("e", provider="external")
    assert one.create(external).json()["message"] == "External datasets are not supported."
    pipeline = one.standin.create_dataset("p", runtime_mode="rag_pipeline")
    assert one.http.get(f"/datasets/{pipeline}").json()["runtime_mode"] == "rag_pipeline"


def test_the_form_of_documents_is_fixed_by_the_first(room: Callable[..., Room]) -> None:
    """Or by the structure of a pipeline."""
    one = room()
    dataset = one.standin.create_dataset("d", chunk_structure="hierarchical_model")
    message = one.create(dataset).json()["message"]
    assert message == "doc_form is different from the dataset doc_form."


def test_the_rate_limit_counts_refused_calls_and_looks_back_a_minute(
    room: Callable[..., Room],
) -> None:
    """Reading is not limited; who keeps knocking never gets in."""
    clock = Clock()
    one = room(rate_limit=2, clock=clock)
    dataset = one.standin.create_dataset("d")

    def knock() -> int:
        return one.create(dataset).status_code

    assert [knock(), knock(), knock()] == [200, 200, 403]
    assert one.http.get(f"/datasets/{dataset}/documents").status_code == 200
    for _ in range(20):
        clock.now += 20
        assert knock() == 403
    clock.now += 60
    assert knock() == 200


def test_reached_quotas_are_403_too(room: Callable[..., Room]) -> None:
    """Only their message tells them from the rate limit."""
    one = room()
    dataset = one.standin.create_dataset("d")
    one.standin.quotas.add("documents")
    assert one.create(dataset).json()["message"].startswith("The number of documents")
    one.standin.quotas.add("vector-space")
    assert one.create(dataset).json()["message"].startswith("The capacity of the vector space")
    one.standin.quotas.clear()
    assert one.create(dataset).status_code == 200


def test_every_answer_says_that_it_is_a_stand_in(room: Callable[..., Room]) -> None:
    """In a header, beside the version that it behaves as."""
    answer = room(behave="1.10.1").http.get("/datasets")
    assert answer.headers["x-stand-in"] == "kbsync"
    assert answer.headers["x-version"] == "1.10.1"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "Authorization header must be provided and start with 'Bearer'"),
        ("dataset-standin", "Authorization header must be provided and start with 'Bearer'"),
        ("Basic abc", "Authorization scheme must be 'Bearer'"),
        ("Bearer wrong", "Access token is invalid"),
        ("bearer dataset-standin", None),
    ],
)
def test_keys_are_checked_as_the_server_does_it(
    room: Callable[..., Room], header: str | None, message: str | None
) -> None:
    """The scheme is read without regard to case."""
    one = room()
    del one.http.headers["Authorization"]
    answer = one.http.get("/datasets", headers={"Authorization": header} if header else {})
    assert answer.status_code == (401 if message else 200)
    assert answer.json().get("message") == message


def test_the_simple_dialect_makes_shows_and_deletes(room: Callable[..., Room]) -> None:
    """The file is in ``data``, and the same name twice makes two documents."""
    one = room(dialect="simple")
    path = f"/datasets/{one.standin.create_dataset('d')}/documents"

    def post(**fields: str) -> httpx.Response:
        return one.http.post(path, data=fields, files={"data": ("a.md", b"text")})

    first = post(indexing_technique="economy").json()["document"]
    assert (first["name"], first["data_source_type"]) == ("a.md", "upload_file")
    assert first["indexing_status"] == "waiting"
    assert post().json()["document"]["id"] != first["id"]
    shown = one.http.get(f"{path}/{first['id']}").json()
    assert sorted(shown) == ["created_at", "id", "indexing_progress", "indexing_status", "name"]
    assert (shown["indexing_status"], shown["indexing_progress"]) == ("completed", 100)
    assert one.http.delete(f"{path}/{first['id']}").json() == {"result": "success"}
    assert one.http.get(f"{path}/{first['id']}").status_code == 404


def test_the_simple_dialect_has_nothing_else(room: Callable[..., Room]) -> None:
    """No list, no dataset, no create-by-file; errors have the one shape."""
    one = room(dialect="simple")
    dataset = one.standin.create_dataset("d")
    assert one.create(dataset).json() == {
        "code": "not_found",
        "message": "Not found.",
        "status": 404,
    }
    assert one.http.get(f"/datasets/{dataset}/documents").status_code == 405
    assert one.http.get("/datasets").status_code == 404


def test_the_dify_dialect_refuses_the_simple_form(room: Callable[..., Room]) -> None:
    """405 on the list's address: how a client can tell the two apart."""
    one = room()
    dataset = one.standin.create_dataset("d")
    answer = one.http.post(f"/datasets/{dataset}/documents", files={"data": ("a.md", b"x")})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("limit", ["0", "101", "many"])
def test_a_limit_of_conversations_that_is_none_is_refused(
    room: Callable[..., Room], limit: str
) -> None:
    """400, as for messages, and no crash."""
    one = room()
    answer = one.http.get(
        "/conversations",
        params={"user": "u", "limit": limit},
        headers={"Authorization": f"Bearer {one.standin.app_key}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_param")


def test_wrong_settings_are_told() -> None:
    """With what there is instead."""
    with pytest.raises(ValueError, match=r"known: 1\.10\.1, 1\.16\.1"):
        StandIn(behave="2.0")
    with pytest.raises(ValueError, match="known: dify, simple"):
        StandIn(dialect="other")  # type: ignore[arg-type]


def test_the_stand_in_stops_on_a_signal_without_noise() -> None:
    """Ctrl-C ends it at once, and it writes nothing of its own."""
    program = (
        "from kbsync.standin import StandIn, serve\n"
        "import kbsync.standin.server as s, os, signal, threading\n"
        "def stop():\n"
        "    import urllib.request\n"
        "    while True:\n"
        "        try: urllib.request.urlopen(f'http://127.0.0.1:{port}/'); break\n"
        "        except OSError: pass\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "import socket\n"
        "with socket.socket() as k: k.bind(('127.0.0.1', 0)); port = k.getsockname()[1]\n"
        "threading.Thread(target=stop).start()\n"
        "serve(StandIn(), port=port)\n"
        "print('done')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")
