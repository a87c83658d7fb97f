"""The service API of current Dify servers, from 1.7 on.

Versions differ; this goes by what an answer is, never by a version, and sends what all take.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from kbsync.backend.datasets import PROBE, Datasets
from kbsync.backend.listing import (
    all_documents,
    another_page_pays,
    fetch_documents,
    keyword_for,
)
from kbsync.backend.metadata import Metadata
from kbsync.backend.rows import listed_of, needs_proof, progress_of
from kbsync.backend.status import set_status
from kbsync.errors import Denied, Missing, Rejected, Unavailable
from kbsync.model import (
    METADATA_FIELDS,
    QUERY_LENGTH,
    Condition,
    Dataset,
    Document,
    Gone,
    Hit,
    Listed,
    MetadataValue,
    Processing,
    Progress,
    Remote,
    SearchMethod,
    StatusAction,
    Traffic,
)
from kbsync.transport import Answer, Call, Transport
from kbsync.transport.fields import Row, decimal, inner, rows, table, text

_DIGESTS = re.compile(r"[0-9a-f]{12}-[0-9a-f]{8}(?=[]-])")
_NOT_AVAILABLE = "Document is not available"
_ARCHIVED = "archived document is not editable"


class DifyBackend:
    """A Dify server's dataset API."""

    style = "dify"
    lists = True
    has_status = True

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._datasets = Datasets(transport)
        self._metadata = Metadata(transport)

    @property
    def has_metadata(self) -> bool:
        """Whether the server has metadata routes; believed until it says otherwise."""
        return self._metadata.available

    def reach(self) -> None:
        """Ask for one dataset; see `Backend.reach`."""
        self._transport.call(PROBE)

    def dataset(
        self, reference: str, *, create: Processing | None = None, known: str | None = None
    ) -> Dataset:
        """Resolve a dataset by UUID or exact name; see `Backend.dataset`."""
        return self._datasets.resolve(reference, create=create, known=known)

    def datasets(self) -> Sequence[Dataset]:
        """Every dataset that the key may see, by name; see `Backend.datasets`."""
        return self._datasets.all()

    @property
    def embeds(self) -> bool | None:
        """Whether there is an embedding model; see `Backend.embeds`."""
        return self._datasets.embeds()

    def fits(self, dataset: Dataset, processing: Processing) -> None:
        """Check technique and form; see `Backend.fits`."""
        self._datasets.fits(dataset, processing)

    # Writing

    def put(
        self, dataset_id: str, document: Document, *, replacing: Remote | None = None
    ) -> Remote:
        """Create, or update in place; see `Backend.put`."""
        if replacing is not None:
            updated = self._update(dataset_id, document, replacing)
            if updated is not None:
                return updated
        return self._create(dataset_id, document)

    def _create(self, dataset_id: str, document: Document) -> Remote:
        answer = self._transport.call(
            Call(
                "create",
                "POST",
                f"/datasets/{dataset_id}/document/create-by-file",
                fields={"data": _data(document.processing)},
                files=_file(document),
            )
        )
        return _remote(answer, dataset_id, document.name)

    def _update(self, dataset_id: str, document: Document, replacing: Remote) -> Remote | None:
        """Update in place, or None where the server wants a new document instead."""
        call = Call(
            "update",
            "POST",
            f"/datasets/{dataset_id}/documents/{replacing.document_id}/update-by-file",
            fields={"data": _data(document.processing)},
            files=_file(document),
        )
        try:
            return _remote(self._transport.call(call), dataset_id, document.name)
        except Missing:
            return None
        except Rejected as error:
            if _NOT_AVAILABLE in str(error):
                return None
            raise

    def delete(self, remote: Remote) -> None:
        """Delete a document, un-archiving it first if need be; see `Backend.delete`."""
        path = f"/datasets/{remote.dataset_id}/documents/{remote.document_id}"
        call = Call("delete", "DELETE", path, repeatable=True)
        try:
            self._delete(call, remote)
        except Missing:
            return

    def _delete(self, call: Call, remote: Remote) -> None:
        try:
            self._transport.call(call)
        except Denied as error:
            if _ARCHIVED not in str(error):
                raise
            self._unarchive(remote)
            self._transport.call(call)

    def _unarchive(self, remote: Remote) -> None:
        path = f"/datasets/{remote.dataset_id}/documents/status/un_archive"
        body = {"document_ids": [remote.document_id]}
        self._transport.call(Call("status", "PATCH", path, json=body, repeatable=True))

    def set_status(
        self, dataset_id: str, document_ids: Sequence[str], action: StatusAction
    ) -> frozenset[str]:
        """Enable, disable, archive or un-archive; see `Backend.set_status`."""
        return set_status(self._transport, dataset_id, document_ids, action)

    # Reading

    def find(self, dataset_id: str, name: str) -> Sequence[Listed]:
        """All documents of exactly this name; the keyword search is only a first sieve."""
        digests = _DIGESTS.search(name)
        keyword = digests.group() if digests else keyword_for(name)
        try:
            found = all_documents(self._transport, dataset_id, keyword)
        except Missing:
            return []  # the dataset is gone, and its documents with it
        return [listed for listed in found.values() if listed.name == name]

    def documents(self, dataset_id: str) -> Iterator[Listed]:
        """Every document of the dataset; see `Backend.documents`."""
        yield from all_documents(self._transport, dataset_id).values()

    def document(self, dataset_id: str, document_id: str) -> Listed | None:
        """One document as it is now; its `progress` is proven by its count of segments."""
        row = self._row(dataset_id, document_id, metadata="all")
        return None if row is None else listed_of(row)

    def progress(self, dataset_id: str, remotes: Sequence[Remote]) -> Mapping[str, Progress]:
        """How far each is; by list pages while many are asked for, one by one at the end."""
        wanted = {remote.document_id for remote in remotes}
        found: dict[str, Row] = {}
        page, more = 1, True
        while more and len(wanted) > 1:
            try:
                answer = fetch_documents(self._transport, dataset_id, page)
            except Missing:
                return dict.fromkeys(wanted, Gone())  # with the dataset
            found |= {text(row, "id"): row for row in rows(answer) if text(row, "id") in wanted}
            more = another_page_pays(answer, page, len(wanted - found.keys()))
            page += 1
        answers = {document_id: self._judge(dataset_id, row) for document_id, row in found.items()}
        for document_id in wanted - found.keys():
            answers[document_id] = self._one(dataset_id, document_id)
        return answers

    def _judge(self, dataset_id: str, row: Row) -> Progress:
        if needs_proof(row):
            return self._one(dataset_id, text(row, "id"))
        return progress_of(row)

    def _one(self, dataset_id: str, document_id: str) -> Progress:
        row = self._row(dataset_id, document_id, metadata="without")
        return Gone() if row is None else progress_of(row)

    def _row(self, dataset_id: str, document_id: str, *, metadata: str) -> Row | None:
        path = f"/datasets/{dataset_id}/documents/{document_id}"
        call = Call("get", "GET", path, params={"metadata": metadata}, repeatable=True)
        try:
            return table(self._transport.call(call))
        except Missing:
            return None

    # Metadata and search

    def describe(
        self,
        dataset_id: str,
        values: Mapping[str, Mapping[str, MetadataValue]],
        types: Mapping[str, str] = METADATA_FIELDS,
    ) -> frozenset[str]:
        """Set metadata and return what was read back; see `Backend.describe`."""
        return self._metadata.write(dataset_id, values, types)

    def search(
        self,
        dataset_id: str,
        query: str,
        *,
        limit: int = 5,
        method: SearchMethod | None = None,
        where: Sequence[Condition] = (),
    ) -> Sequence[Hit]:
        """Retrieve passages as the dataset is set up; economy datasets know keywords only."""
        query = query.strip()[:QUERY_LENGTH]
        if not query:
            return []
        model = dict(self._datasets.retrieval_model(dataset_id, limit, method))
        if where:
            model["metadata_filtering_conditions"] = _conditions(where)
        call = Call(
            "retrieve",
            "POST",
            f"/datasets/{dataset_id}/retrieve",
            json={"query": query, "retrieval_model": model},
            repeatable=True,
        )
        return [_hit(row) for row in rows(self._transport.call(call), "records")]

    @property
    def traffic(self) -> Traffic:
        """What went to the server since it was connected to."""
        return self._transport.traffic

    def rest(self) -> None:
        """Close connections that are not in use; see `Backend.rest`."""
        self._transport.rest()

    def interrupt(self) -> None:
        """Wait for nothing any more; see `Backend.interrupt`."""
        self._transport.interrupt()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def _data(processing: Processing) -> str:
    """Everything, each time: what is left out is taken from whatever was sent last."""
    return json.dumps(
        {
            "indexing_technique": processing.indexing_technique,
            "process_rule": dict(processing.process_rule),
            "doc_form": processing.doc_form,
            "doc_language": processing.doc_language,
        }
    )


def _file(document: Document) -> dict[str, tuple[str, bytes, str]]:
    return {"file": (document.name, document.body, document.media_type)}


def _remote(answer: Answer, dataset_id: str, name: str) -> Remote:
    told = table(answer)
    document_id = text(inner(told, "document"), "id")
    if not document_id:
        raise Unavailable("the server took a document and did not name it", ambiguous=True)
    return Remote(dataset_id, document_id, name, text(told, "batch") or None)


def _conditions(where: Sequence[Condition]) -> dict[str, object]:
    conditions = [
        {"name": one.name, "comparison_operator": one.operator, "value": one.value} for one in where
    ]
    return {"logical_operator": "and", "conditions": conditions}


def _hit(row: Row) -> Hit:
    segment = inner(row, "segment")
    document = inner(segment, "document")
    return Hit(
        document_id=text(document, "id") or text(segment, "document_id"),
        document_name=text(document, "name"),
        text=text(segment, "content"),
        score=decimal(row, "score"),
    )
