"""Rows as the JSON that the API shows, key by key in the server's order."""

from __future__ import annotations

import json

from kbsync.standin.call import World
from kbsync.standin.store import Dataset, Document, Field, Rule, Segment

Json = dict[str, object]

DEFAULT_RETRIEVAL: Json = {
    "search_method": "semantic_search",
    "reranking_enable": False,
    "reranking_mode": None,
    "reranking_model": {"reranking_provider_name": "", "reranking_model_name": ""},
    "weights": None,
    "top_k": 2,
    "score_threshold_enabled": False,
    "score_threshold": None,
}
BUILT_IN_FIELDS = {
    "document_name": "string",
    "uploader": "string",
    "upload_date": "time",
    "last_update_date": "time",
    "source": "string",
}
UPLOADER = "standin"


def dataset_view(world: World, dataset: Dataset, *, asked: str) -> Json:
    """A dataset object.

    Only ``asked="get"`` tells the search method that an economy dataset really has, and only "get"
    and "list" look whether the embedding model is there.
    """
    new = world.behaviour.new_fields
    count = world.store.count
    retrieval = DEFAULT_RETRIEVAL | json.loads(dataset.retrieval_model or "{}")
    if asked == "get" and dataset.indexing_technique == "economy":
        retrieval["search_method"] = "keyword_search"
    forms = world.store.run("SELECT doc_form FROM document WHERE dataset = ? LIMIT 1", dataset.id)
    documents = count("document", "dataset = ?", dataset.id)
    characters = world.store.run(
        "SELECT coalesce(sum(word_count), 0) FROM document WHERE dataset = ?", dataset.id
    )
    available = count(
        "document",
        "dataset = ? AND indexing_status = 'completed' AND enabled AND NOT archived",
        dataset.id,
    )
    fields = world.store.find(Field, "dataset = ? ORDER BY rowid", dataset.id)
    summary = dict.fromkeys(("enable", "model_name", "model_provider_name", "summary_prompt"))
    view: Json = {
        "id": dataset.id,
        "name": dataset.name,
        "description": dataset.description,
        "provider": dataset.provider,
        "permission": dataset.permission,
        "data_source_type": "upload_file" if documents else None,
        "indexing_technique": dataset.indexing_technique,
        "app_count": 0,
        "document_count": documents,
        "word_count": characters[0][0],
        "created_by": dataset.created_by,
        "author_name": UPLOADER,
        "created_at": dataset.created_at,
        "updated_by": dataset.created_by,
        "updated_at": dataset.updated_at,
        "embedding_model": dataset.embedding_model,
        "embedding_model_provider": dataset.embedding_model_provider,
        "embedding_available": True if asked in ("get", "list") else None,
        "retrieval_model_dict": retrieval,
        **({"summary_index_setting": summary} if new else {}),
        "tags": [],
        "doc_form": dataset.chunk_structure or (forms[0][0] if forms else None),
        "external_knowledge_info": {
            "external_knowledge_id": None,
            "external_knowledge_api_id": None,
            "external_knowledge_api_name": None,
            "external_knowledge_api_endpoint": None,
        },
        "external_retrieval_model": {
            "top_k": 2,
            "score_threshold": 0.0,
            "score_threshold_enabled": None,
        },
        "doc_metadata": [{"id": f.id, "name": f.name, "type": f.type} for f in fields],
        "built_in_field_enabled": dataset.built_in,
        "pipeline_id": None,
        "runtime_mode": dataset.runtime_mode,
        "chunk_structure": dataset.chunk_structure,
        "icon_info": {"icon_type": None, "icon": None, "icon_background": None, "icon_url": None},
        "is_published": False,
        "total_documents": documents,
        "total_available_documents": available,
        "enable_api": dataset.enable_api,
        **({"is_multimodal": False, "maintainer": dataset.created_by} if new else {}),
    }
    return view | ({"partial_member_list": []} if asked == "update" else {})


def document_row(world: World, document: Document) -> Json:
    """A document as lists and the answers to create and update show it: no batch, no updated_at."""
    file = _file_view(world, document)
    return {
        "id": document.id,
        "position": document.position,
        "data_source_type": "upload_file",
        "data_source_info": {"upload_file_id": document.file},
        "data_source_detail_dict": {"upload_file": file},
        "dataset_process_rule_id": document.rule,
        "name": document.name,
        "created_from": document.created_from,
        "created_by": file["created_by"],
        "created_at": document.created_at,
        "tokens": document.tokens,
        "indexing_status": document.indexing_status,
        "error": document.error,
        "enabled": document.enabled,
        "disabled_at": document.disabled_at,
        "disabled_by": None if document.disabled_at is None else file["created_by"],
        "archived": document.archived,
        "display_status": document.display_status,
        "word_count": document.word_count,
        "hit_count": 0,
        "doc_form": document.doc_form,
        "doc_metadata": _list_metadata(world, document),
        **_new_fields(world),
    }


