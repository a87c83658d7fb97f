"""Whether an answer, and what follows from it, agree with the record: one line a difference."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from .contents import filled
from .place import Place
from .record import Answer, Row

UNSEEN = (  # maps and lists whose inside no row is about
    "retrieval_model_dict",
    "icon_info",
    "dataset_process_rule",
    "document_process_rule",
    "external_knowledge_info",
    "external_retrieval_model",
    "summary_index_setting",
    "tags",
    "keywords",
    "errors",
    r"segment\.document\.doc_metadata",
)
CUT = re.compile(rf"(^|\.)({'|'.join(UNSEEN)})(\[\])?$")
PLAIN_SHAPES = {
    "html": "text/html; charset=utf-8",
    "zip": "application/zip",
    "empty": None,
    "number-204": "application/json",
}
"""Answers without a JSON object, and their content type if they must have one."""


def differences(
    answer: Answer,
    got: httpx.Response,
    words: Mapping[str, str],
    shapes: Mapping[str, Mapping[str, str]],
    *,
    exact: bool,
) -> Iterator[str]:
    """Lines that say where an answer differs; if not ``exact``, it may have more keys."""
    if got.status_code != answer.status:
        yield f"status: expected {answer.status}, got {got.status_code} {got.text[:300]}"
        return
    for name, value in answer.sends.items():
        if got.headers.get(name) != value:
            yield f"header {name}: expected {value!r}, got {got.headers.get(name)!r}"
    body = _object(got)
    if answer.shape in PLAIN_SHAPES:
        yield from _plain(answer.shape, got)
    elif body is None:
        yield f"body: expected {answer.shape}, got {got.text[:300]!r}"
    else:
        yield from _shape(shapes[answer.shape], body, exact=exact)
        yield from _error(answer, body, words, exact=exact)
        yield from _rows(answer, body, words)


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What there is to look at once a row's exchange is over; ``before`` is the list before it."""

    row: Row
    place: Place
    got: httpx.Response
    before: Sequence[Mapping[str, Any]]

    @property
    def dataset(self) -> str:
        """The path of the row's dataset."""
        return f"/datasets/{self.place.words['dataset']}"

    @property
    def documents(self) -> list[Mapping[str, Any]]:
        """The documents as they are now."""
        return self.place.documents(self.place.words["dataset"])


def consequences(after: Aftermath) -> Iterator[str]:
    """Lines that say where the state after the exchange differs from the row's ``then``."""
    for what, recorded in after.row.then.items():
        yield from CONSEQUENCES[what](filled(recorded, after.place.words), after)


def _state(expected: Any, after: Aftermath) -> Iterator[str]:
    state = after.place.finished(after.place.words["dataset"], after.got.json()["batch"])
    if state["indexing_status"] != expected:
        yield f"indexing: expected {expected}, got {state['indexing_status']} {state['error']}"
    segments = after.row.then.get("segments", state["total_segments"])
    if state["total_segments"] != segments:
        yield f"segments: expected {segments}, got {state['total_segments']}"
    error, prefix = state["error"] or "", after.row.then.get("error", "")
    if not error.startswith(prefix):
        yield f"indexing error: expected {prefix!r}, got {error!r}"


def _part_of_state(expected: Any, after: Aftermath) -> Iterator[str]:
    yield from ()


def _number_of_documents(expected: Any, after: Aftermath) -> Iterator[str]:
    if len(after.documents) != expected:
        yield f"documents afterwards: expected {expected}, found {len(after.documents)}"


def _document(expected: Any, after: Aftermath) -> Iterator[str]:
    path = f"{after.dataset}/documents/{after.place.words['document']}"
    yield from _left("document", expected, after.place.call("GET", path))


def _batch(expected: Any, after: Aftermath) -> Iterator[str]:
    path = f"{after.dataset}/documents/{after.place.words['batch']}/indexing-status"
    yield from _left("batch", expected, after.place.call("GET", path))


def _dataset(expected: Any, after: Aftermath) -> Iterator[str]:
    yield from _left("dataset", expected, after.place.call("GET", after.dataset))


def _metadata(expected: Any, after: Aftermath) -> Iterator[str]:
    words = after.place.words
    for document, values in expected.items():
        found = after.place.metadata(words["dataset"], words[document])
        if found != values:
            yield f"metadata of {document}: expected {values}, found {found}"


def _unchanged(expected: Any, after: Aftermath) -> Iterator[str]:
    if after.documents != after.before:
        yield f"documents changed from {after.before} to {after.documents}"


CONSEQUENCES: Mapping[str, Callable[[Any, Aftermath], Iterator[str]]] = {
    "state": _state,
    "segments": _part_of_state,
    "error": _part_of_state,
    "documents": _number_of_documents,
    "document": _document,
    "batch": _batch,
    "dataset": _dataset,
    "metadata": _metadata,
    "unchanged": _unchanged,
}


