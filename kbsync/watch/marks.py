"""What a watcher says: something may have changed here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """Something may have changed: a hint, never a truth.

    `path` is relative to the folder's root, "" is the whole folder; a name that is not UTF-8 keeps
    its bytes as surrogate escapes. `deep` is a directory and everything below it, else one file.
    """

    folder: str
    path: str
    deep: bool
