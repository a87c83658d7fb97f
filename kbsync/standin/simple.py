"""The documents of the older guide's form of the API: create, get and delete, and nothing else.

The file is in the field ``data``, a name is no identity (twice the same name is two documents), and
the errors have the one shape ``{code, message, status}``.
"""

from __future__ import annotations

import os.path
import uuid
from datetime import UTC, datetime

from kbsync.standin.call import Call
from kbsync.standin.datasets import EMBEDDING_MODEL, NO_MODEL
from kbsync.standin.documents import automatic_rule, new_document
from kbsync.standin.errors import Answer, invalid_param, not_found, refused
from kbsync.standin.extract import EXTENSIONS
from kbsync.standin.store import Document, File
from kbsync.standin.views import Json


def create(call: Call) -> Answer:
    """``POST /datasets/{id}/documents``: multipart with the file in ``data``."""
    upload = next((part for part in call.files if part.field == "data"), None)
    if upload is None or not upload.filename:
        raise refused(400, "no_file_uploaded", "Please upload your file.")
    technique = call.form.get("indexing_technique") or call.dataset.indexing_technique
    if technique not in ("high_quality", "economy"):
        raise invalid_param("indexing_technique must be high_quality or economy.")
    if technique == "high_quality" and not call.world.embedding_model:
        raise refused(400, "provider_not_initialize", NO_MODEL)
    extension = os.path.splitext(upload.filename)[1].lstrip(".").lower()  # noqa: PTH122
    if extension not in EXTENSIONS:
        raise refused(400, "unsupported_file_type", "File type not allowed.")
    if len(upload.body) > call.world.size_limit:
        raise refused(400, "file_too_large", "File size exceeded.")
    now = call.world.epoch()
    file = File(
        str(uuid.uuid4()),
        upload.filename,
        len(upload.body),
        extension,
        upload.content_type,
        now,
        upload.body,
    )
    rule = automatic_rule(call.dataset.id)
    document = new_document(call.world, call.dataset.id, file)
    document.rule = rule.id
    for row in (file, rule, document):
        call.store.save(row)
    if technique == "high_quality" and call.dataset.embedding_model is None:
        call.dataset.embedding_model, call.dataset.embedding_model_provider = EMBEDDING_MODEL
        call.store.save(call.dataset)
    call.world.indexer.enqueue(document)
    shown = _view(document) | {"data_source_type": "upload_file"}
    return Answer({"document": shown})


def get(call: Call) -> Answer:
    """``GET .../documents/{document}``: ``indexing_progress`` goes from 0 to 100."""
    document = _document(call)
    completed, total = call.world.indexer.completed_segments(document)
    done = document.indexing_status == "completed"
    progress = 100 if done else (100 * completed // total if total else 0)
    return Answer(_view(document) | {"indexing_progress": progress})


def delete(call: Call) -> Answer:
    """``DELETE .../documents/{document}``."""
    document = _document(call)
    call.world.indexer.forget(document.id)
    call.store.run("DELETE FROM segment WHERE document = ?", document.id)
    call.store.run("DELETE FROM document WHERE id = ?", document.id)
    return Answer({"result": "success"})


def _document(call: Call) -> Document:
    document = call.store.get(Document, call.parameters["document_id"])
    if document is None or document.dataset != call.dataset.id:
        raise not_found("Document not found.")
    return document


def _view(document: Document) -> Json:
    created = datetime.fromtimestamp(document.created_at, UTC)
    return {
        "id": document.id,
        "name": document.name,
        "indexing_status": document.indexing_status,
        "created_at": created.isoformat().replace("+00:00", "Z"),
    }
