"""Datasets and documents as a server's JSON tells them."""

from __future__ import annotations

from kbsync.model import Dataset, Failed, Indexing, Listed, Progress, Ready
from kbsync.transport.answer import one_line
from kbsync.transport.fields import Row, decimal, inner, number, text

#: A completed row with less text than this is not believed to have segments without proof.
PROOF_BELOW = 64


def dataset_of(row: Row) -> Dataset:
    """A dataset as GET and list tell it."""
    return Dataset(
        id=text(row, "id"),
        name=text(row, "name"),
        indexing_technique=text(row, "indexing_technique") or None,
        doc_form=text(row, "doc_form") or None,
        document_count=number(row, "document_count"),
    )


def listed_of(row: Row) -> Listed:
    """A document as lists tell it, and answers about one, where the upload has another place."""
    upload = inner(row, "data_source_detail_dict", "upload_file")
    upload = upload or inner(row, "data_source_info", "upload_file")
    return Listed(
        document_id=text(row, "id"),
        name=text(row, "name"),
        progress=progress_of(row),
        enabled=row.get("enabled") is not False,
        archived=row.get("archived") is True,
        size=number(upload, "size"),
        created_at=decimal(row, "created_at"),
        metadata=_metadata(row.get("doc_metadata")),
        words=number(row, "word_count"),
        segments=number(row, "segment_count"),
    )


def progress_of(row: Row) -> Progress:
    """How far a document is, by its `indexing_status` alone: other fields lag behind it."""
    status = text(row, "indexing_status") or "unknown"
    if status == "error":
        reason = one_line(text(row, "error"))
        return Failed(reason or "the server gave no reason")
    if status != "completed":
        return Indexing(status, number(row, "completed_segments"), number(row, "total_segments"))
    segments = number(row, "segment_count")
    if segments == 0:
        return NO_SEGMENTS
    return Ready(segments)


NO_SEGMENTS = Failed(
    "indexed, but the server found no text in it (0 segments): it is empty, a scan without text,"
    " or the process_rule yields nothing"
)


def needs_proof(row: Row) -> bool:
    """Whether a completed list row may have no segment; list rows do not count them."""
    if text(row, "indexing_status") != "completed":
        return False
    words = number(row, "word_count")
    return words is None or words < PROOF_BELOW or text(row, "doc_form") != "text_model"


def _metadata(told: object) -> dict[str, str | float | None]:
    """Custom fields by name; built-in pseudo rows are left out."""
    if not isinstance(told, list):
        return {}
    values: dict[str, str | float | None] = {}
    for row in told:
        if isinstance(row, dict) and row.get("id") != "built-in":
            value = row.get("value")
            if value is None or isinstance(value, str | int | float):
                values[text(row, "name")] = value
    return values
