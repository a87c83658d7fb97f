"""A server on which rows of the record are repeated, whether the stand-in or a live one."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any, Self

import httpx

from .contents import PLAIN, content, filled

FIRST = {"indexing_technique": "economy", "process_rule": {"mode": "automatic"}}
UNKNOWN = "00000000-0000-4000-8000-000000000000"
FINISHED = ("completed", "error")


class Place:
    """One key on one server, the datasets made with it, and the words that stand for their ids.

    ``patience`` are the seconds that indexing may take; ``tidy`` removes the datasets at the end.
    """

    def __init__(
        self, base_url: str, key: str, *, patience: float = 15.0, tidy: bool = True
    ) -> None:
        self.base_url = base_url
        self.key = key
        self.patience = patience
        self._tidy = tidy
        self.words: dict[str, str] = {}
        self._made: list[str] = []
        # One connection for everything; a closed idle one is opened again by the transport.
        self._client = httpx.Client(
            timeout=max(patience, 30.0), transport=httpx.HTTPTransport(retries=1)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._tidy:
            self.remove_datasets()
        self._client.close()

    def begin(self, words: Mapping[str, str] | None = None) -> None:
        """Start a row: forget the words of the row before, and take those given."""
        stem = f"kbsync-contract-{uuid.uuid4().hex[:10]}"
        self.words = {"unknown": UNKNOWN, "key": self.key, "new_name": f"{stem}-new", "stem": stem}
        self.words.update(words or {})

    def remove_datasets(self) -> None:
        """Delete what was made here; what is gone already is fine."""
        for dataset in self._made:
            answer = self.call("DELETE", f"/datasets/{dataset}")
            assert answer.status_code in (200, 204, 404), answer.text
        self._made.clear()

    def call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """One request with our key."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return self._client.request(method, self.base_url + path, headers=headers, **arguments)

    def exchange(self, asked: Mapping[str, Any]) -> httpx.Response:
        """Send a row's request; remembers a dataset that it makes."""
        unknown = re.search(r"\{\w+\}", json.dumps(filled(asked, self.words)))
        assert not unknown, f"the set-up gives no {unknown}"
        method, _, path = filled(asked["request"], self.words).partition(" ")
        given = filled(asked.get("headers", {}), self.words)
        headers = {"Authorization": f"Bearer {self.key}", **given}
        answer = self._client.request(
            method,
            self.base_url + path,
            headers={name: value for name, value in headers.items() if value is not None},
            params=filled(asked.get("params"), self.words),
            **self._body(asked),
        )
        if method == "POST" and path == "/datasets" and answer.status_code == 200:
            self._made.append(answer.json()["id"])
        return answer

    def dataset(self, name: str | None = None, **settings: Any) -> str:
        """Make a dataset and return its id."""
        name = name or f"kbsync-contract-{uuid.uuid4().hex[:12]}"
        answer = self.call("POST", "/datasets", json={"name": name, **settings})
        assert answer.status_code == 200, answer.text
        made: str = answer.json()["id"]
        self._made.append(made)
        return made

    def upload(
        self, dataset: str, name: str, body: bytes | None = None, *, finish: bool = True
    ) -> tuple[str, str]:
        """Create a document from a file and return its id and batch, once it is indexed."""
        answer = self.call(
            "POST",
            f"/datasets/{dataset}/document/create-by-file",
            data={"data": json.dumps(FIRST)},
            files={"file": (name, content(None) if body is None else body)},
        )
        return self._taken(dataset, answer, finish=finish)

    def update(
        self, dataset: str, document: str, name: str, body: bytes, *, finish: bool = True
    ) -> tuple[str, str]:
        """Give a document new content."""
        answer = self.call(
            "POST",
            f"/datasets/{dataset}/documents/{document}/update-by-file",
            data={"data": "{}"},
            files={"file": (name, body)},
        )
        return self._taken(dataset, answer, finish=finish)

    def note(self, dataset: str, name: str, text: str = PLAIN) -> tuple[str, str]:
        """Create a document from text."""
        answer = self.call(
            "POST",
            f"/datasets/{dataset}/document/create-by-text",
            json={"name": name, "text": text, **FIRST},
        )
        return self._taken(dataset, answer, finish=True)

    def finished(self, dataset: str, batch: str) -> Mapping[str, Any]:
        """The indexing status of a batch's document once indexing is over."""
        deadline = time.monotonic() + self.patience
        while True:
            answer = self.call("GET", f"/datasets/{dataset}/documents/{batch}/indexing-status")
            assert answer.status_code == 200, answer.text
            state: Mapping[str, Any] = answer.json()["data"][0]
            if state["indexing_status"] in FINISHED:
                return state
            assert time.monotonic() < deadline, f"still {state['indexing_status']}"
            time.sleep(0.02)

    def switch(self, dataset: str, document: str, action: str, *, settle: bool = True) -> None:
        """Enable, disable, archive or un_archive a document.

        ``settle`` waits until a worker has taken off the mark "is being indexed" that this leaves:
        the same call again is refused as long as it is there, and changes nothing afterwards.
        """
        path = f"/datasets/{dataset}/documents/status/{action}"
        answer = self.call("PATCH", path, json={"document_ids": [document]})
        assert answer.status_code == 200, answer.text
        deadline = time.monotonic() + self.patience
        while settle:
            answer = self.call("PATCH", path, json={"document_ids": [document]})
            if answer.status_code == 200:
                return
            assert "is being indexed" in answer.text, answer.text
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.02)

    def field(self, dataset: str, name: str, kind: str = "string") -> str:
        """Make a metadata field and return its id."""
        path = f"/datasets/{dataset}/metadata"
        answer = self.call("POST", path, json={"type": kind, "name": name})
        assert answer.status_code == 201, answer.text
        made: str = answer.json()["id"]
        return made

    def set_metadata(self, dataset: str, document: str, *values: Mapping[str, Any]) -> None:
        """Give a document metadata values, each as the API takes it."""
        operation = {"document_id": document, "metadata_list": list(values)}
        answer = self.call(
            "POST",
            f"/datasets/{dataset}/documents/metadata",
            json={"operation_data": [operation]},
        )
        assert answer.status_code == 200, answer.text

    def metadata(self, dataset: str, document: str) -> dict[str, Any]:
        """A document's own metadata values by name."""
        answer = self.call(
            "GET", f"/datasets/{dataset}/documents/{document}", params={"metadata": "only"}
        )
        assert answer.status_code == 200, answer.text
        rows = answer.json()["doc_metadata"] or []
        return {row["name"]: row["value"] for row in rows if row["id"] != "built-in"}

    def documents(self, dataset: str) -> list[Mapping[str, Any]]:
        """The first hundred documents of a dataset."""
        answer = self.call("GET", f"/datasets/{dataset}/documents", params={"limit": 100})
        assert answer.status_code == 200, answer.text
        rows: list[Mapping[str, Any]] = answer.json()["data"]
        return rows

    def _taken(self, dataset: str, answer: httpx.Response, *, finish: bool) -> tuple[str, str]:
        assert answer.status_code == 200, answer.text
        document, batch = answer.json()["document"]["id"], answer.json()["batch"]
        if finish:
            self.finished(dataset, batch)
        return document, batch

    def _body(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        if "json" in asked:
            return {"json": filled(asked["json"], self.words)}
        if "raw" in asked:
            return {"content": asked["raw"].encode()}
        body: dict[str, Any] = {}
        form = dict(asked.get("fields", {}))
        if "data" in asked:
            form["data"] = _data_field(filled(asked["data"], self.words))
        if form:
            body["data"] = form
        if "files" in asked:
            body["files"] = [self._part(part) for part in asked["files"]]
        return body

    def _part(self, part: Mapping[str, Any]) -> tuple[str, tuple[Any, ...]]:
        name = filled(part["name"], self.words)
        kind = (part["type"],) if "type" in part else ()
        return part.get("field", "file"), (name, content(part.get("content")), *kind)


def _data_field(value: Any) -> str:
    match value:
        case "first":
            return json.dumps(FIRST)
        case {"raw": str(text)}:
            return text
        case _:
            return json.dumps(value)
