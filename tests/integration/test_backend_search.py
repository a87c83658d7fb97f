"""What a search asks of a current server, word for word."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from typing import Any

import pytest

from kbsync.backend.dify import DifyBackend
from kbsync.model import QUERY_LENGTH, Condition
from kbsync.transport import Transport

from .transporting import received, served, written

OWN = {"search_method": "hybrid_search", "reranking_enable": True, "weights": None, "top_k": 2}
JSON = "Content-Type: application/json"


def asked(technique: str, *, query: str = "q", **how: Any) -> dict[str, Any]:
    """The body of the search in a dataset of this technique."""
    bodies: list[dict[str, Any]] = []

    def script(connection: socket.socket) -> None:
        while request := received(connection):
            head, _, body = request.partition(b"\r\n\r\n")
            told: dict[str, Any] = {"records": []}
            if head.startswith(b"GET"):
                told = {"name": "KB", "indexing_technique": technique, "retrieval_model_dict": OWN}
            else:
                bodies.append(json.loads(body))
            connection.sendall(written("200 OK", json.dumps(told).encode(), JSON))

    with (
        served(script) as server,
        closing(DifyBackend(Transport(server.url, "dataset-x"))) as backend,
    ):
        assert backend.search("id", query, **how) == []
    assert len(bodies) == 1
    return bodies[0]


def test_a_dataset_is_searched_as_it_is_set_up() -> None:
    """Its own method and ranking; the limit is ours."""
    model = asked("high_quality", limit=7)["retrieval_model"]
    assert model == {
        "search_method": "hybrid_search",
        "reranking_enable": True,
        "score_threshold_enabled": False,
        "top_k": 7,
    }


@pytest.mark.parametrize(
    "method", ["keyword_search", "semantic_search", "full_text_search", "hybrid_search"]
)
def test_another_method_may_be_asked_for(method: str) -> None:
    """All else stays as the dataset has it."""
    model = asked("high_quality", method=method)["retrieval_model"]
    assert (model["search_method"], model["reranking_enable"]) == (method, True)


def test_an_economy_dataset_is_searched_by_keyword_whatever_it_says() -> None:
    """As live servers want it."""
    assert asked("economy")["retrieval_model"]["search_method"] == "keyword_search"


def test_metadata_conditions_must_all_hold() -> None:
    """Each with its name, operator and value."""
    where = [Condition("kbsync_path", "contains", "IT/"), Condition("year", "is", "2026")]
    assert asked("economy", where=where)["retrieval_model"]["metadata_filtering_conditions"] == {
        "logical_operator": "and",
        "conditions": [
            {"name": "kbsync_path", "comparison_operator": "contains", "value": "IT/"},
            {"name": "year", "comparison_operator": "is", "value": "2026"},
        ],
    }


def test_a_query_is_cut_to_what_a_server_takes() -> None:
    """Without the blanks around it."""
    assert asked("economy", query=f"  {'x' * 300}")["query"] == "x" * QUERY_LENGTH
