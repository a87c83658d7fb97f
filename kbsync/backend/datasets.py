"""Finding a dataset, making it, and checking that documents can be sent to it."""

from __future__ import annotations

import uuid

from kbsync.backend.listing import PAGE, pages
from kbsync.backend.rows import Row, dataset_of, inner, table, text
from kbsync.errors import BackendError, Denied, Missing, Rejected, Unavailable
from kbsync.model import Dataset, Processing
from kbsync.transport import Answer, Transport
from kbsync.transport.client import Call


class Datasets:
    """The dataset endpoints."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def resolve(self, reference: str, *, create: Processing | None) -> Dataset:
        """The dataset of this UUID or exact name; see `Backend.dataset`."""
        row = self._by_id(reference) if _is_uuid(reference) else self._by_name(reference)
        if row is None:
            if create is None:
                raise Denied(
                    f"there is no dataset {reference!r} on {self._transport.host}, or the key may"
                    " not see it; correct `dataset`, or set create_dataset = true"
                )
            row = self._create(reference, create)
        _refuse_foreign(row)
        return dataset_of(row)

    def _by_id(self, reference: str) -> Row:
        try:
            return table(self._get(f"/datasets/{reference}"))
        except Missing:
            raise Denied(
                f"there is no dataset with the id {reference} on {self._transport.host}, or the key"
                " belongs to another workspace; correct `dataset`"
            ) from None

    def _by_name(self, name: str) -> Row | None:
        def fetch(page: int) -> Answer:
            return self._get("/datasets", page=page, limit=PAGE, keyword=name, include_all="true")

        found = {
            text(row, "id"): row
            for page in pages(fetch)
            for row in page
            if text(row, "name") == name
        }
        if len(found) > 1:
            raise Denied(
                f"there are {len(found)} datasets named {name!r} ({', '.join(sorted(found))});"
                " set `dataset` to the id of the right one"
            )
        return next(iter(found.values()), None)

    def _get(self, path: str, **params: str | int) -> Answer:
        return self._transport.call(Call("get", "GET", path, params=params, repeatable=True))

    def _create(self, name: str, processing: Processing) -> Row:
        body = {
            "name": name,
            "indexing_technique": processing.indexing_technique,
            "permission": "all_team_members",
        }
        try:
            return table(self._transport.call(Call("dataset", "POST", "/datasets", json=body)))
        except Unavailable as error:
            return self._made_after_all(name, error, error.ambiguous)
        except Rejected as error:
            # 409: somebody else was faster.
            return self._made_after_all(name, error, looked_for="409" in str(error))

    def _made_after_all(self, name: str, error: BackendError, looked_for: bool) -> Row:
        row = self._by_name(name) if looked_for else None
        if row is None:
            if isinstance(error, Rejected):
                raise Denied(f"dataset {name!r} cannot be created: {error}") from error
            raise error
        return row

    def fits(self, dataset: Dataset, processing: Processing) -> None:
        """Check technique and form; both are fixed by a dataset's first document."""
        for setting, ours, theirs in (
            ("indexing_technique", processing.indexing_technique, dataset.indexing_technique),
            ("doc_form", processing.doc_form, dataset.doc_form),
        ):
            if theirs is not None and ours != theirs:
                raise Denied(
                    f"dataset {dataset.name!r} has {setting} {theirs!r}, the configuration says"
                    f" {ours!r}; set {setting} = {theirs!r}, or use another dataset"
                )

    def search_method(self, dataset_id: str) -> str:
        """How the dataset is searched; an economy dataset names another method than it has."""
        row = table(self._get(f"/datasets/{dataset_id}"))
        if text(row, "indexing_technique") != "high_quality":
            return "keyword_search"
        return text(inner(row, "retrieval_model_dict"), "search_method") or "semantic_search"


def _is_uuid(reference: str) -> bool:
    try:
        uuid.UUID(reference)
    except ValueError:
        return False
    return "-" in reference


def _refuse_foreign(row: Row) -> None:
    name = text(row, "name")
    if text(row, "provider") == "external":
        raise Denied(
            f"dataset {name!r} is an external knowledge base: its documents are not kept in Dify;"
            " use one that is"
        )
    if text(row, "runtime_mode") == "rag_pipeline":
        raise Denied(
            f"dataset {name!r} is a knowledge pipeline: documents sent to it would bypass the"
            " pipeline; use a general knowledge base"
        )
    if row.get("enable_api") is False:
        raise Denied(
            f"API access of dataset {name!r} is switched off; switch it on in the knowledge base's"
            " settings in Dify"
        )
