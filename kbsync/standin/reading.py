"""Looking at documents and what is done to them without new content: list, get, status, delete."""

from __future__ import annotations

import io
import uuid
import zipfile

from kbsync.standin.call import Call
from kbsync.standin.checking import check
from kbsync.standin.datasets import paging
from kbsync.standin.errors import Answer, crashed, not_found, refused
from kbsync.standin.payloads import (
    DocumentBatchDownloadZipPayload,
    DocumentIds,
    DocumentListQuery,
)
from kbsync.standin.store import Document, File, Segment
from kbsync.standin.views import (
    document_detail,
    document_row,
    metadata_view,
    segment_view,
)

AVAILABLE = "indexing_status = 'completed' AND NOT archived AND enabled"
STATUS_FILTERS = {
    "queuing": "indexing_status = 'waiting'",
    "indexing": "indexing_status IN ('parsing', 'cleaning', 'splitting', 'indexing')",
    "paused": "0",
    "error": "indexing_status = 'error'",
    "available": AVAILABLE,
    "active": AVAILABLE,
    "enabled": AVAILABLE,
    "disabled": "indexing_status = 'completed' AND NOT archived AND NOT enabled",
    "archived": "indexing_status = 'completed' AND archived",
}
ACTIONS = ["enable", "disable", "archive", "un_archive"]


def list_documents(call: Call) -> Answer:
    """``GET documents``: created_at descending, then position; at most 100 rows a page."""
    page, limit = paging(call, DocumentListQuery)
    where = f"dataset = ? AND {STATUS_FILTERS.get(call.query.get('status', ''), '1')}"
    parameters = [call.dataset.id]
    if keyword := call.query.get("keyword"):
        where += " AND name LIKE ?"
        parameters.append(f"%{keyword}%")
    total = call.store.count("document", where, *parameters)
    size = call.behaviour.page_size(limit)
    rows = call.store.find(
        Document,
        f"{where} ORDER BY created_at DESC, position DESC LIMIT ? OFFSET ?",
        *parameters,
        size,
        (max(page, 1) - 1) * size + _skipped(call, page),
    )
    return Answer(
        {
            "data": [document_row(call.world, row) for row in rows],
            "has_more": len(rows) == limit,
            "limit": limit,
            "total": total,
            "page": page,
        }
    )


def get(call: Call) -> Answer:
    """``GET documents/{id}?metadata=all|only|without``."""
    wanted = call.query.get("metadata", "all")
    document = _document(call, "Document not found.")
    if wanted not in ("all", "only", "without"):
        raise refused(400, "invalid_metadata", f"Invalid metadata value: {wanted}")
    if wanted == "only":
        values = metadata_view(call.world, document)
        return Answer({"id": document.id, "doc_type": None, "doc_metadata": values})
    view = document_detail(call.world, document)
    if wanted == "without":
        del view["doc_type"], view["doc_metadata"]
    return Answer(view)


def delete(call: Call) -> Answer:
    """``DELETE documents/{id}``: in every state but archived."""
    document = _document(call, "Document Not Exists.")
    if document.archived:
        raise refused(403, "archived_document_immutable", "The archived document is not editable.")
    call.world.indexer.forget(document.id)
    call.store.run("DELETE FROM segment WHERE document = ?", document.id)
    call.store.run("DELETE FROM document WHERE id = ?", document.id)
    return call.world.deleted()


def indexing_status(call: Call) -> Answer:
    """``GET documents/{batch}/indexing-status``: 404 once the batch was superseded or deleted."""
    found = call.store.find(
        Document,
        "dataset = ? AND batch = ? ORDER BY position",
        call.dataset.id,
        call.parameters["batch"],
    )
    if not found:
        raise not_found("Documents not found.")
    return Answer({"data": [_progress(call, document) for document in found]})


def segments(call: Call) -> Answer:
    """``GET documents/{id}/segments``."""
    page, limit = paging(call, DocumentListQuery)
    document = _document(call, "Document not found.")
    where = "document = ?"
    parameters = [document.id]
    if keyword := call.query.get("keyword"):
        where += " AND instr(lower(content), lower(?))"
        parameters.append(keyword)
    size = call.behaviour.page_size(limit)
    total = call.store.count("segment", where, *parameters)
    rows = call.store.find(
        Segment,
        f"{where} ORDER BY position LIMIT ? OFFSET ?",
        *parameters,
        size,
        (max(page, 1) - 1) * size,
    )
    views = [segment_view(call.world, row, document, in_a_record=False) for row in rows]
    return Answer(
        {
            "data": views,
            "doc_form": document.doc_form,
            "total": total,
            "has_more": len(rows) == limit,
            "limit": limit,
            "page": page,
        }
    )


