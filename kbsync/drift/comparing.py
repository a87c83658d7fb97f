"""Where a dataset is not as the ledger has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, assert_never

from kbsync.drift.owners import Ours, Owners, Theirs, Unknown, Unmanaged
from kbsync.model import Failed, Key, Listed, Ready, Record, Remote, State, Want


class Kind(StrEnum):
    """What is not as agreed."""

    MISSING = "missing"
    DISABLED = "disabled"
    ARCHIVED = "archived"
    RENAMED = "renamed"
    ERROR = "error"
    EMPTY = "empty"
    EDITED = "edited"
    DOUBLED = "doubled"
    ORPHAN = "orphan"


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference, about one document of ours; `text` is for people."""

    kind: Kind
    key: Key
    document_id: str
    name: str
    text: str


class Measure(NamedTuple):
    """How much is in a document: the characters of its text, and the bytes of its upload."""

    words: int | None
    size: int | None


@dataclass(frozen=True, slots=True)
class Beside:
    """What the ledger has of a dataset.

    `busy` are files on which work is under way or was done while the list was read, `documents`
    all ids that it knows, those on their way out included; `measures` is how much was in a document
    when it was first listed.
    """

    records: Collection[Record]
    busy: Collection[Key]
    documents: Collection[str]
    measures: Mapping[str, Measure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The findings, and what was left alone; `others` counts documents by their source.

    `measures` are those of documents that are in order and had none.
    """

    findings: tuple[Finding, ...]
    others: Mapping[str, int]
    unknown: int
    unmanaged: int
    measures: Mapping[str, Measure] = field(default_factory=dict)


def compare(
    listed: Iterable[Listed], beside: Beside, *, instance: str, folders: Collection[str]
) -> Comparison:
    """Compare a dataset's whole list with the ledger; documents that are not ours never matter.

    Args:
        listed: every document of the dataset.
        beside: what the ledger had after the list was read.
        instance: who we are.
        folders: our folders that fill this dataset.
    """
    documents = {one.document_id: one for one in listed}
    findings, measures = _of_rows(beside, documents)
    rows = {record.key: record for record in beside.records}
    owners = Owners(instance, folders, rows)
    others: Counter[str] = Counter()
    unknown = unmanaged = 0
    for one in documents.values():
        if one.document_id in beside.documents:
            continue
        match owners.owner(one):
            case Ours(key=key):
                if key not in beside.busy:
                    findings.extend(_beyond(key, rows.get(key), one, documents))
            case Theirs(source=source):
                others[source] += 1
            case Unknown():
                unknown += 1
            case Unmanaged():
                unmanaged += 1
            case never:
                assert_never(never)
    return Comparison(tuple(findings), others, unknown, unmanaged, measures)


def _of_rows(
    beside: Beside, documents: Mapping[str, Listed]
) -> tuple[list[Finding], dict[str, Measure]]:
    """What is not as the rows have it, and how much is in documents that are in order."""
    findings: list[Finding] = []
    measures: dict[str, Measure] = {}
    for record in beside.records:
        if record.key not in beside.busy:
            found = list(_judged(record, documents, beside.measures))
            findings += found
            if not found:
                measures.update(_measured(record, documents, beside.measures))
    return findings, measures


def _measured(
    record: Record, documents: Mapping[str, Listed], known: Mapping[str, Measure]
) -> Iterator[tuple[str, Measure]]:
    """How much is in documents of which that is not known yet."""
    if record.state is not State.COMPLETED:
        return
    for remote, _ in _answering(record):
        listed = documents.get(remote.document_id)
        if listed is None or remote.document_id in known:
            continue
        if isinstance(listed.progress, Ready):
            yield remote.document_id, Measure(listed.words, listed.size)


def _judged(
    record: Record, documents: Mapping[str, Listed], measures: Mapping[str, Measure]
) -> Iterator[Finding]:
    """How the document that should answer for a file is; one that is out of service is not."""
    settled = record.state in {State.COMPLETED, State.FAILED}
    if record.want is Want.ABSENT or not settled:
        return
    for remote, what in _answering(record):
        before = measures.get(remote.document_id)
        for kind, text in _told(record, remote, documents.get(remote.document_id), before):
            yield Finding(kind, record.key, remote.document_id, remote.name, f"{what} {text}")


def _answering(record: Record) -> Iterator[tuple[Remote, str]]:
    if record.live is not None:
        yield record.live, "its document"
    for part in record.parts:
        if part.ready:
            what = f"part {part.number} of {part.of}" if part.number else "an older part"
            yield part.remote, what


def _told(
    record: Record, remote: Remote, listed: Listed | None, before: Measure | None
) -> Iterator[tuple[Kind, str]]:
    if listed is None:
        yield Kind.MISSING, "was deleted in Dify"
        return
    if listed.name != remote.name:
        yield Kind.RENAMED, f"was renamed in Dify to {listed.name!r}"
    if listed.archived:
        yield Kind.ARCHIVED, "was archived in Dify"
    if not listed.enabled:
        yield Kind.DISABLED, "was disabled in Dify"
    if record.state is State.FAILED:
        return  # the row tells of what cannot be indexed already
    if listed.words == 0 or listed.segments == 0:
        yield Kind.EMPTY, "has no text any more (0 segments)"
    elif isinstance(listed.progress, Failed):
        yield Kind.ERROR, f"is in error: {listed.progress.reason}"
    elif before is not None and isinstance(listed.progress, Ready):
        yield from _edited(before, Measure(listed.words, listed.size))


def _edited(before: Measure, now: Measure) -> Iterator[tuple[Kind, str]]:
    """Whether there is more or less in it; what a server does not tell says nothing."""
    for was, does, unit in (
        (before.size, now.size, "bytes of its upload"),
        (before.words, now.words, "characters of its text"),
    ):
        if was is not None and does is not None and was != does:
            yield Kind.EDITED, f"was edited in Dify: {was:,} {unit} are {does:,} now"
            return


def _beyond(
    key: Key, record: Record | None, one: Listed, documents: Mapping[str, Listed]
) -> Iterator[Finding]:
    """A document of ours that the ledger does not know."""
    if record is None or not record.answers:
        text = "a document of it is there that the ledger does not know"
        yield Finding(Kind.ORPHAN, key, one.document_id, one.name, text)
    elif any(remote.document_id in documents for remote in record.documents):
        text = "a second document of it is there"
        yield Finding(Kind.DOUBLED, key, one.document_id, one.name, text)
    # Else the one that is known is missing, and will be made anew under a name of its own.
