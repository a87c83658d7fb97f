"""``/datasets``: create, list, get, change and delete knowledge bases."""

from __future__ import annotations

import json
import re
import uuid

from pydantic import BaseModel

from kbsync.standin.call import Call, World
from kbsync.standin.checking import check
from kbsync.standin.errors import Answer, invalid_param, not_found, refused
from kbsync.standin.payloads import (
    DatasetCreatePayload,
    DatasetListQuery,
    DatasetUpdatePayload,
)
from kbsync.standin.store import Dataset
from kbsync.standin.views import dataset_view

NO_MODEL = "Default model not found for text-embedding"
EMBEDDING_MODEL = ("text-embedding-standin", "kbsync/standin/standin")


def create(call: Call) -> Answer:
    """``POST /datasets``: 200 with the object."""
    wish = check(DatasetCreatePayload, call.json(), call.behaviour)
    if call.store.find(Dataset, "workspace = ? AND name = ?", call.workspace, wish.name):
        raise refused(
            409,
            "dataset_name_duplicate",
            "The dataset name already exists. Please modify your dataset name.",
        )
    if wish.indexing_technique == "high_quality" and not call.world.embedding_model:
        raise invalid_param(NO_MODEL)
    dataset = new_dataset(
        call.world,
        call.workspace,
        wish.name,
        indexing_technique=wish.indexing_technique,
        description=wish.description,
        permission=wish.permission or "only_me",
        provider=wish.provider,
        retrieval_model=_dumped(wish.retrieval_model),
    )
    call.store.save(dataset)
    return Answer(dataset_view(call.world, dataset, asked="create"))


def new_dataset(
    world: World,
    workspace: str,
    name: str,
    *,
    indexing_technique: str | None,
    description: str = "",
    permission: str = "only_me",
    provider: str = "vendor",
    retrieval_model: str | None = None,
) -> Dataset:
    """A dataset as the server makes it, not yet stored."""
    now = int(world.epoch())
    high_quality = indexing_technique == "high_quality"
    model, model_provider = EMBEDDING_MODEL if high_quality else (None, None)
    return Dataset(
        id=str(uuid.uuid4()),
        workspace=workspace,
        name=name,
        description=description,
        provider=provider,
        permission=permission,
        indexing_technique=indexing_technique,
        created_by=world.owner(workspace),
        created_at=now,
        updated_at=now,
        embedding_model=model,
        embedding_model_provider=model_provider,
        retrieval_model=retrieval_model,
        enable_api=True,
        built_in=False,
        runtime_mode="general",
        chunk_structure=None,
    )


def list_datasets(call: Call) -> Answer:
    """``GET /datasets``: newest first; without ``include_all`` not those of colleagues."""
    page, limit = paging(call, DatasetListQuery)
    if call.query.get("tag_ids"):
        return _page([], page, limit, 0, asked_rows=0)
    where = "workspace = ?"
    parameters: list[str | int] = [call.workspace]
    if call.query.get("include_all", "").lower() not in ("1", "true"):
        where += " AND (permission = 'all_team_members' OR created_by = ?)"
        parameters.append(call.world.owner(call.workspace))
    if keyword := call.query.get("keyword"):
        where += " AND lower(name) LIKE lower(?)"
        parameters.append(f"%{keyword}%")
    total = call.store.count("dataset", where, *parameters)
    size = call.behaviour.page_size(limit)
    rows = call.store.find(
        Dataset,
        f"{where} ORDER BY created_at DESC, rowid DESC LIMIT ? OFFSET ?",
        *parameters,
        size,
        (max(page, 1) - 1) * size,
    )
    views = [dataset_view(call.world, row, asked="list") for row in rows]
    return _page(views, page, limit, total, asked_rows=len(rows))


def get(call: Call) -> Answer:
    """``GET /datasets/{id}``."""
    return Answer(dataset_view(call.world, call.dataset, asked="get"))


def models(call: Call) -> Answer:
    """``GET /workspaces/current/models/model-types/text-embedding``: what can be used."""
    model, provider = EMBEDDING_MODEL
    label = {"en_US": "Stand-in", "zh_Hans": "Stand-in"}
    told = {
        "model": model,
        "label": {"en_US": model, "zh_Hans": model},
        "model_type": "text-embedding",
        "features": None,
        "fetch_from": "predefined-model",
        "model_properties": {"context_size": 8192},
        "deprecated": False,
        "status": "active",
        "load_balancing_enabled": False,
    }
    row = {"provider": provider, "label": label, "status": "active", "models": [told]}
    return Answer({"data": [row] if call.world.embedding_model else []})


def update(call: Call) -> Answer:
    """``PATCH /datasets/{id}``: any of the fields."""
    wish = check(DatasetUpdatePayload, call.json(), call.behaviour)
    dataset = call.dataset
    if wish.name is not None and wish.name != dataset.name:
        if call.store.find(Dataset, "workspace = ? AND name = ?", call.workspace, wish.name):
            raise invalid_param("Dataset name already exists")
        dataset.name = wish.name
    if wish.indexing_technique == "high_quality" and dataset.indexing_technique != "high_quality":
        if not call.world.embedding_model:
            status, code = call.behaviour.technique_change_without_model
            raise refused(status, code, NO_MODEL if status == 400 else "Internal Server Error")
        dataset.embedding_model, dataset.embedding_model_provider = EMBEDDING_MODEL
    dataset.indexing_technique = wish.indexing_technique or dataset.indexing_technique
    dataset.description = wish.description if wish.description is not None else dataset.description
    dataset.permission = wish.permission or dataset.permission
    dataset.retrieval_model = _dumped(wish.retrieval_model) or dataset.retrieval_model
    dataset.updated_at = int(call.world.epoch())
    call.store.save(dataset)
    return Answer(dataset_view(call.world, dataset, asked="update"))


def delete(call: Call) -> Answer:
    """``DELETE /datasets/{id}``: its documents go with it."""
    for row in call.store.run("SELECT id FROM document WHERE dataset = ?", call.dataset.id):
        call.world.indexer.forget(row[0])
    call.store.run("DELETE FROM segment WHERE dataset = ?", call.dataset.id)
    call.store.run("DELETE FROM dataset WHERE id = ?", call.dataset.id)
    return call.world.deleted()


def tags(call: Call) -> Answer:
    """``GET /datasets/tags``: none, or the 404 of a version that takes "tags" for a dataset."""
    if not call.behaviour.tags:
        raise not_found("Dataset not found")
    return Answer([])


def paging(call: Call, query: type[DatasetListQuery]) -> tuple[int, int]:
    """Page and limit as they were asked for; old versions read what is no number as the default."""
    asked = {name: call.query[name] for name in ("page", "limit") if name in call.query}
    if not call.behaviour.strict_paging:
        asked = {name: text for name, text in asked.items() if re.fullmatch(r"[+-]?\d+", text)}
    checked = check(query, asked, call.behaviour)
    return checked.page, checked.limit


def _page(
    views: list[dict[str, object]], page: int, limit: int, total: int, *, asked_rows: int
) -> Answer:
    more = asked_rows == limit
    return Answer({"data": views, "has_more": more, "limit": limit, "total": total, "page": page})


def _dumped(model: BaseModel | None) -> str | None:
    return None if model is None else json.dumps(model.model_dump(exclude_none=True))
