"""What the engine's verbs take and tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kbsync import plan
from kbsync.drift import Finding
from kbsync.fields import Fields
from kbsync.filters import Filters
from kbsync.formats import MARKDOWN, extension_of
from kbsync.model import Key, Problem, Processing
from kbsync.places import Places
from kbsync.recipes import Recipes


@dataclass(frozen=True, slots=True)
class Folder:
    """A configured folder as the engine needs it; `max_size` in bytes.

    `processing` is what its dataset is made with and checked against.
    """

    name: str
    root: str
    places: Places
    filters: Filters
    rules: plan.Rules
    recipes: Recipes
    fields: Fields
    processing: Processing
    max_size: int
    create_dataset: bool = False
    in_place: bool = False
    strip_front_matter: bool = False
    ocr: str = ""

    def strips(self, path: str) -> bool:
        """Whether this file's front matter is not sent."""
        return self.strip_front_matter and extension_of(path) in MARKDOWN

    @property
    def dataset(self) -> str:
        """The dataset, as the setting names it, or what the setting says of several."""
        return self.places.setting

    def largest(self, path: str) -> int:
        """The most bytes that this file may have; what is larger than `max_size` is split."""
        return self.filters.largest(path, self.max_size)


class Happened(StrEnum):
    """What an event tells."""

    SENT = "sent"
    INDEXED = "indexed"
    MOVED = "moved"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    SHELVED = "out of service"
    RETURNED = "back in service"
    FAILED = "failed"
    POSTPONED = "postponed"
    STUCK = "stuck"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    HELD = "held"
    NOTE = "note"
    MENDED = "ledger mended"
    ADOPTED = "adopted"
    DRIFT = "drift"
    RESTORED = "restored"
    TOLD = "told"
    UNTOLD = "not told"


@dataclass(frozen=True, slots=True)
class Event:
    """Something to see for who follows a run; `path` may be a directory or "", `folder` ""."""

    happened: Happened
    folder: str
    path: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """What to look at in a folder: all of it, or these files and all below these directories."""

    name: str
    files: Collection[str] = ()
    below: Collection[str] = ("",)
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Survey:
    """One folder, or with `whole` unset a part of it, looked at: the plan, and what was met.

    `approved` are the paths whose deletion was found released when it was planned.
    """

    folder: Folder
    plan: plan.FolderPlan
    problems: tuple[Problem, ...]
    present: int
    identity: tuple[int, int] | None
    whole: bool = True
    approved: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Planned:
    """One line of a dry run.

    `action` is send, replace, refresh, move, delete, disable, archive, purge, hold, skip or fail.
    """

    action: str
    key: Key
    reason: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll of the indexing status brought."""

    in_flight: int
    completed: int = 0
    failed: int = 0
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Adoption:
    """What was found of a folder in its dataset: `keys` are files that got a document by it.

    `lost` counts documents that the ledger told of and that are not there any more, `others` other
    instances' documents by their source, `unknown` those of some kbsync that cannot be told,
    `unmanaged` those of nobody's; these three are left alone. With `listed` unset, the server
    cannot be asked.
    """

    folder: str
    dataset_id: str
    listed: bool
    keys: tuple[Key, ...] = ()
    twins: int = 0
    lost: int = 0
    others: Mapping[str, int] = field(default_factory=dict)
    unknown: int = 0
    unmanaged: int = 0


@dataclass(frozen=True, slots=True)
class Settled:
    """How an adopted file compares with its document: same, indexing, older, gone or failed."""

    key: Key
    what: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found of a folder; `repaired` is on its way to be right again.

    The counts are those of an `Adoption`. With `listed` unset, the server cannot be asked.
    """

    folder: str
    listed: bool
    findings: tuple[Finding, ...] = ()
    repaired: tuple[Finding, ...] = ()
    others: Mapping[str, int] = field(default_factory=dict)
    unknown: int = 0
    unmanaged: int = 0

    @property
    def left(self) -> int:
        """How many findings are not put right."""
        return len(self.findings) - len(self.repaired)
