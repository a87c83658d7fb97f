"""Reading a server's JSON: unknown keys are ignored, missing ones are not an error."""

from __future__ import annotations

from collections.abc import Mapping

from kbsync.errors import Unavailable
from kbsync.model import Dataset, Failed, Indexing, Listed, Progress, Ready
from kbsync.transport import Answer
from kbsync.transport.answer import one_line

Row = Mapping[str, object]

#: A completed row with less text than this is not believed to have segments without proof.
PROOF_BELOW = 64

_LARGEST = 2.0**53  # whole numbers beyond it are not exact; none of a server's comes near


def table(answer: Answer) -> Row:
    """The answer's JSON object; raises Unavailable when something else came with a 2xx."""
    told = answer.json
    if not isinstance(told, dict):
        got = one_line(answer.body[:80].decode("utf-8", "replace"))
        raise Unavailable(
            f"expected JSON, got {got!r}: a proxy in between, or a wrong server.base_url",
            ambiguous=True,
        )
    return told


def rows(answer: Answer, key: str = "data") -> list[Row]:
    """The list of objects under a key."""
    found = table(answer).get(key)
    if not isinstance(found, list):
        raise Unavailable(f"expected a list {key!r} in the answer: a wrong server.base_url?")
    return [row for row in found if isinstance(row, dict)]


def text(row: Row, key: str) -> str:
    """A string, or "" where there is none."""
    value = row.get(key)
    return value if isinstance(value, str) else ""


def decimal(row: Row, key: str) -> float | None:
    """A number, or None; what JSON cannot say (NaN, Infinity) is none."""
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= _LARGEST else None


def number(row: Row, key: str) -> int | None:
    """A whole number, or None."""
    value = decimal(row, key)
    return None if value is None else int(value)


def inner(row: Row, *keys: str) -> Row:
    """An object inside an object, empty where there is none."""
    for key in keys:
        value = row.get(key)
        row = value if isinstance(value, dict) else {}
    return row


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
