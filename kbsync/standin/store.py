"""What the stand-in remembers, in one SQLite database (a file, or memory).

Rows go in and out as small mutable values; every call runs in one transaction under one lock. A
file says that it is a stand-in's and of which schema, and belongs to one process at a time.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, TypeVar

#: "kbSI": how a file says whose it is; and its schema, which grows when a table changes.
APPLICATION, VERSION = 0x6B625349, 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS dataset (
  id TEXT PRIMARY KEY, workspace TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
  provider TEXT NOT NULL, permission TEXT NOT NULL, indexing_technique TEXT,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, embedding_model TEXT,
  embedding_model_provider TEXT, retrieval_model TEXT, enable_api INTEGER NOT NULL,
  built_in INTEGER NOT NULL, runtime_mode TEXT NOT NULL, chunk_structure TEXT) STRICT;
CREATE TABLE IF NOT EXISTS rule (
  id TEXT PRIMARY KEY, dataset TEXT NOT NULL REFERENCES dataset ON DELETE CASCADE,
  mode TEXT NOT NULL, rules TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS file (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, size INTEGER NOT NULL, extension TEXT NOT NULL,
  mime_type TEXT NOT NULL, created_at REAL NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS document (
  id TEXT PRIMARY KEY, dataset TEXT NOT NULL REFERENCES dataset ON DELETE CASCADE,
  position INTEGER NOT NULL, name TEXT NOT NULL, file TEXT NOT NULL, rule TEXT NOT NULL,
  batch TEXT NOT NULL, created_from TEXT NOT NULL, created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL, doc_form TEXT NOT NULL, doc_language TEXT NOT NULL,
  indexing_status TEXT NOT NULL, error TEXT, enabled INTEGER NOT NULL, disabled_at INTEGER,
  archived INTEGER NOT NULL, tokens INTEGER, word_count INTEGER, text TEXT NOT NULL, metadata TEXT,
  processing_started_at INTEGER, parsing_completed_at INTEGER, splitting_completed_at INTEGER,
  completed_at INTEGER, stopped_at INTEGER, latency REAL) STRICT;
CREATE INDEX IF NOT EXISTS document_name ON document (dataset, name);
CREATE INDEX IF NOT EXISTS document_order ON document (dataset, created_at, position);
CREATE INDEX IF NOT EXISTS document_batch ON document (dataset, batch);
CREATE TABLE IF NOT EXISTS segment (
  id TEXT PRIMARY KEY, document TEXT NOT NULL REFERENCES document ON DELETE CASCADE,
  dataset TEXT NOT NULL, position INTEGER NOT NULL, content TEXT NOT NULL, keywords TEXT NOT NULL,
  node TEXT NOT NULL, digest TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS segment_document ON segment (document, position);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (content, segment UNINDEXED);
CREATE TRIGGER IF NOT EXISTS segment_in AFTER INSERT ON segment BEGIN
  INSERT INTO words (rowid, content, segment) VALUES (new.rowid, new.content, new.id); END;
CREATE TRIGGER IF NOT EXISTS segment_out AFTER DELETE ON segment BEGIN
  DELETE FROM words WHERE rowid = old.rowid; END;
CREATE TABLE IF NOT EXISTS field (
  id TEXT PRIMARY KEY, dataset TEXT NOT NULL REFERENCES dataset ON DELETE CASCADE,
  type TEXT NOT NULL, name TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS binding (
  document TEXT NOT NULL REFERENCES document ON DELETE CASCADE, field TEXT NOT NULL,
  PRIMARY KEY (document, field)) STRICT;
"""


@dataclass(slots=True)
class Dataset:
    """A knowledge base; ``retrieval_model`` is JSON or None while it was never set."""

    table: ClassVar[str] = "dataset"
    id: str
    workspace: str
    name: str
    description: str
    provider: str
    permission: str
    indexing_technique: str | None
    created_by: str
    created_at: int
    updated_at: int
    embedding_model: str | None
    embedding_model_provider: str | None
    retrieval_model: str | None
    enable_api: bool
    built_in: bool
    runtime_mode: str
    chunk_structure: str | None


@dataclass(slots=True)
class Rule:
    """How documents are cut; ``rules`` is JSON as the document answer shows it."""

    table: ClassVar[str] = "rule"
    id: str
    dataset: str
    mode: str
    rules: str


@dataclass(slots=True)
class File:
    """One upload, never changed; ``size`` counts bytes (characters for a text on old servers)."""

    table: ClassVar[str] = "file"
    id: str
    name: str
    size: int
    extension: str
    mime_type: str
    created_at: float
    body: bytes


