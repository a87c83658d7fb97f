"""The folders' datasets on the server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

from kbsync import naming
from kbsync.backend.interface import Backend
from kbsync.commands.doctor.findings import (
    Finding,
    fail,
    ok,
    skip,
    warn,
)
from kbsync.config import FolderSettings
from kbsync.engine.engine import Engine
from kbsync.errors import Denied
from kbsync.model import Dataset, Remote
from kbsync.places import Places

_MOST_LISTED = 1000


def resolved(backend: Backend, folder: FolderSettings, known: str | None) -> Dataset | Finding:
    """The folder's dataset, or that the first run makes it; raises BackendError, makes none.

    `known` is the id of the one that the ledger knows by this name.
    """
    if not Places(folder.dataset, folder.max_documents).is_one:
        return ok("dataset", folder.name, f"{folder.dataset!r}: a run makes those that are needed")
    try:
        return backend.dataset(folder.dataset, known=known)
    except Denied as error:
        # Only the text of a dataset that could be made advises to have it made.
        if not folder.create_dataset or "create_dataset = true" not in str(error):
            raise
    return ok("dataset", folder.name, f"there is no {folder.dataset!r} yet; the first run makes it")


def named(folder: FolderSettings, dataset: Dataset) -> Finding:
    """The dataset that was found, and whether it is called as the setting says."""
    if dataset.is_called(folder.dataset):
        return ok("dataset", folder.name, f"{dataset.name!r} ({dataset.id})")
    told = f"{folder.dataset!r} is called {dataset.name!r} in Dify now ({dataset.id})"
    return warn("dataset", folder.name, told, f'set dataset = "{dataset.name}"')


def model(backend: Backend, folder: FolderSettings) -> Finding:
    """Whether the server has the model that a dataset's first document needs."""
    name = folder.name
    if folder.indexing_technique == "economy":
        return ok("model", name, "economy needs no embedding model; passages are found by keyword")
    has_model = backend.embeds
    if has_model is None:
        return skip("model", name, "this server does not tell its embedding models")
    if has_model:
        return ok("model", name, "the server has an embedding model")
    return fail(
        "model",
        name,
        "the server has no embedding model, which high_quality needs; nothing can be sent",
        "set one up in Dify (Settings > Model Provider), or set"
        f' indexing_technique = "economy" for the folder {name!r}',
    )


def owner(engine: Engine, folder: FolderSettings, dataset: Dataset) -> Finding:
    """Whether the folder's documents are there under another instance's name already."""
    refusal = engine.adoption_refused(folder.name, dataset)
    if refusal is None:
        return ok("owner", folder.name, f"this instance is {engine.instance!r}")
    happened, remedy = refusal.split("; ", 1)
    return fail("owner", folder.name, happened, remedy)


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