def _object(got: httpx.Response) -> Any:
    if not got.headers.get("content-type", "").startswith("application/json"):
        return None
    try:
        body = got.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _plain(shape: str, got: httpx.Response) -> Iterator[str]:
    kind = got.headers.get("content-type")
    if PLAIN_SHAPES[shape] not in (None, kind):
        yield f"content type: expected {PLAIN_SHAPES[shape]}, got {kind}"
    if shape == "empty" and got.content:
        yield f"body: expected none, got {got.text[:200]!r}"
    if shape == "number-204" and got.text.strip() != "204":
        yield f"body: expected 204, got {got.text[:200]!r}"


def _error(
    answer: Answer, body: Mapping[str, Any], words: Mapping[str, str], *, exact: bool
) -> Iterator[str]:
    if answer.code is not None and body.get("code") != answer.code:
        yield f"code: expected {answer.code!r}, got {body.get('code')!r}"
    if answer.invalid and sorted(body.get("errors", ())) != list(answer.invalid):
        yield f"errors: expected {answer.invalid}, got {body.get('errors')}"
    if answer.message is not None:
        expected, message = filled(answer.message, words), str(body.get("message"))
        if not message.startswith(expected) or (exact and expected == "" != message):
            yield f"message: expected {expected!r}, got {message!r}"


def _rows(answer: Answer, body: Mapping[str, Any], words: Mapping[str, str]) -> Iterator[str]:
    rows = body.get("records", body.get("data", ()))
    if answer.rows is not None and len(rows) != answer.rows:
        yield f"rows: expected {answer.rows}, got {len(rows)}"
    else:
        yield from _values(filled(dict(answer.values), words), body)


def _shape(keys: Mapping[str, str], body: Any, *, exact: bool) -> Iterator[str]:
    found: dict[str, set[str]] = {}
    parents: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    _walk(body, "", found, parents, seen)
    known = {key.rstrip("?"): kinds for key, kinds in keys.items()}
    for key, kinds in found.items():
        if key not in known:
            if exact:
                yield f"key {key}: not in the record"
        elif not kinds <= _allowed(known[key]):
            yield f"key {key}: expected {known[key]}, got {'|'.join(sorted(kinds))}"
    for key in keys:
        parent = "" if "." not in key else key.rpartition(".")[0]
        if not key.endswith(("?", "[]")) and seen[key] < parents[parent]:
            yield f"key {key}: missing"


def _allowed(kinds: str) -> set[str]:
    allowed = set(kinds.split("|"))
    return allowed | {"int"} if "number" in allowed else allowed


def _walk(
    value: Any, path: str, found: dict[str, set[str]], parents: Counter[str], seen: Counter[str]
) -> None:
    if CUT.search(path):
        return
    if isinstance(value, dict):
        parents[path] += 1
        for key, item in value.items():
            below = f"{path}.{key}" if path else key
            found.setdefault(below, set()).add(_kind(item))
            seen[below] += 1
            _walk(item, below, found, parents, seen)
    elif isinstance(value, list):
        for item in value:
            found.setdefault(f"{path}[]", set()).add(_kind(item))
            _walk(item, f"{path}[]", found, parents, seen)


def _kind(value: Any) -> str:
    kinds = {bool: "flag", int: "int", float: "number", str: "text", list: "list", dict: "map"}
    return "null" if value is None else kinds[type(value)]


def _values(expected: Mapping[str, Any], body: Any) -> Iterator[str]:
    for path, value in expected.items():
        try:
            found = _at(body, path)
        except (LookupError, TypeError):
            yield f"{path}: expected {_short(value)}, but there is none"
            continue
        match value:
            case {"not": other}:
                agrees = found != other
            case {"one of": others}:
                agrees = found in others
            case _:
                agrees = found == value and type(found) is type(value)
        if not agrees:
            yield f"{path}: expected {_short(value)}, got {_short(found)}"


def _at(body: Any, path: str) -> Any:
    for name, index, key, value in re.findall(
        r"([^.\[\]=]+)(?=[.\[]|$)|\[(\d+)\]|\[(\w+)=([^\]]+)\]", path
    ):
        if index:
            body = body[int(index)]
        elif key:
            body = next(row for row in [*body, {}] if not row or row[key] == value)
        else:
            body = body[name]
    return body


def _left(what: str, expected: Any, got: httpx.Response) -> Iterator[str]:
    if expected == "gone":
        if got.status_code != 404:
            yield f"{what} afterwards: expected to be gone, got {got.status_code} {got.text[:200]}"
    elif got.status_code != 200:
        yield f"{what} afterwards: got {got.status_code} {got.text[:200]}"
    else:
        yield from (f"{what} afterwards: {line}" for line in _values(expected, got.json()))


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 200 else f"{text[:150]}... ({len(text)} characters)"
