"""The stand-in as one object: its settings, its state, and what tests ask it."""

from __future__ import annotations

import json
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from starlette.types import ASGIApp

from kbsync.standin.api import Api
from kbsync.standin.apps import Application
from kbsync.standin.behaviour import BEHAVIOURS, Behaviour
from kbsync.standin.call import NAMESPACE, World
from kbsync.standin.datasets import new_dataset
from kbsync.standin.documents import automatic_rule, new_document
from kbsync.standin.extract import EXTENSIONS
from kbsync.standin.faults import Fault, Faults
from kbsync.standin.faulty import Faulty, Request
from kbsync.standin.indexing import Indexer
from kbsync.standin.routes import dify_routes, simple_routes
from kbsync.standin.store import Document, File, Rule, Store

SIZE_LIMIT = 15 * 1024 * 1024
LOG_LENGTH = 100_000


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document with everything the stand-in knows of it; ``body`` are the uploaded bytes."""

    id: str
    dataset_id: str
    position: int
    name: str
    batch: str
    body: bytes
    text: str
    indexing_status: str
    display_status: str
    error: str | None
    enabled: bool
    archived: bool
    segments: int
    word_count: int
    metadata: dict[str, str | float | None]
    created_from: str
    created_at: int
    updated_at: int
    doc_form: str
    process_rule: dict[str, object]


class StandIn:
    """A small server that answers the dataset API as Dify does, for trying kbsync and testing it.

    Args:
        data: the database file (or a directory for it); None keeps everything in memory.
        behave: the server version to behave as, "1.10.1" or "1.16.1".
        dialect: "dify" for the service API, "simple" for the older guide's form.
        key: the API key of the workspace; `add_workspace` makes more.
        pace: seconds that the indexing of a document takes; with 0 the next read sees it done.
        workers: how many documents are indexed at a time.
        size_limit: the largest accepted file in bytes.
        embedding_model: whether the server says that it has one (``high_quality``).
        rate_limit: knowledge requests a minute as on Dify Cloud; None for no limit.
        clock: seconds, never going back.
        faults: rules that are on from the start.

    There are two applications from the start: a chat over all datasets of the workspace, whose key
    is `app_key`, and a workflow that gives back its input `text`, with `workflow_key`. Both keys
    are made from the dataset key: who does not know that one shall not read its documents.
    """

    def __init__(
        self,
        data: Path | None = None,
        behave: str | Behaviour = "1.16.1",
        dialect: Literal["dify", "simple"] = "dify",
        key: str = "dataset-standin",
        pace: float = 0.0,
        workers: int = 2,
        size_limit: int = SIZE_LIMIT,
        embedding_model: bool = False,
        rate_limit: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        faults: Iterable[Fault] = (),
    ) -> None:
        if dialect not in ("dify", "simple"):
            raise ValueError(f"unknown dialect {dialect!r}; known: dify, simple")
        behaviour = behave if isinstance(behave, Behaviour) else BEHAVIOURS.get(behave)
        if behaviour is None:
            raise ValueError(f"unknown version {behave!r}; known: {', '.join(BEHAVIOURS)}")
        started = time.time() - clock()
        self.key = key
        self.app_key = f"app-{key.removeprefix('dataset-')}"
        self.workflow_key = f"{self.app_key}-workflow"
        self.faults = Faults(clock, faults)
        self._keys: dict[str, str] = {}
        self._apps: dict[str, Application] = {}
        self._log: deque[Request] = deque(maxlen=LOG_LENGTH)
        self._store = Store(data / "standin.db" if data and data.is_dir() else data)
        self._indexer = Indexer(
            store=self._store,
            behaviour=behaviour,
            faults=self.faults,
            clock=clock,
            epoch=lambda: started + clock(),
            pace=pace,
            workers=workers,
            embedding_model=embedding_model,
        )
        self.world = World(
            store=self._store,
            behaviour=behaviour,
            indexer=self._indexer,
            faults=self.faults,
            clock=clock,
            epoch=self._indexer.epoch,
            size_limit=size_limit,
            embedding_model=embedding_model,
            rate_limit=rate_limit,
            dify=dialect == "dify",
        )
        routes = dify_routes(behaviour) if dialect == "dify" else simple_routes()
        api = Api(self.world, routes, self._keys, self._apps)
        self.app: ASGIApp = Faulty(api, self.world, routes, self._log, self._insert_foreign)
        workspace = self.add_workspace(key)
        for app_key, mode in ((self.app_key, "advanced-chat"), (self.workflow_key, "workflow")):
            identity = str(uuid.uuid5(NAMESPACE, app_key))
            self._apps[app_key] = Application(identity, f"Stand-in {mode}", mode, workspace)

    def app_id(self, app_key: str) -> str:
        """The id of the application of a key."""
        return self._apps[app_key].id

    def add_workspace(self, key: str) -> str:
        """Let another key in, which sees a workspace of its own; returns the workspace's id."""
        self._keys[key] = str(uuid.uuid5(NAMESPACE, key))
        return self._keys[key]

    @property
    def requests(self) -> list[Request]:
        """The last 100,000 requests, in the order in which they were answered (or cut off)."""
        return list(self._log)

    def forget_requests(self) -> None:
        """Empty the request log."""
        self._log.clear()

    @property
    def quotas(self) -> set[str]:
        """The subscription's reached limits: vector-space, documents, vector-space-unknown."""
        return self.world.quotas

    def create_dataset(
        self, name: str, indexing_technique: str | None = "economy", **overrides: object
    ) -> str:
        """Make a dataset without the API, with any column of `Dataset` set; returns its id.

        For instance ``enable_api=False``, ``provider="external"``, ``runtime_mode="rag_pipeline"``,
        ``created_by="a colleague"``, ``workspace=standin.add_workspace("other-key")``.
        """
        workspace = str(overrides.get("workspace", self._keys[self.key]))
        made = new_dataset(self.world, workspace, name, indexing_technique=indexing_technique)
        dataset = replace(made, **overrides)  # type: ignore[arg-type]  # checked by the caller
        with self._store.transaction():
            self._store.save(dataset)
        return dataset.id

    def change_dataset(self, dataset_id: str, **columns: str | int | bool | None) -> None:
        """Set columns of a dataset as somebody in the console would, such as ``enable_api``."""
        with self._store.transaction():
            for column, value in columns.items():
                self._store.run(f"UPDATE dataset SET {column} = ? WHERE id = ?", value, dataset_id)

    def change_document(self, document_id: str, **columns: str | int | bool | None) -> None:
        """Set columns of a document as somebody in the console would, such as ``name``."""
        with self._store.transaction():
            for column, value in columns.items():
                self._store.run(
                    f"UPDATE document SET {column} = ? WHERE id = ?", value, document_id
                )

    def remove_segments(self, document_id: str) -> None:
        """Delete all segments of a document, as a person can in the console."""
        with self._store.transaction():
            self._store.run("DELETE FROM segment WHERE document = ?", document_id)
        self.change_document(document_id, word_count=0)

    def add_document(self, dataset_id: str, name: str, body: bytes = b"somebody else's") -> str:
        """Make a document that somebody else uploaded in the console; returns its id."""
        with self._store.transaction():
            document = self._foreign(dataset_id, name, body)
        return document.id

    def documents(self, dataset_id: str) -> list[StoredDocument]:
        """All documents of a dataset in the order of their making, as they are now."""
        with self._store.lock:
            self.advance()
            found = self._store.find(Document, "dataset = ? ORDER BY position", dataset_id)
            return [self._stored(document) for document in found]

    def advance(self) -> None:
        """Do the indexing that is due by the clock; every read of the API does this first."""
        with self._store.lock:
            self._indexer.advance()

    def kill_workers(self) -> None:
        """Stop indexing: what runs is stuck for ever, what waits goes on after `revive_workers`."""
        with self._store.lock:
            self._indexer.kill()

    def revive_workers(self) -> None:
        """Start new workers for what is waiting."""
        with self._store.lock:
            self._indexer.revive()

    def close(self) -> None:
        """Close the database."""
        self._store.close()

    def _stored(self, document: Document) -> StoredDocument:
        file = self._store.get(File, document.file)
        rule = self._store.get(Rule, document.rule)
        _, segments = self._indexer.completed_segments(document)
        return StoredDocument(
            id=document.id,
            dataset_id=document.dataset,
            position=document.position,
            name=document.name,
            batch=document.batch,
            body=file.body if file else b"",
            text=document.text,
            indexing_status=document.indexing_status,
            display_status=document.display_status,
            error=document.error,
            enabled=document.enabled,
            archived=document.archived,
            segments=segments,
            word_count=document.word_count or 0,
            metadata=document.values,
            created_from=document.created_from,
            created_at=document.created_at,
            updated_at=document.updated_at,
            doc_form=document.doc_form,
            process_rule={"mode": rule.mode, "rules": json.loads(rule.rules)} if rule else {},
        )

    def _insert_foreign(self, dataset_id: str) -> None:
        self.add_document(dataset_id.lower(), f"foreign {uuid.uuid4().hex[:8]}.txt")

    def _foreign(self, dataset_id: str, name: str, body: bytes) -> Document:
        now, extension = self.world.epoch(), name.rpartition(".")[2].lower()
        extension = extension if extension in EXTENSIONS else "txt"
        file = File(str(uuid.uuid4()), name, len(body), extension, "text/plain", now, body)
        rule = automatic_rule(dataset_id)
        document = new_document(self.world, dataset_id, file)
        document.rule, document.created_from = rule.id, "web"
        for row in (file, rule, document):
            self._store.save(row)
        self._indexer.enqueue(document)
        return document
