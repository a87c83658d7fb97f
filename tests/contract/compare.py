"""Whether an answer, and what follows from it, agree with the record; every difference is a line."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx

from .contents import filled
from .place import Place
from .record import Answer, Row

CUT = re.compile(
    r"(^|\.)(%s)(\[\])?$"
    % "|".join(
        (  # maps and lists whose inside no row is about
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
    )
)
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
    """Lines that say where an answer differs; unless ``exact``, more keys than recorded are fine."""
    if got.status_code != answer.status:
        yield f"status: expected {answer.status}, got {got.status_code} {got.text[:300]}"
        return
    if answer.shape in PLAIN_SHAPES:
        yield from _plain(answer.shape, got)
        return
    body = got.json()
    yield from _shape(shapes[answer.shape], body, exact=exact)
    if answer.code is not None and body.get("code") != answer.code:
        yield f"code: expected {answer.code!r}, got {body.get('code')!r}"
    if answer.message is not None:
        yield from _message(filled(answer.message, words), str(body.get("message")), exact=exact)
    if answer.invalid and sorted(body.get("errors", ())) != list(answer.invalid):
        yield f"errors: expected {answer.invalid}, got {body.get('errors')}"
    if answer.rows is not None:
        rows = body["records"] if "records" in body else body["data"]
        if len(rows) != answer.rows:
            yield f"rows: expected {answer.rows}, got {len(rows)}"
            return
    yield from _values(filled(dict(answer.values), words), body)


def consequences(
    row: Row, place: Place, got: httpx.Response, before: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Lines that say where the state after the exchange differs from ``row.then``."""
    dataset, words = place.words.get("dataset", ""), place.words
    for what, recorded in row.then.items():
        expected = filled(recorded, words)
        match what:
            case "state":
                yield from _indexed(row.then, place.finished(dataset, got.json()["batch"]))
            case "segments" | "error":
                pass  # part of the state
            case "documents":
                found: Any = len(place.documents(dataset))
                if found != expected:
                    yield f"documents afterwards: expected {expected}, found {found}"
            case "document":
                path = f"/datasets/{dataset}/documents/{words['document']}"
                yield from _left(what, expected, place.call("GET", path))
            case "batch":
                path = f"/datasets/{dataset}/documents/{words['batch']}/indexing-status"
                yield from _left(what, expected, place.call("GET", path))
            case "dataset":
                yield from _left(what, expected, place.call("GET", f"/datasets/{dataset}"))
            case "metadata":
                for document, values in expected.items():
                    found = place.metadata(dataset, words[document])
                    if found != values:
                        yield f"metadata of {document}: expected {values}, found {found}"
            case "unchanged":
                if place.documents(dataset) != before:
                    yield f"documents changed from {before} to {place.documents(dataset)}"
            case _:
                raise ValueError(what)


def _plain(shape: str, got: httpx.Response) -> Iterator[str]:
    kind = got.headers.get("content-type")
    if PLAIN_SHAPES[shape] not in (None, kind):
        yield f"content type: expected {PLAIN_SHAPES[shape]}, got {kind}"
    if shape == "empty" and got.content:
        yield f"body: expected none, got {got.text[:200]!r}"
    if shape == "number-204" and got.text.strip() != "204":
        yield f"body: expected 204, got {got.text[:200]!r}"


def _message(expected: str, got: str, *, exact: bool) -> Iterator[str]:
    if not got.startswith(expected) or (exact and expected == "" != got):
        yield f"message: expected {expected!r}, got {got!r}"


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


def _indexed(then: Mapping[str, Any], state: Mapping[str, Any]) -> Iterator[str]:
    if state["indexing_status"] != then["state"]:
        yield f"indexing: expected {then['state']}, got {state['indexing_status']} {state['error']}"
    if "segments" in then and state["total_segments"] != then["segments"]:
        yield f"segments: expected {then['segments']}, got {state['total_segments']}"
    error = state["error"] or ""
    if "error" in then and not error.startswith(then["error"]):
        yield f"indexing error: expected {then['error']!r}, got {error!r}"


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