def change_status(call: Call) -> Answer:
    """``PATCH documents/status/{action}``: all or none of them; unknown ids are skipped."""
    action = call.parameters["action"]
    wish = check(DocumentIds, call.json(), call.behaviour)
    if action not in ACTIONS:
        raise refused(400, "invalid_action", f"Invalid action: {action}. Must be one of {ACTIONS}")
    changed: list[tuple[Document, bool]] = []
    for identity in wish.document_ids:
        document = call.store.get(Document, _checked_uuid(identity))
        if document is None or document.dataset != call.dataset.id:
            continue
        changed.extend(_changed(call, document, action))
    for document, marks in changed:
        document.updated_at = int(call.world.epoch())
        call.store.save(document)
        if marks:
            call.world.indexer.mark(document)
    return Answer({"result": "success"})


def download(call: Call) -> Answer:
    """``GET documents/{id}/download``: an address of the original file that needs no key."""
    document = _document(call, "Document not found.")
    return Answer({"url": f"{call.base_url}/files/{document.file}/file-preview?as_attachment=true"})


def download_zip(call: Call) -> Answer:
    """``POST documents/download-zip``: the original files of 1 to 100 documents."""
    wish = check(DocumentBatchDownloadZipPayload, call.json(), call.behaviour)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for identity in wish.document_ids:
            document = call.store.get(Document, str(identity))
            if document is None or document.dataset != call.dataset.id:
                raise not_found("Document not found.")
            archive.writestr(document.name, _file(call, document.file).body)
    return Answer(packed.getvalue(), media_type="application/zip")


def preview(call: Call) -> Answer:
    """``GET /files/{id}/file-preview``: the bytes of an upload."""
    file = _file(call, call.parameters["file_id"])
    disposition = f"attachment; filename*=UTF-8''{file.name}"
    headers = {"Content-Disposition": disposition.encode().decode("latin-1")}
    return Answer(file.body, headers=headers, media_type="application/octet-stream")


def _document(call: Call, missing: str) -> Document:
    document = call.store.get(Document, call.parameters["document_id"].lower())
    if document is None or document.dataset != call.dataset.id:
        raise not_found(missing)
    return document


def _file(call: Call, identity: str) -> File:
    file = call.store.get(File, identity)
    if file is None:
        raise not_found("File not found")
    return file


def _skipped(call: Call, page: int) -> int:
    if page < 2:
        return 0
    return 1 if call.world.faults.take("shift-skip", "GET", call.path) else 0


def _progress(call: Call, document: Document) -> dict[str, object]:
    completed, total = call.world.indexer.completed_segments(document)
    new = {"error_code": None, "estimated_vector_space_mb": None, "vector_space_limit_mb": None}
    return {
        "id": document.id,
        "indexing_status": document.indexing_status,
        "processing_started_at": document.processing_started_at,
        "parsing_completed_at": document.parsing_completed_at,
        "cleaning_completed_at": document.splitting_completed_at,
        "splitting_completed_at": document.splitting_completed_at,
        "completed_at": document.completed_at,
        "paused_at": None,
        "error": document.error,
        **(new if call.behaviour.new_fields else {}),
        "stopped_at": document.stopped_at,
        "completed_segments": completed,
        "total_segments": total,
    }


def _checked_uuid(identity: str) -> str:
    try:
        return str(uuid.UUID(identity))
    except ValueError as error:
        raise crashed() from error


def _changed(call: Call, document: Document, action: str) -> list[tuple[Document, bool]]:
    """The document as it becomes and whether that leaves a mark; nothing if it is so already."""
    if call.world.indexer.marked(document.id):
        raise refused(
            400,
            "invalid_action",
            f"Document:{document.name} is being indexed, please try again later",
        )
    now = int(call.world.epoch())
    match action:
        case "disable":
            if document.indexing_status != "completed":
                message = f"Document: {document.name} is not completed."
                raise refused(400, "invalid_action", message)
            if not document.enabled:
                return []
            document.enabled, document.disabled_at = False, now
            return [(document, True)]
        case "enable":
            if document.enabled:
                return []
            document.enabled, document.disabled_at = True, None
            return [(document, True)]
        case _:
            if document.archived == (action == "archive"):
                return []
            document.archived = action == "archive"
            return [(document, document.enabled)]
