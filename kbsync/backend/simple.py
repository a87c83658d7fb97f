"""The older guide's simple form of the API: no list, no names, no metadata.

`POST /datasets/{id}/documents` with the file in field `data`; `GET` and `DELETE` of one document.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from kbsync.backend.datasets import PROBE
from kbsync.backend.rows import progress_of
from kbsync.errors import Denied, Missing, Unavailable
from kbsync.model import (
    METADATA_FIELDS,
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
from kbsync.transport import Call, NoSuchRoute, Transport
from kbsync.transport.fields import inner, table, text


class SimpleBackend:
    """A server that speaks the guide's form."""

    style = "simple"
    lists = False
    has_status = False
    has_metadata = False

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def reach(self) -> None:
        """Ask for what this form does not have: any answer is one; see `Backend.reach`."""
        with suppress(Missing, NoSuchRoute):
            self._transport.call(PROBE)

    def dataset(
        self,
        reference: str,
        *,
        create: Processing | None = None,  # noqa: ARG002 - it cannot
        known: str | None = None,  # noqa: ARG002 - it has no names
    ) -> Dataset:
        """Take a dataset's id as it is: this form has no call that asks for one."""
        try:
            uuid.UUID(reference)
        except ValueError:
            raise Denied(
                f"dataset {reference!r}: this server's API style knows datasets by id only; set"
                " `dataset` to the id in the knowledge base's address in the browser"
            ) from None
        return Dataset(reference, reference)

    def datasets(self) -> Sequence[Dataset]:
        """Name none: this form has no list."""
        return []

    @property
    def embeds(self) -> bool | None:
        """Unknown: this form tells nothing of models."""
        return None

    def fits(self, dataset: Dataset, processing: Processing) -> None:
        """Nothing can be known beforehand; the first upload tells."""

    def put(
        self,
        dataset_id: str,
        document: Document,
        *,
        replacing: Remote | None = None,  # noqa: ARG002 - this form has no update
    ) -> Remote:
        """Create a document; the same name again makes another one."""
        call = Call(
            "create",
            "POST",
            f"/datasets/{dataset_id}/documents",
            fields={"indexing_technique": document.processing.indexing_technique},
            files={"data": (document.name, document.body, document.media_type)},
        )
        document_id = text(inner(table(self._transport.call(call)), "document"), "id")
        if not document_id:
            raise Unavailable("the server took a document and did not name it", ambiguous=True)
        return Remote(dataset_id, document_id, document.name)

    def find(self, dataset_id: str, name: str) -> Sequence[Listed]:  # noqa: ARG002 - it cannot
        """Find nothing: this form has no list."""
        return []

    def documents(self, dataset_id: str) -> Iterator[Listed]:
        """Refuse: this form has no list."""
        raise Denied(f"the documents of {dataset_id} cannot be listed in this API style")

    def document(self, dataset_id: str, document_id: str) -> Listed | None:  # noqa: ARG002 - it cannot
        """Refuse: this form tells nothing of a document but how far its indexing is."""
        raise Denied(f"the documents of {dataset_id} cannot be looked at in this API style")

    def progress(self, dataset_id: str, remotes: Sequence[Remote]) -> Mapping[str, Progress]:
        """Ask for each document; this form counts no segments."""
        return {remote.document_id: self._one(dataset_id, remote.document_id) for remote in remotes}

    def _one(self, dataset_id: str, document_id: str) -> Progress:
        path = f"/datasets/{dataset_id}/documents/{document_id}"
        try:
            return progress_of(
                table(self._transport.call(Call("get", "GET", path, repeatable=True)))
            )
        except Missing:
            return Gone()

    def delete(self, remote: Remote) -> None:
        """Delete a document; one that is gone is a success."""
        path = f"/datasets/{remote.dataset_id}/documents/{remote.document_id}"
        try:
            self._transport.call(Call("delete", "DELETE", path, repeatable=True))
        except Missing:
            return

    def set_status(
        self,
        dataset_id: str,  # noqa: ARG002 - this form has no status
        document_ids: Sequence[str],  # noqa: ARG002 - Backend has it
        action: StatusAction,
    ) -> frozenset[str]:
        """Refuse: this form has no status."""
        raise Denied(f"this API style has no call to {action.replace('_', '-')} documents")

    def describe(
        self,
        dataset_id: str,  # noqa: ARG002 - this form has no metadata
        values: Mapping[str, Mapping[str, MetadataValue]],  # noqa: ARG002 - Backend has it
        types: Mapping[str, str] = METADATA_FIELDS,  # noqa: ARG002 - Backend has it
    ) -> frozenset[str]:
        """Write nothing: this form has no metadata."""
        return frozenset()

    def search(
        self,
        dataset_id: str,  # noqa: ARG002 - it cannot
        query: str,  # noqa: ARG002 - Backend has it
        *,
        limit: int = 5,  # noqa: ARG002 - Backend has it
        method: SearchMethod | None = None,  # noqa: ARG002 - Backend has it
        where: Sequence[Condition] = (),  # noqa: ARG002 - Backend has it
    ) -> Sequence[Hit]:
        """Refuse: this form has no retrieval."""
        raise Denied("this API style has no search; ask an application instead (kbsync ask)")

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
