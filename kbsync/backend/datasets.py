"""Finding a dataset, making it, and checking that documents can be sent to it."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping

from kbsync.backend.listing import PAGE, keyword_for, pages
from kbsync.backend.rows import dataset_of
from kbsync.errors import Denied, Missing, Rejected, Unavailable
from kbsync.model import Dataset, Processing, SearchMethod
from kbsync.transport import Answer, Call, Transport
from kbsync.transport.fields import Row, inner, rows, table, text

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
#: A person waits for the answer, and can do without it.
_FEW = 2
_TAKEN = "name already exists"

#: What every current server answers, and costs it next to nothing.
PROBE = Call("probe", "GET", "/datasets", params={"limit": 1}, repeatable=True)


class Datasets:
    """The dataset endpoints."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        # Servers check names without a lock: two creates at once make two datasets (seen live).
        self._making = threading.Lock()

    def resolve(
        self, reference: str, *, create: Processing | None, known: str | None = None
    ) -> Dataset:
        """The dataset of this UUID or exact name; see `Backend.dataset`."""
        if _UUID.fullmatch(reference):
            row = self._by_id(reference)
        else:
            with self._making:
                row = (
                    self._by_name(reference)
                    or self._renamed(known)
                    or self._made(reference, create)
                )
        _refuse_foreign(row)
        return dataset_of(row)

    def all(self) -> list[Dataset]:
        """Every dataset that the key may see, by name; foreign ones, too."""
        params: dict[str, str | int] = {"limit": PAGE, "include_all": "true"}
        found = {
            text(row, "id"): dataset_of(row)
            for answer in pages(lambda page: self._get("/datasets", **params, page=page))
            for row in rows(answer)
        }
        return sorted(found.values(), key=lambda dataset: (dataset.name.casefold(), dataset.id))

    def embeds(self) -> bool | None:
        """Whether there is a model for high_quality; None when the server does not tell.

        The list holds usable models only, and the first of them serves where no default was
        chosen (source: services/model_provider_service.py).
        """
        path = "/workspaces/current/models/model-types/text-embedding"
        try:
            answer = self._transport.call(Call("get", "GET", path, repeatable=True), tries=_FEW)
        except (Denied, Missing, Rejected):
            return None  # older servers have no such route, and others may close it
        return any(row.get("models") for row in rows(answer))

    def _by_id(self, reference: str) -> Row:
        try:
            return table(self._get(f"/datasets/{reference}"))
        except Missing:
            raise Denied(
                f"there is no dataset with the id {reference} on {self._transport.host}, or the key"
                " belongs to another workspace; correct `dataset`"
            ) from None

    def _renamed(self, known: str | None) -> Row | None:
        """The dataset of this id, whatever it is called now; None when it is gone."""
        if known is None:
            return None
        try:
            return table(self._get(f"/datasets/{known}"))
        except Missing:
            return None

    def _by_name(self, name: str) -> Row | None:
        params: dict[str, str | int] = {"limit": PAGE, "include_all": "true"}
        if keyword := keyword_for(name):
            params["keyword"] = keyword
        found = {
            text(row, "id"): row
            for answer in pages(lambda page: self._get("/datasets", **params, page=page))
            for row in rows(answer)
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

    def _made(self, name: str, processing: Processing | None) -> Row:
        if processing is None:
            raise Denied(
                f"there is no dataset {name!r} on {self._transport.host}, or the key may not see"
                " it; correct `dataset`, or set create_dataset = true"
            )
        body = {
            "name": name,
            "indexing_technique": processing.indexing_technique,
            "permission": "all_team_members",
        }
        call = Call("dataset", "POST", "/datasets", json=body)
        try:
            made = table(self._transport.call(call))
        except Unavailable as error:
            row = self._by_name(name) if error.ambiguous else None
            if row is None:
                raise
            return row
        except Rejected as error:
            # Somebody else was faster, or has one of this name that the key may not see.
            row = self._by_name(name) if _TAKEN in str(error) else None
            if row is None:
                raise Denied(f"dataset {name!r} cannot be created: {error}") from error
            return row
        # Another program may have made one of this name at the same moment.
        return self._by_name(name) or made

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

    def retrieval_model(
        self, dataset_id: str, limit: int, method: SearchMethod | None = None
    ) -> Mapping[str, object]:
        """How to search the dataset, complete: servers read the four keys without a default.

        An economy dataset is searched by keyword, whatever it says of itself (seen live).
        """
        row = table(self._get(f"/datasets/{dataset_id}"))
        model: dict[str, object] = {
            "search_method": "semantic_search",
            "reranking_enable": False,
            "score_threshold_enabled": False,
        }
        if text(row, "indexing_technique") == "high_quality":
            own = inner(row, "retrieval_model_dict")
            model |= {key: value for key, value in own.items() if value is not None}
        elif method in {None, "keyword_search"}:
            model["search_method"] = "keyword_search"
        else:
            raise Denied(
                f"dataset {text(row, 'name')!r} is indexed economically and knows keywords only;"
                ' leave the method out, or set indexing_technique = "high_quality"'
            )
        return model | {"top_k": limit} | ({"search_method": method} if method else {})


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
