"""What is remembered of a file: a row of the ledger, with its documents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from kbsync.model.documents import Remote
from kbsync.model.files import Key, Stamp, Version


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
