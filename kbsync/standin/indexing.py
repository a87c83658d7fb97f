"""The indexing workers, without threads: what is done by now follows from the clock.

A document is waiting until a worker is free, then passes through parsing, splitting and indexing
during its pace, and ends completed or in error. Nothing happens until somebody looks.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from kbsync.standin.behaviour import Behaviour
from kbsync.standin.extract import Extracted, ExtractError, extract
from kbsync.standin.faults import Faults
from kbsync.standin.split import AUTOMATIC_TOKENS, clean, keywords, split, tokens
from kbsync.standin.store import Document, File, Rule, Segment, Store

SPLITTING, INDEXING = 0.25, 0.5
MARK_SECONDS = 600.0


@dataclass(slots=True)
class Job:
    """One run of a worker over one document; ``start`` is None while no worker is there for it.

    One that ``dies`` is begun and never finished.
    """

    document: str
    pace: float
    start: float | None = None
    parsed: bool = False
    began: bool = False
    dies: bool = False

    def is_due(self, now: float, *, by_a_write: bool) -> bool:
        """Whether a worker is at it by now."""
        return self.start is not None and _due(self.start, now, by_a_write=by_a_write)


@dataclass(slots=True)
class Indexer:
    """Schedules documents on a number of workers and advances them by the clock.

    ``marks`` are the "is being indexed" marks that a change of a document's status leaves.
    """

    store: Store
    behaviour: Behaviour
    faults: Faults
    clock: Callable[[], float]
    epoch: Callable[[], float]
    pace: float
    workers: int
    embedding_model: bool
    alive: bool = True
    jobs: list[Job] = field(default_factory=list)
    free: list[float] = field(default_factory=list)
    marks: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.free = [self.clock()] * self.workers
        for document in self.store.find(
            Document, "indexing_status NOT IN ('completed', 'error') ORDER BY created_at, position"
        ):
            self.enqueue(document)

    def enqueue(self, document: Document) -> None:
        """Queue a run over the document; an older run over it is forgotten."""
        self.forget(document.id)
        lost = self.faults.lost(document.name)
        if lost is not None:
            if lost.kind == "index-stuck":
                self.jobs.append(Job(document.id, self.pace, self.clock(), dies=True))
            return
        pace = self.faults.pace(document.name, self.pace)
        job = Job(document.id, pace)
        self.jobs.append(job)
        if self.alive:
            self._schedule(job)

    def forget(self, document_id: str) -> None:
        """Drop the runs over a document that was deleted or is queued anew."""
        self.jobs = [job for job in self.jobs if job.document != document_id]

    def mark(self, document: Document) -> None:
        """Leave the mark of a status change until a worker takes it off, at most ten minutes."""
        now = self.clock()
        done = max(now, min(self.free))
        served = self.alive and document.indexing_status == "completed"
        self.marks[document.id] = done if served else now + MARK_SECONDS

    def marked(self, document_id: str) -> bool:
        """Whether a status change of this document is still under way."""
        return document_id in self.marks

    def kill(self) -> None:
        """The workers die: runs under way are lost for ever, later ones wait for ``revive``."""
        self.advance()
        now = self.clock()
        self.alive = False
        waiting = [job for job in self.jobs if job.start is None or job.start > now]
        self.jobs = waiting
        for job in waiting:
            job.start = None

    def revive(self) -> None:
        """New workers take what is queued; documents whose run was lost stay as they are."""
        self.alive = True
        self.free = [self.clock()] * self.workers
        for job in self.jobs:
            self._schedule(job)

    def advance(self, *, by_a_write: bool = False) -> None:
        """Do what is due.

        A read sees what is due at this very instant; a write only what was due before it, so that
        with a clock that stands still two writes in a row find the document still waiting.
        """
        now = self.clock()
        for document_id, until in list(self.marks.items()):
            if _due(until, now, by_a_write=by_a_write):
                del self.marks[document_id]
        due = [job for job in self.jobs if job.is_due(now, by_a_write=by_a_write)]
        if not due:
            return
        jobs, before = self.jobs, {job.document: replace(job) for job in due}
        try:
            with self.store.transaction():
                for job in due:
                    self._advance(job, now)
        except sqlite3.Error:  # such as of a full disk: nothing was kept, and all is still due
            self.jobs = [before.get(job.document, job) for job in jobs]
            raise

    def _schedule(self, job: Job) -> None:
        worker = self.free.index(min(self.free))
        job.start = max(self.clock(), self.free[worker])
        self.free[worker] = job.start + job.pace

    def _advance(self, job: Job, now: float) -> None:
        assert job.start is not None
        document = self.store.get(Document, job.document)
        if document is None:
            self.forget(job.document)
            return
        done = (now - job.start) / job.pace if job.pace else 1.0
        if not job.began:
            self._begin(job, document)
        if job.dies:
            document.indexing_status = "splitting"
            self.store.save(document)
            self.forget(job.document)
            return
        if done >= SPLITTING and not job.parsed:
            self._parse(job, document)
        if document.indexing_status == "error":
            self.forget(job.document)
        elif done >= 1:
            self._complete(job, document)
        else:
            document.indexing_status = _phase(done)
        self.store.save(document)

    def _begin(self, job: Job, document: Document) -> None:
        job.began = True
        document.processing_started_at = self._at(job, 0)
        document.parsing_completed_at = document.splitting_completed_at = None
        document.completed_at = None
        self.store.run("DELETE FROM segment WHERE document = ?", document.id)

    def _parse(self, job: Job, document: Document) -> None:
        job.parsed = True
        try:
            found = self._read(document)
            pieces = self._cut(document, found)
        except Exception as error:  # noqa: BLE001  # whatever a damaged file does to its reader
            document.indexing_status, document.error = "error", str(error)
            document.stopped_at = document.updated_at = self._at(job, SPLITTING)
            return
        document.text = found.text
        document.parsing_completed_at = self._at(job, SPLITTING)
        document.splitting_completed_at = self._at(job, INDEXING)
        document.word_count = sum(map(len, pieces))
        document.tokens = sum(map(tokens, pieces)) if self.embedding_model else 0
        for position, content in enumerate(pieces, 1):
            self.store.save(_segment(document, position, content, self._at(job, INDEXING)))

    def _read(self, document: Document) -> Extracted:
        wanted = self.faults.outcome(document.name)
        if wanted is not None and wanted.kind == "index-error":
            raise ExtractError(wanted.text or "An error was asked for.")
        file = self.store.get(File, document.file)
        if file is None or (wanted is not None and wanted.kind == "index-empty"):
            return Extracted("", ())
        suffix = f".{file.extension}" if self.behaviour.upload_path_has_extension else ""
        return extract(
            file.body,
            file.extension,
            shown_path=f"/tmp/standin/upload{suffix}",
            pdf_as_text=self.behaviour.pdf_as_text,
        )

    def _cut(self, document: Document, found: Extracted) -> list[str]:
        rule = self.store.get(Rule, document.rule)
        rules = json.loads(rule.rules) if rule else {}
        custom = rule is not None and rule.mode != "automatic"
        segmentation = rules.get("segmentation") or {}
        limit = int(segmentation.get("max_tokens") or AUTOMATIC_TOKENS)
        if custom and not 50 <= limit <= 4000:
            raise ExtractError("Custom segment length should be between 50 and 4000.")
        if document.doc_form == "hierarchical_model" and not rules.get("parent_mode"):
            return []
        enabled = {r["id"] for r in rules.get("pre_processing_rules") or () if r["enabled"]}
        parts = [
            clean(
                part,
                extra_spaces="remove_extra_spaces" in enabled,
                links="remove_urls_emails" in enabled,
            )
            for part in found.parts
        ]
        separator = str(segmentation.get("separator") or "\n").replace("\\n", "\n")
        return split(parts, max_tokens=limit, separator=separator if custom else None)

    def _complete(self, job: Job, document: Document) -> None:
        document.indexing_status, document.error = "completed", None
        document.completed_at = document.updated_at = self._at(job, 1)
        document.latency = job.pace
        self.forget(job.document)

    def _at(self, job: Job, done: float) -> int:
        assert job.start is not None
        return int(self.epoch() - self.clock() + job.start + done * job.pace)

    def completed_segments(self, document: Document) -> tuple[int, int]:
        """How many segments of a document are searchable, and how many it has."""
        total = self.store.count("segment", "document = ?", document.id)
        if document.indexing_status == "completed":
            return total, total
        job = next((job for job in self.jobs if job.document == document.id), None)
        if job is None or job.start is None or not job.pace:
            return 0, total
        part = (self.clock() - job.start) / job.pace
        return max(0, int(total * (part - INDEXING) / (1 - INDEXING))), total


def _phase(done: float) -> str:
    if done < SPLITTING:
        return "parsing"
    return "splitting" if done < INDEXING else "indexing"


def _due(instant: float, now: float, *, by_a_write: bool) -> bool:
    return instant < now if by_a_write else instant <= now


def _segment(document: Document, position: int, content: str, at: int) -> Segment:
    return Segment(
        id=str(uuid.uuid4()),
        document=document.id,
        dataset=document.dataset,
        position=position,
        content=content,
        keywords=json.dumps(keywords(content)),
        node=str(uuid.uuid4()),
        digest=hashlib.sha256(content.encode(errors="replace")).hexdigest(),
        created_at=at,
    )
