"""What a file is: who it is, how the disk shows it, what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

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
class Content:
    """A file's bytes, read once while it was stable, with the hash of exactly these bytes."""

    seen: Seen
    body: bytes
    sha256: str
