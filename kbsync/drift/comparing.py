"""Where a dataset is not as the ledger has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from kbsync.drift.owners import Ours, Owners, Theirs, Unknown
from kbsync.model import Failed, Key, Listed, Record, Remote, State, Want


class Kind(StrEnum):
    """What is not as agreed."""

    MISSING = "missing"
    DISABLED = "disabled"
    ARCHIVED = "archived"
    RENAMED = "renamed"
    ERROR = "error"
    EMPTY = "empty"
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


@dataclass(frozen=True, slots=True)
class Beside:
    """What the ledger has of a dataset.

    `busy` are files on which work is under way or was done while the list was read, `documents`
    all ids that it knows, those on their way out included.
    """

    records: Collection[Record]
    busy: Collection[Key]
    documents: Collection[str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The findings, and what was left alone; `others` counts documents by their source."""

    findings: tuple[Finding, ...]
    others: Mapping[str, int]
    unknown: int
    unmanaged: int


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
    findings: list[Finding] = []
    for record in beside.records:
        if record.key not in beside.busy:
            findings.extend(_judged(record, documents))
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
            case _:
                unmanaged += 1
    return Comparison(tuple(findings), others, unknown, unmanaged)


def _judged(record: Record, documents: Mapping[str, Listed]) -> Iterator[Finding]:
    """How the document that should answer for a file is; one that is out of service is not."""
    settled = record.state in {State.COMPLETED, State.FAILED}
    if record.want is Want.ABSENT or not settled:
        return
    for remote, what in _answering(record):
        for kind, text in _told(record, remote, documents.get(remote.document_id)):
            yield Finding(kind, record.key, remote.document_id, remote.name, f"{what} {text}")


def _answering(record: Record) -> Iterator[tuple[Remote, str]]:
    if record.live is not None:
        yield record.live, "its document"
    for part in record.parts:
        if part.ready:
            what = f"part {part.number} of {part.of}" if part.number else "an older part"
            yield part.remote, what


def _told(record: Record, remote: Remote, listed: Listed | None) -> Iterator[tuple[Kind, str]]:
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