def document_detail(world: World, document: Document) -> Json:
    """A document as it is answered alone: other shapes than in a list, and no word_count."""
    file = _file_view(world, document)
    rule = world.store.get(Rule, document.rule)
    shown = {"mode": rule.mode, "rules": json.loads(rule.rules)} if rule else None
    _, segments = world.indexer.completed_segments(document)
    return {
        "id": document.id,
        "position": document.position,
        "data_source_type": "upload_file",
        "data_source_info": {"upload_file": file},
        "dataset_process_rule_id": document.rule,
        "dataset_process_rule": shown,
        "document_process_rule": {"id": rule.id, "dataset_id": rule.dataset} | (shown or {})
        if rule
        else None,
        "name": document.name,
        "created_from": document.created_from,
        "created_by": file["created_by"],
        "created_at": document.created_at,
        "tokens": document.tokens,
        "indexing_status": document.indexing_status,
        "completed_at": document.completed_at,
        "updated_at": document.updated_at,
        "indexing_latency": document.latency,
        "error": document.error,
        "enabled": document.enabled,
        "disabled_at": document.disabled_at,
        "disabled_by": None if document.disabled_at is None else file["created_by"],
        "archived": document.archived,
        "doc_type": None,
        "doc_metadata": metadata_view(world, document),
        "segment_count": segments,
        "average_segment_length": (document.word_count or 0) // segments if segments else 0,
        "hit_count": 0,
        "display_status": document.display_status,
        "doc_form": document.doc_form,
        "doc_language": document.doc_language,
        **_new_fields(world),
    }


def metadata_view(world: World, document: Document) -> list[Json] | None:
    """The bound fields with their values, then five pseudo rows; None without any value."""
    values = document.values
    if not values:
        return None
    bound = world.store.find(
        Field,
        "id IN (SELECT field FROM binding WHERE document = ?) ORDER BY rowid",
        document.id,
    )
    rows: list[Json] = [
        {"id": field.id, "name": field.name, "type": field.type, "value": values.get(field.name)}
        for field in bound
    ]
    shown = built_in_values(document)
    rows += [
        {"id": "built-in", "name": name, "type": kind, "value": shown[name]}
        for name, kind in BUILT_IN_FIELDS.items()
    ]
    return rows


def built_in_values(document: Document) -> dict[str, str | float | None]:
    """What the five built-in fields say of a document."""
    return {
        "document_name": document.name,
        "uploader": UPLOADER,
        "upload_date": float(document.created_at),
        "last_update_date": float(document.updated_at),
        "source": "file_upload",
    }


def segment_view(world: World, segment: Segment, document: Document, *, in_a_record: bool) -> Json:
    """A segment in the segments list, or in a record of a retrieval."""
    owner = _owner(world, document)
    new = world.behaviour.new_fields
    view: Json = {
        "id": segment.id,
        "position": segment.position,
        "document_id": segment.document,
        "content": segment.content,
        "sign_content": None if new and in_a_record else segment.content,
        "answer": None,
        "word_count": len(segment.content),
        "tokens": 0,
        "keywords": json.loads(segment.keywords),
        "index_node_id": segment.node,
        "index_node_hash": segment.digest,
        "hit_count": 0,
        "enabled": True,
        "disabled_at": None,
        "disabled_by": None,
        "status": "completed" if document.indexing_status == "completed" else "indexing",
        "created_by": owner,
        "created_at": segment.created_at,
    }
    if not in_a_record:
        view |= {"updated_at": segment.created_at, "updated_by": None}
    view |= {
        "indexing_at": segment.created_at,
        "completed_at": document.completed_at,
        "error": None,
        "stopped_at": None,
    }
    if not in_a_record:
        return view | {"child_chunks": []} | ({"attachments": [], "summary": None} if new else {})
    return view | {
        "document": {
            "id": document.id,
            "data_source_type": "upload_file",
            "name": document.name,
            "doc_type": None,
            "doc_metadata": document.values or None,
        }
    }


def _list_metadata(world: World, document: Document) -> list[Json] | None:
    rows = metadata_view(world, document)
    if rows is None:
        return [] if world.behaviour.no_metadata == "empty" else None
    if world.behaviour.typed_metadata_in_lists:
        return rows
    return [row | {"value": None if row["value"] is None else str(row["value"])} for row in rows]


def _file_view(world: World, document: Document) -> Json:
    rows = world.store.run(
        "SELECT id, name, size, extension, mime_type, created_at FROM file WHERE id = ?",
        document.file,
    )
    file = dict(rows[0])
    created_at = file.pop("created_at")
    return file | {"created_by": _owner(world, document), "created_at": created_at}


def _owner(world: World, document: Document) -> str:
    rows = world.store.run("SELECT workspace FROM dataset WHERE id = ?", document.dataset)
    return world.owner(rows[0][0])


def _new_fields(world: World) -> Json:
    if not world.behaviour.new_fields:
        return {}
    return {"summary_index_status": None, "need_summary": False}
