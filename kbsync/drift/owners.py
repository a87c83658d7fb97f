"""Whose document a listed one is: by the mark in its name, and by what its metadata say."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from kbsync import naming
from kbsync.model import Key, Listed


@dataclass(frozen=True, slots=True)
class Ours:
    """A document of one of our files, which need not be there any more."""

    key: Key


@dataclass(frozen=True, slots=True)
class Theirs:
    """A document of another kbsync, or of a folder that is not ours here; `source` names it."""

    source: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A document of some kbsync; nothing tells of which: left alone."""


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """A document that no kbsync made: left alone."""


Owner = Ours | Theirs | Unknown | Unmanaged


class Owners:
    """Tells documents of one dataset apart.

    Args:
        instance: who we are.
        folders: the folders that fill this dataset, as far as they are ours.
        keys: files that are known of these folders, on disk or in the ledger.
    """

    def __init__(self, instance: str, folders: Collection[str], keys: Iterable[Key]) -> None:
        self._instance = instance
        self._folders = frozenset(folders)
        self._by_digest: dict[str, Key] = {}
        self._by_path: dict[Key, Key] = {}
        for key in keys:
            self._by_digest[naming.key_digest(instance, key)] = key
            self._by_path[Key(key.folder, naming.told_path(key.path))] = key

    def owner(self, listed: Listed) -> Owner:
        """Whose it is.

        A document keeps its name when its file is renamed, and its metadata say the new path: so
        these go first. Without them, the digest in its name must be that of a file we know.
        """
        mark = naming.decode(listed.name)
        if mark is None:
            return Unmanaged()
        named = self._by_digest.get(mark.key_digest)
        source, path = listed.metadata.get("kbsync_source"), listed.metadata.get("kbsync_path")
        if not isinstance(source, str) or not source:
            return Unknown() if named is None else Ours(named)
        instance, _, folder = source.rpartition("/")
        if instance != self._instance or folder not in self._folders:
            return Theirs(source)
        if not isinstance(path, str) or not path:
            return Unknown() if named is None else Ours(named)
        told = Key(folder, path)
        if named is not None and Key(named.folder, naming.told_path(named.path)) == told:
            return Ours(named)
        return Ours(self._by_path.get(told, told))
