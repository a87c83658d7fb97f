"""What a document is: where it lives on a server, and what the server says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

#: Characters of a query that a server takes (seen live; more are refused).
QUERY_LENGTH = 250

#: How a dataset can be searched; one that is indexed economically knows keywords only.
SearchMethod = Literal["keyword_search", "semantic_search", "full_text_search", "hybrid_search"]

#: None takes a value away.
MetadataValue = str | int | float | None

#: What can be done to documents without new content.
StatusAction = Literal["enable", "disable", "archive", "un_archive"]

#: The metadata fields kbsync keeps on each document, with the server's type of each.
METADATA_FIELDS: Mapping[str, str] = {
    "kbsync_path": "string",
    "kbsync_sha256": "string",
    "kbsync_source": "string",
    "kbsync_modified": "time",
}

#: What a default Dify server indexes (ETL_TYPE=dify), as seen live on 1.10.1 and 1.16.1.
SERVER_TYPES: frozenset[str] = frozenset(
    {"txt", "markdown", "md", "mdx", "pdf", "html", "htm", "xlsx", "xls", "docx", "csv", "vtt"}
    | {"properties"}
)


@dataclass(frozen=True, slots=True)
class Remote:
    """Where one version lives; `batch` is the server's name for one indexing run, when known."""

    dataset_id: str
    document_id: str
    name: str
    batch: str | None = None


@dataclass(frozen=True, slots=True)
class Processing:
    """How the server shall index a document; part of the recipe."""

    indexing_technique: str = "high_quality"
    process_rule: Mapping[str, object] = field(default_factory=lambda: {"mode": "automatic"})
    doc_form: str = "text_model"
    doc_language: str = "English"


@dataclass(frozen=True, slots=True)
class Document:
    """What is handed to a backend: the remote name, the bytes to send and how to index them."""

    name: str
    body: bytes
    media_type: str
    processing: Processing


@dataclass(frozen=True, slots=True)
class Dataset:
    """A knowledge base as the server describes it; None where the server does not say."""

    id: str
    name: str
    indexing_technique: str | None = None
    doc_form: str | None = None
    document_count: int | None = None

    def is_called(self, reference: str) -> bool:
        """Whether a setting means it by its present name, or by its id."""
        return reference == self.name or reference.lower() == self.id


@dataclass(frozen=True, slots=True)
class Indexing:
    """The server is working on it; `status` is its own word, segments are counted so far."""

    status: str
    completed_segments: int | None = None
    total_segments: int | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """Indexed and searchable; `segments` is None where the server gives no count."""

    segments: int | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Indexing ended without a searchable document; `reason` is the server's text or ours."""

    reason: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The document does not exist (any more)."""


Progress = Indexing | Ready | Failed | Gone


@dataclass(frozen=True, slots=True)
class Listed:
    """A document as the server tells it; `size` in bytes, `created_at` in epoch seconds.

    Lists count `words` (the characters of its text), an answer about one document `segments`.
    """

    document_id: str
    name: str
    progress: Progress
    enabled: bool
    archived: bool
    size: int | None
    created_at: float | None
    metadata: Mapping[str, str | float | None]
    words: int | None = None
    segments: int | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went to a server: requests by kind and status, and bytes of documents."""

    requests: Mapping[tuple[str, int], int]
    sent_bytes: int


@dataclass(frozen=True, slots=True)
class Hit:
    """One passage found by a search."""

    document_id: str
    document_name: str
    text: str
    score: float | None


@dataclass(frozen=True, slots=True)
class Condition:
    """What a found document's metadata must say; `operator` as the server writes it, such as is."""

    name: str
    operator: str
    value: str
