"""Documents that are there already, arranged as the ledger would have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from kbsync import naming
from kbsync.drift.owners import Ours, Owner, Owners, Theirs, Unknown, Unmanaged
from kbsync.model import Indexing, Key, Listed, Ready


@dataclass(frozen=True, slots=True)
class Adoptable:
    """One file's documents: the one that answers, the one to be followed, and those too many.

    Both of the first two may hold the file's content: whichever does not goes when that is known.
    So it is with each of the `parts`.
    """

    key: Key
    live: Listed | None
    coming: Listed | None
    twins: tuple[Listed, ...]
    parts: tuple[Listed, ...] = ()


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a dataset holds, for one folder of ours; `others` counts documents by their source."""

    adoptable: tuple[Adoptable, ...]
    others: Mapping[str, int]
    unknown: int
    unmanaged: int
    namesake: Namesake | None = None


@dataclass(frozen=True, slots=True)
class Namesake:
    """Another instance whose folder of the same name has the files of ours, most of them."""

    instance: str
    documents: int


@dataclass(slots=True)
class _Sorted:
    ours: dict[Key, list[Listed]] = field(default_factory=dict)
    others: Counter[str] = field(default_factory=Counter)
    paths: dict[str, set[str]] = field(default_factory=dict)
    unknown: int = 0
    unmanaged: int = 0


def inventory(
    listed: Iterable[Listed],
    *,
    instance: str,
    folder: str,
    folders: Collection[str],
    on_disk: Collection[Key],
    in_ledger: Iterable[Key],
) -> Inventory:
    """Tell what is ours of a dataset's whole list, and arrange it.

    Args:
        listed: every document of the dataset.
        instance: who we are.
        folder: the folder to adopt for.
        folders: all our folders that fill the dataset.
        on_disk: the files of `folder`.
        in_ledger: the files of `folders` that have rows.
    """
    owners = Owners(instance, folders, [*in_ledger, *on_disk])
    found = _Sorted()
    for one in listed:
        _sort(owners.owner(one), one, found, folder)
    adoptable = [_arranged(key, documents) for key, documents in sorted(found.ours.items())]
    paths = {naming.told_path(key.path) for key in on_disk}
    namesake = None if adoptable else _namesake(found, folder, paths)
    return Inventory(tuple(adoptable), found.others, found.unknown, found.unmanaged, namesake)


def _sort(owner: Owner, one: Listed, into: _Sorted, at: str) -> None:
    match owner:
        case Ours(key=key):
            if key.folder == at:
                into.ours.setdefault(key, []).append(one)
        case Theirs(source=source):
            into.others[source] += 1
            path = one.metadata.get("kbsync_path")
            if isinstance(path, str):
                into.paths.setdefault(source, set()).add(path)
        case Unknown():
            into.unknown += 1
        case Unmanaged():
            into.unmanaged += 1
        case never:
            assert_never(never)


def _arranged(key: Key, documents: Iterable[Listed]) -> Adoptable:
    """The newest that answers is live; the best of the others, of another version, is coming.

    Of each part there is one.
    """
    ranked = sorted(documents, key=_rank, reverse=True)
    parts: dict[str, Listed] = {}
    alone, twins = [], []
    for one in ranked:
        mark = naming.decode(one.name)
        if mark is None or not mark.is_part:
            alone.append(one)
        elif parts.setdefault(mark.version_digest, one) is not one:
            twins.append(one)
    live = next((one for one in alone if isinstance(one.progress, Ready) and one.words != 0), None)
    coming = next((one for one in alone if one is not live and _tells_apart(one, live)), None)
    twins += [one for one in alone if one is not live and one is not coming]
    return Adoptable(key, live, coming, tuple(twins), tuple(parts.values()))


def _rank(one: Listed) -> tuple[bool, bool, float, str]:
    usable = one.enabled and not one.archived
    alive = isinstance(one.progress, Ready | Indexing)
    return usable, alive, one.created_at or 0.0, one.document_id


def _tells_apart(one: Listed, live: Listed | None) -> bool:
    if live is None:
        return True
    mark, other = naming.decode(one.name), naming.decode(live.name)
    versions = {found.version_digest for found in (mark, other) if found is not None}
    return len(versions) > 1 and one.enabled and not one.archived


def _namesake(found: _Sorted, folder: str, paths: Collection[str]) -> Namesake | None:
    """Half of its files are here, too: a renamed host rather than another one's folder."""
    for source, count in found.others.most_common():
        instance, _, name = source.rpartition("/")
        theirs = found.paths.get(source, set())
        if name == folder and theirs and 2 * len(theirs & set(paths)) >= len(theirs):
            return Namesake(instance, count)
    return None
