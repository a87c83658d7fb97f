"""The frozen values and enums that every module speaks; no I/O, no behaviour beyond their shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple


class Want(StrEnum):
    """What the planner wants of a file's document on the server."""

    PRESENT = "present"
    ABSENT = "absent"


class State(StrEnum):
    """How far the work on a ledger row has come."""

    PENDING = "pending"
    SENDING = "sending"
    INDEXING = "indexing"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


#: A `ctime_ns` that no file has: the stamp equals none, so the next look hashes the file.
UNTRUSTED = -1


class Key(NamedTuple):
    """Identity of a file: folder name and relative POSIX path.

    A name on disk that is not UTF-8 keeps its bytes as surrogate escapes (`os.fsdecode`).
    """

    folder: str
    path: str


class Stamp(NamedTuple):
    """Cheap fingerprint of a file's metadata; times in nanoseconds, size in bytes."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int


class Seen(NamedTuple):
    """One file as the disk shows it now."""

    key: Key
    stamp: Stamp


class Skipped(NamedTuple):
    """Something on disk that is there, wanted by no rule to be sent, and why."""

    key: Key
    stamp: Stamp
    reason: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be looked at: it, and all below a directory, is unknown.

    `path` is relative to the folder's root; "" is the root itself.
    """

    folder: str
    path: str
    reason: str
    is_directory: bool = False


@dataclass(frozen=True, slots=True)
class Version:
    """What "same content" means: the SHA-256 of the file (hex) and the recipe of its processing."""

    sha256: str
    recipe: str


@dataclass(frozen=True, slots=True)
class Remote:
    """Where one version lives; `batch` is the server's name for one indexing run, when known."""

    dataset_id: str
    document_id: str
    name: str
    batch: str | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """A create that was begun and not confirmed: what to look for before it is repeated."""

    dataset_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Part:
    """One document of several that a large file is on the server as.

    `number`, from 1, is its place among the `of` that are the newest version; 0 for one of an
    older version, which goes when the newest is complete, unless it is used again. It has been
    indexed, with so many `segments` where the server tells, when it is `ready`; `error` says why
    it cannot be. One that is `spoilt` is not as it was made, and not used again.
    """

    remote: Remote
    number: int = 0
    of: int = 0
    ready: bool = False
    segments: int | None = None
    error: str | None = None
    spoilt: bool = False

    @property
    def is_ahead(self) -> bool:
        """Whether the server is indexing it for the newest version, as far as is known."""
        return self.number > 0 and not self.ready and self.error is None


@dataclass(frozen=True, slots=True)
class Record:
    """One ledger row.

    `stamp` is None when nothing is known of the file itself. `version`
    is the one last sent or found equal; `live` answers questions now, `coming` is being indexed.
    `intent` is set from before a create until its answer is known. `parked` is a version that
    was refused and is not sent again by itself. `not_before` is in seconds since the epoch; None
    means "not by itself" for a FAILED row and "at once" for any other. `shelved` ("disabled",
    "archived") says that `live` is out of service because its file went, until `purge_at`. `resend`
    asks to send although the version is there, because it is not as it was; `declined` is a version
    whose document a person deleted, which is not sent again until the file changes. `doomed` says
    that taking its documents away was begun: how they are is to be asked. `parts` are the documents
    of a file that is too large for one; `version` is that of the whole file all the same.
    """

    key: Key
    want: Want
    state: State
    generation: int
    stamp: Stamp | None = None
    version: Version | None = None
    live: Remote | None = None
    coming: Remote | None = None
    intent: Intent | None = None
    parked: Version | None = None
    attempts: int = 0
    not_before: float | None = None
    error: str | None = None
    shelved: str | None = None
    purge_at: float | None = None
    resend: bool = False
    declined: Version | None = None
    doomed: bool = False
    parts: tuple[Part, ...] = ()

    @property
    def documents(self) -> tuple[Remote, ...]:
        """Everything of it that is on the server, each once."""
        found = [self.live, self.coming, *(part.remote for part in self.parts)]
        return tuple({one.document_id: one for one in found if one is not None}.values())

    @property
    def newest(self) -> tuple[Remote, ...]:
        """The documents of its newest version: one, or its parts, as far as they are there."""
        one = self.coming or self.live
        current = [part for part in self.parts if part.number]
        if one is not None and not current:
            return (one,)
        return tuple(part.remote for part in current or self.parts)

    @property
    def answers(self) -> bool:
        """Whether something of it can be found, unless it is out of service."""
        return self.live is not None or any(part.ready for part in self.parts)

    def part(self, document_id: str) -> Part | None:
        """The part that a document is, of the newest version."""
        found = (one for one in self.parts if one.number and one.remote.document_id == document_id)
        return next(found, None)

    @property
    def is_whole(self) -> bool:
        """Whether all parts of the newest version are on the server, indexed or not."""
        return is_whole(self.parts)


def is_whole(parts: Iterable[Part]) -> bool:
    """Whether nothing is missing among the parts of the newest version, and there are some."""
    numbered = {part.number: part for part in parts if part.number}
    return bool(numbered) and all(part.of == len(numbered) for part in numbered.values())


@dataclass(frozen=True, slots=True)
class Put:
    """The file's content shall be on the server; `reason` is for people."""

    seen: Seen
    reason: str


@dataclass(frozen=True, slots=True)
class Drop:
    """The document of a file that is gone, or no longer admitted, shall go."""

    key: Key
    reason: str


@dataclass(frozen=True, slots=True)
class Skip:
    """The file stays where it is and is not sent; the ledger remembers why."""

    skipped: Skipped


@dataclass(frozen=True, slots=True)
class Move:
    """The file that was at `old` is at `seen.key` now, and its document goes with it.

    `edited` says that its content changed as well, so that it is to be sent.
    """

    old: Key
    seen: Seen
    edited: bool = False


Change = Put | Drop | Skip | Move


@dataclass(frozen=True, slots=True)
class Hold:
    """A safety stop: `count` deletions of a folder wait because of `rule`; `reason` explains."""

    folder: str
    rule: str
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes, read once while it was stable, with the hash of exactly these bytes."""

    seen: Seen
    body: bytes
    sha256: str


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


#: Characters of a query that a server takes (seen live; more are refused).
QUERY_LENGTH = 250

#: How a dataset can be searched; one that is indexed economically knows keywords only.
SearchMethod = Literal["keyword_search", "semantic_search", "full_text_search", "hybrid_search"]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a found document's metadata must say; `operator` as the server writes it, such as is."""

    name: str
    operator: str
    value: str


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
