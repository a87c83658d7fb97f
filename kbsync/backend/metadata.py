"""Writing metadata fields, one writer per dataset, and reading them back.

Servers up to 1.13 answer 200 whatever happens to a metadata write (seen live on 1.10.1), so only
what was read back counts as written.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping

from kbsync.backend.listing import fetch_documents
from kbsync.backend.rows import listed_of, rows, table, text
from kbsync.errors import Denied, Missing, Rejected
from kbsync.model import METADATA_FIELDS, Listed, MetadataValue
from kbsync.transport import Transport
from kbsync.transport.client import Call

Values = Mapping[str, Mapping[str, MetadataValue]]

_READ_PAGES = 2


class Metadata:
    """The metadata endpoints."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()
        self._fields: dict[str, dict[str, str]] = {}
        self.available = True

    def write(self, dataset_id: str, values: Values) -> frozenset[str]:
        """Set fields by document id; returns the ids whose values were read back."""
        with self._guard:
            lock = self._locks[dataset_id]
        with lock:
            try:
                fields = self._ensure_fields(dataset_id, values)
            except Denied:
                # Servers before 1.1.1 have no such routes and answer with a page.
                self.available = False
                return frozenset()
            operations = _operations(values, fields)
            if not self._send(dataset_id, operations):
                for operation in operations:
                    self._send(dataset_id, [operation])
        return self._read_back(dataset_id, values)

    def _ensure_fields(self, dataset_id: str, values: Values) -> dict[str, str]:
        """Ids of all fields that are needed, by name; missing ones are made."""
        needed = {name for fields in values.values() for name in fields}
        known = self._fields.get(dataset_id, {})
        if not needed <= known.keys():
            known = self._known_fields(dataset_id)
            for name in sorted(needed - known.keys()):
                self._make_field(dataset_id, name)
            if not needed <= known.keys():
                known = self._known_fields(dataset_id)
            self._fields[dataset_id] = known
        return known

    def _known_fields(self, dataset_id: str) -> dict[str, str]:
        path = f"/datasets/{dataset_id}/metadata"
        answer = self._transport.call(Call("metadata", "GET", path, repeatable=True))
        return {text(row, "name"): text(row, "id") for row in rows(answer, "doc_metadata")}

    def _make_field(self, dataset_id: str, name: str) -> None:
        body = {"type": METADATA_FIELDS.get(name, "string"), "name": name}
        path = f"/datasets/{dataset_id}/metadata"
        try:
            self._transport.call(Call("metadata", "POST", path, json=body, repeatable=True))
        except Rejected as error:
            if "already exists" not in str(error):
                raise

    def _send(self, dataset_id: str, operations: list[dict[str, object]]) -> bool:
        """Write; False when the server refuses, as 1.16 does for one bad document among many."""
        call = Call(
            "metadata",
            "POST",
            f"/datasets/{dataset_id}/documents/metadata",
            json={"operation_data": operations},
            repeatable=True,
        )
        try:
            self._transport.call(call)
        except (Rejected, Missing):
            return False
        return True

    def _read_back(self, dataset_id: str, values: Values) -> frozenset[str]:
        """By list pages as long as they help, then one by one."""
        confirmed: set[str] = set()
        left = set(values)
        for page in range(1, _READ_PAGES + 1):
            if len(left) <= page:
                break
            for row in rows(fetch_documents(self._transport, dataset_id, page)):
                listed = listed_of(row)
                if listed.document_id in left:
                    left.discard(listed.document_id)
                    if _holds(listed, values[listed.document_id]):
                        confirmed.add(listed.document_id)
        confirmed.update(one for one in left if self._holds_one(dataset_id, one, values[one]))
        return frozenset(confirmed)

    def _holds_one(
        self, dataset_id: str, document_id: str, values: Mapping[str, MetadataValue]
    ) -> bool:
        path = f"/datasets/{dataset_id}/documents/{document_id}"
        call = Call("get", "GET", path, params={"metadata": "only"}, repeatable=True)
        try:
            answer = self._transport.call(call)
        except Missing:
            return False
        return _holds(listed_of(table(answer)), values)


def _operations(values: Values, fields: Mapping[str, str]) -> list[dict[str, object]]:
    return [
        {
            "document_id": document_id,
            "metadata_list": [
                {"id": fields[name], "name": name, "value": value}
                for name, value in named.items()
                if name in fields
            ],
            "partial_update": True,
        }
        for document_id, named in values.items()
    ]


def _holds(listed: Listed, values: Mapping[str, MetadataValue]) -> bool:
    """Whether all values are there; lists of servers up to 1.13 tell numbers as text."""
    return all(_equal(listed.metadata.get(name), value) for name, value in values.items())


def _equal(told: str | float | None, value: MetadataValue) -> bool:
    if isinstance(value, str) or told is None:
        return told == value
    try:
        return float(told) == value
    except ValueError:
        return False
