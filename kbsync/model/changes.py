"""What a plan is: the differences between a folder and the ledger, and what is held back."""

from __future__ import annotations

from dataclasses import dataclass

from kbsync.model.files import Key, Seen, Skipped


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