@dataclass(slots=True)
class Document:
    """A document as the server's table has it; ``metadata`` is JSON (name to value) or None."""

    table: ClassVar[str] = "document"
    id: str
    dataset: str
    position: int
    name: str
    file: str
    rule: str
    batch: str
    created_from: str
    created_at: int
    updated_at: int
    doc_form: str
    doc_language: str
    indexing_status: str = "waiting"
    error: str | None = None
    enabled: bool = True
    disabled_at: int | None = None
    archived: bool = False
    tokens: int | None = None
    word_count: int | None = None
    text: str = ""
    metadata: str | None = None
    processing_started_at: int | None = None
    parsing_completed_at: int | None = None
    splitting_completed_at: int | None = None
    completed_at: int | None = None
    stopped_at: int | None = None
    latency: float | None = None

    @property
    def display_status(self) -> str:
        """What the server shows to people; only "available" can be updated."""
        match self.indexing_status:
            case "waiting":
                return "queuing"
            case "completed" if self.archived:
                return "archived"
            case "completed":
                return "available" if self.enabled else "disabled"
            case "error":
                return "error"
            case _:
                return "indexing"

    @property
    def values(self) -> dict[str, str | float | None]:
        """The metadata values by field name."""
        found: dict[str, str | float | None] = json.loads(self.metadata) if self.metadata else {}
        return found


@dataclass(slots=True)
class Segment:
    """One searchable piece of a document; ``keywords`` is a JSON list."""

    table: ClassVar[str] = "segment"
    id: str
    document: str
    dataset: str
    position: int
    content: str
    keywords: str
    node: str
    digest: str
    created_at: int


@dataclass(slots=True)
class Field:
    """A metadata field of a dataset; type is "string", "number" or "time"."""

    table: ClassVar[str] = "field"
    id: str
    dataset: str
    type: str
    name: str


Row = TypeVar("Row", Dataset, Rule, File, Document, Segment, Field)
Parameter = str | int | float | bytes | None


class UnusableError(sqlite3.DatabaseError):
    """The file is another program's, a newer stand-in's, in use, or damaged; it is as it was."""


class Store:
    """The database behind one stand-in, safe to use from several threads.

    Raises:
        UnusableError: the file is a database, but not for this stand-in.
        sqlite3.Error: it cannot be opened, or is none.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.lock = threading.RLock()
        self._db = sqlite3.connect(
            str(path) if path else ":memory:",
            timeout=0,
            check_same_thread=False,
            isolation_level=None,
        )
        self._db.row_factory = sqlite3.Row
        try:
            self._open()
        except sqlite3.Error as error:
            self._db.close()
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                raise UnusableError("another process has it") from error
            raise

    def _open(self) -> None:
        self.run("PRAGMA locking_mode = EXCLUSIVE")  # before the first look: for good
        application = self.run("PRAGMA application_id")[0][0]
        tables = {row[0] for row in self.run("SELECT name FROM sqlite_master")}
        older = not application and (not tables or "segment_document" in tables)
        if application != APPLICATION and not older:
            raise UnusableError("it is another program's")
        if self.run("PRAGMA user_version")[0][0] > VERSION:
            raise UnusableError("a newer stand-in wrote it")
        if self.run("PRAGMA quick_check(1)")[0][0] != "ok":
            raise UnusableError("it is damaged")
        self._db.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
            "PRAGMA case_sensitive_like = ON; PRAGMA foreign_keys = ON;"
            f"BEGIN IMMEDIATE; {SCHEMA}"
            f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT"
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One all-or-nothing change; a nested one is part of the outer one."""
        with self.lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.OperationalError):  # there is none after a full disk
                    self._db.execute("ROLLBACK")
                raise

    def save(self, row: Dataset | Rule | File | Document | Segment | Field) -> None:
        """Insert the row, or overwrite the one with the same id."""
        names = [f.name for f in fields(row)]
        changes = ", ".join(f"{name} = excluded.{name}" for name in names if name != "id")
        self.run(
            f"INSERT INTO {row.table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "
            f"ON CONFLICT (id) DO UPDATE SET {changes}",
            *(getattr(row, name) for name in names),
        )

    def get(self, kind: type[Row], identity: str) -> Row | None:
        """The row with this id."""
        return next(iter(self.find(kind, "id = ?", identity)), None)

    def find(self, kind: type[Row], where: str, *parameters: Parameter) -> list[Row]:
        """The rows for an SQL condition, which may end in ORDER BY and LIMIT."""
        names = ", ".join(f.name for f in fields(kind))
        flags = [f.name for f in fields(kind) if f.type == "bool"]
        found = []
        for row in self.run(f"SELECT {names} FROM {kind.table} WHERE {where}", *parameters):
            values = dict(row)
            values.update({name: bool(values[name]) for name in flags})
            found.append(kind(**values))
        return found

    def count(self, table: str, where: str, *parameters: Parameter) -> int:
        """How many rows an SQL condition has."""
        rows = self.run(f"SELECT count(*) FROM {table} WHERE {where}", *parameters)
        return int(rows[0][0])

    def run(self, sql: str, *parameters: Parameter) -> Sequence[sqlite3.Row]:
        """Execute one statement and return its rows."""
        with self.lock:
            return self._db.execute(sql, parameters).fetchall()

    def close(self) -> None:
        """Close the database; the stand-in cannot be used afterwards."""
        with self.lock:
            self._db.close()
