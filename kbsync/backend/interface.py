"""What the engine asks of a server, whatever its dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from kbsync.model import (
    METADATA_FIELDS,
    Condition,
    Dataset,
    Document,
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


class Backend(Protocol):
    """A server's dataset API.

    Every method raises only the `BackendError`s: `Unavailable`, `Denied`, `Rejected` for the
    document at hand, `Missing`. Methods may be called from several threads at once.
    """

    @property
    def style(self) -> str:
        """Name of the dialect: "dify" or "simple"."""
        ...

    @property
    def traffic(self) -> Traffic:
        """What went to the server since it was connected to."""
        ...

    @property
    def lists(self) -> bool:
        """Whether documents can be listed and looked up by name."""
        ...

    @property
    def has_metadata(self) -> bool:
        """Whether documents can carry metadata fields."""
        ...

    @property
    def has_status(self) -> bool:
        """Whether documents can be disabled and archived."""
        ...

    def reach(self) -> None:
        """One small question, only to know that the server answers; raises `BackendError`."""
        ...

    def dataset(
        self, reference: str, *, create: Processing | None = None, known: str | None = None
    ) -> Dataset:
        """Resolve a dataset by UUID or exact name and check that documents can be sent to it.

        Where no dataset has the name, it is that of the id `known`, which had it before, and else,
        with `create`, one is made. Raises `Denied` with what to do: no such dataset, two of that
        name, API switched off, external, pipeline.
        """
        ...

    def datasets(self) -> Sequence[Dataset]:
        """Every dataset that the key may see, by name; empty where the server cannot list."""
        ...

    @property
    def embeds(self) -> bool | None:
        """Whether the server has an embedding model; None where it does not tell.

        Without one, it makes no `high_quality` dataset and takes no first document of one.
        """
        ...

    def fits(self, dataset: Dataset, processing: Processing) -> None:
        """Check that a dataset takes documents of this form; raises `Denied` naming the setting."""
        ...

    def put(
        self, dataset_id: str, document: Document, *, replacing: Remote | None = None
    ) -> Remote:
        """Create the document, or update `replacing` in place where the server allows it.

        Creating the same name again gives the same single document where the server knows names.
        An `Unavailable` with `ambiguous` set may have taken effect: look with `find`.
        """
        ...

    def find(self, dataset_id: str, name: str) -> Sequence[Listed]:
        """All documents of exactly this name; empty where the server cannot list."""
        ...

    def documents(self, dataset_id: str) -> Iterator[Listed]:
        """Every document of the dataset, each once; raises rather than ending early.

        Raises `Unavailable` when the list kept shifting while it was read.
        """
        ...

    def document(self, dataset_id: str, document_id: str) -> Listed | None:
        """One document as it is now, or None when it is gone; raises `Denied` without `lists`."""
        ...

    def progress(self, dataset_id: str, remotes: Sequence[Remote]) -> Mapping[str, Progress]:
        """How far indexing is, by document id, for every remote asked about."""
        ...

    def delete(self, remote: Remote) -> None:
        """Delete a document; one that is already gone is a success."""
        ...

    def set_status(
        self, dataset_id: str, document_ids: Sequence[str], action: StatusAction
    ) -> frozenset[str]:
        """Enable, disable, archive or un-archive documents; returns those that are so now.

        One that is not indexed yet, or whose status was changed a moment ago, is not among them
        and may be tried again later; one that is gone counts as done. Raises `Denied` without
        `has_status`, `Missing` when the dataset is gone.
        """
        ...

    def describe(
        self,
        dataset_id: str,
        values: Mapping[str, Mapping[str, MetadataValue]],
        types: Mapping[str, str] = METADATA_FIELDS,
    ) -> frozenset[str]:
        """Set metadata fields, by document id, and return the ids that were read back as set.

        Fields are created when missing, as `types` say by name ("string", "number", "time");
        fields of other people are left alone. At most one
        writer per dataset at a time is needed, and is ensured here.
        """
        ...

    def search(
        self,
        dataset_id: str,
        query: str,
        *,
        limit: int = 5,
        method: SearchMethod | None = None,
        where: Sequence[Condition] = (),
    ) -> Sequence[Hit]:
        """Retrieve passages; the query is cut to `QUERY_LENGTH`.

        Without a `method` the dataset is searched as it is set up; raises `Denied` for one that it
        does not have. All of `where` must hold.
        """
        ...

    def rest(self) -> None:
        """Close connections that are not in use: nothing is to be asked for a while."""
        ...

    def interrupt(self) -> None:
        """Wait for nothing any more: calls that would have to pause end as Unavailable.

        For stopping: a rate limit or a Retry-After is otherwise waited for, up to 75 seconds.
        """
        ...

    def close(self) -> None:
        """Close connections; no other call may be under way."""
        ...
