"""Writing metadata fields, one writer per dataset, and reading them back where that is needed.

Servers up to 1.13.0 answer 200 whatever happens to a metadata write (seen live on 1.10.1), so
there only what was read back counts as written. Which kind a server is, one write to a document
that cannot exist tells.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import islice

from kbsync.backend.listing import another_page_pays, fetch_documents
from kbsync.backend.rows import listed_of
from kbsync.errors import BackendError, Missing, Rejected, Unavailable
from kbsync.model import Listed, MetadataValue
from kbsync.transport import BUSY_METADATA, Call, NoSuchRoute, Transport
from kbsync.transport.fields import rows, table, text

Values = Mapping[str, Mapping[str, MetadataValue]]
Operation = Mapping[str, object]

_NOBODY = str(uuid.UUID(int=0))
#: A lock may stay for an hour when a process of the server dies: no use in waiting long for it.
_TRIES = 2
#: Refusals for one document's sake; any other (the dataset, a field) would meet each half as well.
_ONE_DOCUMENT = re.compile(rf"Document not found|document {BUSY_METADATA}", re.IGNORECASE)
#: Values written by one request; servers know no limit, but hold a lock meanwhile.
_AT_ONCE = 100


class Metadata:
    """The metadata endpoints."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()
        self._fields: dict[str, dict[str, str]] = {}
        self._swallows: bool | None = None
        self.available = True

    def write(self, dataset_id: str, values: Values, types: Mapping[str, str]) -> frozenset[str]:
        """Set fields by document id; returns the ids whose values are known to be set."""
        if not values:
            return frozenset()
        with self._guard:
            lock = self._locks[dataset_id]
        with lock:
            try:
                done = self._write(dataset_id, values, types)
            except NoSuchRoute:
                # Servers before 1.1.1 have no such routes.
                self.available = False
                return frozenset()
            except Missing:
                return frozenset()  # the dataset is gone, and its documents with it
            if len(done) < len(values):
                # Perhaps somebody deleted a field: the next write asks which there are.
                self._fields.pop(dataset_id, None)
            return done

    def _write(self, dataset_id: str, values: Values, types: Mapping[str, str]) -> frozenset[str]:
        fields = self._ensure_fields(dataset_id, values, types)
        swallows = self._swallows_errors(dataset_id, fields)
        operations = _operations(values, fields)
        sent: set[str] = set()
        for some in _at_most(_AT_ONCE, operations):
            sent |= self._send(dataset_id, some)
        complete = {one for one in sent if values[one].keys() <= fields.keys()}
        if not swallows:
            return frozenset(complete)
        return self._read_back(dataset_id, {one: values[one] for one in complete})

    # Fields

    def _ensure_fields(
        self, dataset_id: str, values: Values, types: Mapping[str, str]
    ) -> dict[str, str]:
        """Ids of the fields that are needed, by name; missing ones are made."""
        needed = {name for fields in values.values() for name in fields}
        known = self._fields.get(dataset_id, {})
        if not needed <= known.keys():
            known = self._known_fields(dataset_id)
            for name in sorted(needed - known.keys()):
                self._make_field(dataset_id, name, types.get(name, "string"))
            if not needed <= known.keys():
                known = self._known_fields(dataset_id)
            self._fields[dataset_id] = known
        return known

    def _known_fields(self, dataset_id: str) -> dict[str, str]:
        path = f"/datasets/{dataset_id}/metadata"
        answer = self._transport.call(Call("metadata", "GET", path, repeatable=True))
        return {text(row, "name"): text(row, "id") for row in rows(answer, "doc_metadata")}

    def _make_field(self, dataset_id: str, name: str, kind: str) -> None:
        """Make a field; one that cannot be made is missed when the fields are read again."""
        body = {"type": kind, "name": name}
        path = f"/datasets/{dataset_id}/metadata"
        try:
            self._transport.call(Call("metadata", "POST", path, json=body, repeatable=True))
        except Rejected:
            return

    # Values

    def _swallows_errors(self, dataset_id: str, fields: Mapping[str, str]) -> bool:
        """Whether this server answers success to a write that cannot have succeeded."""
        if self._swallows is None:
            name, field = next(iter(fields.items()), ("", _NOBODY))
            nothing: list[dict[str, MetadataValue]] = [{"id": field, "name": name, "value": ""}]
            self._swallows = self._post(dataset_id, [_operation(_NOBODY, nothing)]) is None
        return self._swallows

    def _send(
        self, dataset_id: str, operations: Mapping[str, Operation], *, tries: int = _TRIES
    ) -> set[str]:
        """Write, by halves when refused: 1.16 refuses all for one that is bad or busy."""
        refusal = self._post(dataset_id, [*operations.values()], tries=tries)
        if refusal is None:
            return set(operations)
        if len(operations) == 1 or not _ONE_DOCUMENT.search(str(refusal)):
            return set()
        ids = [*operations]
        halves = ids[: len(ids) // 2], ids[len(ids) // 2 :]
        parts = ({one: operations[one] for one in half} for half in halves)
        return set().union(*(self._send(dataset_id, part, tries=1) for part in parts))

    def _post(
        self, dataset_id: str, operations: list[Operation], *, tries: int = _TRIES
    ) -> BackendError | None:
        """Write; returns the refusal when something is unknown or busy."""
        path = f"/datasets/{dataset_id}/documents/metadata"
        body = {"operation_data": operations}
        call = Call("metadata", "POST", path, json=body, repeatable=True)
        try:
            self._transport.call(call, tries=tries)
        except (Rejected, Missing) as error:
            return error
        except Unavailable as error:
            if BUSY_METADATA in str(error):
                return error
            raise
        return None

    # Reading back

    def _read_back(self, dataset_id: str, values: Values) -> frozenset[str]:
        """By list pages as long as they help, then one by one."""
        confirmed: set[str] = set()
        left = set(values)
        page, more = 1, len(left) > 1
        while more:
            answer = fetch_documents(self._transport, dataset_id, page)
            for listed in map(listed_of, rows(answer)):
                if listed.document_id in left:
                    left.discard(listed.document_id)
                    if _holds(listed, values[listed.document_id]):
                        confirmed.add(listed.document_id)
            more = another_page_pays(answer, page, len(left))
            page += 1
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


def _operations(values: Values, fields: Mapping[str, str]) -> dict[str, Operation]:
    return {
        document_id: _operation(
            document_id,
            [
                {"id": fields[name], "name": name, "value": value}
                for name, value in named.items()
                if name in fields
            ],
        )
        for document_id, named in values.items()
    }


def _operation(document_id: str, metadata: list[dict[str, MetadataValue]]) -> Operation:
    return {"document_id": document_id, "metadata_list": metadata, "partial_update": True}


def _at_most(count: int, operations: Mapping[str, Operation]) -> Iterator[dict[str, Operation]]:
    left = iter(operations.items())
    while some := dict(islice(left, count)):
        yield some


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
