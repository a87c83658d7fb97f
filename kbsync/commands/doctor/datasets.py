"""The folders' datasets on the server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

from kbsync import naming
from kbsync.backend.interface import Backend
from kbsync.commands.doctor.findings import (
    Finding,
    ok,
    skip,
)
from kbsync.config import FolderSettings
from kbsync.errors import Denied
from kbsync.model import Dataset, Remote

_MOST_LISTED = 1000


def resolved(backend: Backend, folder: FolderSettings) -> Dataset | Finding:
    """The folder's dataset, or that the first run makes it; raises BackendError, makes none."""
    try:
        return backend.dataset(folder.dataset)
    except Denied as error:
        # Only the text of a dataset that could be made advises to have it made.
        if not folder.create_dataset or "create_dataset = true" not in str(error):
            raise
    return ok("dataset", folder.name, f"there is no {folder.dataset!r} yet; the first run makes it")


def processing(backend: Backend, dataset: Dataset, folder: FolderSettings) -> Finding:
    """Whether the dataset takes documents indexed as the folder asks."""
    backend.fits(dataset, folder.processing())
    found = f"{folder.indexing_technique}, {folder.doc_form} fit"
    return ok("processing", folder.name, found)


def documents(backend: Backend, dataset: Dataset, folder: FolderSettings) -> Finding:
    """How many documents are kbsync's, by their names, and how many are somebody else's."""
    if not backend.lists:
        # The one question that such a server answers: about a document, here one that is not there.
        backend.progress(dataset.id, [Remote(dataset.id, str(uuid.UUID(int=0)), "")])
        return skip("documents", folder.name, "this server takes the key, but cannot list them")
    if dataset.document_count is None or dataset.document_count > _MOST_LISTED:
        found = f"{dataset.document_count} documents, too many to tell whose each is"
        return ok("documents", folder.name, found)
    ours = [naming.decode(row.name) is not None for row in backend.documents(dataset.id)]
    found = f"{sum(ours)} of kbsync, {len(ours) - sum(ours)} of others, which are left alone"
    return ok("documents", folder.name, found)


DATASET_CHECKS: Mapping[str, Callable[[Backend, Dataset, FolderSettings], Finding]] = {
    "processing": processing,
    "documents": documents,
}
