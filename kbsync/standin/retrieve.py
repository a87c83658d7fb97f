"""``POST retrieve``: keyword search over the segments of available documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from pydantic import ValidationError

from kbsync.standin.call import Call
from kbsync.standin.checking import check
from kbsync.standin.errors import Answer, invalid_param
from kbsync.standin.payloads import HitTestingPayload, RetrievalModel
from kbsync.standin.split import STOP_WORDS, words
from kbsync.standin.store import Document, Segment
from kbsync.standin.views import DEFAULT_RETRIEVAL, segment_view

Value = str | float | None
Found = tuple[Segment, Document, float]


def retrieve(call: Call) -> Answer:
    """The best segments; economy datasets can only be searched by keyword, and case counts.

    A dataset with an embedding model is searched by keyword too, whatever method is asked for: the
    stand-in has no model.
    """
    data = call.json()
    own_text = call.behaviour.query_error
    query = data.get("query")
    if own_text and (not isinstance(query, str) or not 0 < len(query) <= 250):
        raise invalid_param(own_text)
    wish = check(HitTestingPayload, data, call.behaviour)
    if not wish.query:
        raise invalid_param(call.behaviour.empty_query_error)
    model = wish.retrieval_model or _own_model(call)
    by_keyword = model is not None and model.search_method == "keyword_search"
    if not by_keyword and call.dataset.indexing_technique != "high_quality":
        raise invalid_param(call.behaviour.semantic_error)
    if model is None:
        model = RetrievalModel.model_validate(DEFAULT_RETRIEVAL)
    records = [
        _record(call, segment, document, score)
        for segment, document, score in found(call, wish.query, model)
    ]
    return Answer({"query": {"content": wish.query}, "records": records})


def _own_model(call: Call) -> RetrievalModel | None:
    stored = call.dataset.retrieval_model
    if stored is None:
        return None
    try:
        return RetrievalModel.model_validate(json.loads(stored))
    except ValidationError:
        return None


def found(call: Call, query: str, model: RetrievalModel) -> list[Found]:
    """The best segments of the call's dataset, each with its share of the words."""
    wanted = {word for word in words(query) if word.lower() not in STOP_WORDS}
    if not wanted:
        return []
    documents = {
        document.id: document
        for document in call.store.find(
            Document,
            "dataset = ? AND indexing_status = 'completed' AND enabled AND NOT archived",
            call.dataset.id,
        )
        if _passes(document, model.metadata_filtering_conditions)
    }
    scored = []
    for segment in _candidates(call, wanted):
        hits = len(wanted & set(words(segment.content)))
        document = documents.get(segment.document)
        if hits and document is not None:
            scored.append((segment, document, hits / len(wanted)))
    scored.sort(key=lambda hit: -hit[2])
    return scored[: model.top_k]


def _candidates(call: Call, wanted: set[str]) -> list[Segment]:
    latin = [word for word in wanted if word < "\u2e80"]
    if len(latin) < len(wanted):
        return call.store.find(Segment, "dataset = ? ORDER BY rowid DESC", call.dataset.id)
    match = " OR ".join(f'"{word}"' for word in latin)
    return call.store.find(
        Segment,
        "dataset = ? AND rowid IN (SELECT rowid FROM words WHERE words MATCH ?) "
        "ORDER BY rowid DESC",
        call.dataset.id,
        match,
    )


def _record(call: Call, segment: Segment, document: Document, score: float) -> dict[str, object]:
    new = call.behaviour.new_fields
    scored = call.dataset.indexing_technique == "high_quality"
    record: dict[str, object] = {
        "segment": segment_view(call.world, segment, document, in_a_record=True),
        "child_chunks": [] if new else None,
        "score": score if scored else (0.0 if new else None),
        "tsne_position": None,
    }
    return record | ({"files": [], "summary": None} if new else {})


def _passes(document: Document, conditions: Mapping[str, object] | None) -> bool:
    rules = (conditions or {}).get("conditions")
    if not isinstance(rules, list) or not rules:
        return True
    values = document.values
    results = [_holds(rule, values) for rule in rules if isinstance(rule, dict)]
    either = (conditions or {}).get("logical_operator") == "or"
    return any(results) if either else all(results)


def _holds(rule: Mapping[str, object], values: Mapping[str, Value]) -> bool:
    have = values.get(str(rule.get("name")))
    want = rule.get("value")
    operator = str(rule.get("comparison_operator"))
    if operator in NUMERIC:
        try:
            return NUMERIC[operator](float(str(have)), float(str(want)))
        except ValueError:
            return False
    if operator not in TEXTUAL:
        raise invalid_param(f"Invalid comparison operator: {operator}")
    return TEXTUAL[operator]("" if have is None else str(have), want)


NUMERIC: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda have, want: have == want,
    "≠": lambda have, want: have != want,
    ">": lambda have, want: have > want,
    "<": lambda have, want: have < want,
    "≥": lambda have, want: have >= want,
    "≤": lambda have, want: have <= want,
    "before": lambda have, want: have < want,
    "after": lambda have, want: have > want,
}
TEXTUAL: Mapping[str, Callable[[str, object], bool]] = {
    "is": lambda have, want: have == str(want),
    "is not": lambda have, want: have != str(want),
    "contains": lambda have, want: str(want) in have,
    "not contains": lambda have, want: str(want) not in have,
    "start with": lambda have, want: have.startswith(str(want)),
    "end with": lambda have, want: have.endswith(str(want)),
    "empty": lambda have, _want: not have,
    "not empty": lambda have, _want: bool(have),
    "in": lambda have, want: have in (want if isinstance(want, list) else str(want).split(",")),
    "not in": lambda have, want: (
        have not in (want if isinstance(want, list) else str(want).split(","))
    ),
}
