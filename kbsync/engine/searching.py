"""Finding what was synced, and the files that it came from."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest

from kbsync import scan
from kbsync.engine.base import Base, is_version
from kbsync.engine.values import Folder
from kbsync.errors import Denied, FileError
from kbsync.model import (
    Condition,
    Hit,
    Key,
    Problem,
    Record,
    Remote,
    SearchMethod,
    Seen,
    State,
    Version,
)


class Freshness(StrEnum):
    """What a file is now, compared with what the server indexed of it."""

    CURRENT = "unchanged since it was indexed"
    CHANGED = "changed since it was indexed"
    GONE = "no longer there"
    UNKNOWN = "cannot be read now"


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that a document came from; `file` is its path on this machine."""

    key: Key
    file: str
    freshness: Freshness


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage that was found; `origin` is None for a document of somebody else."""

    hit: Hit
    origin: Origin | None


class Searching(Base):
    """Questions to the server whose answers are joined with ledger and disk; change nothing."""

    def search(
        self,
        folders: Sequence[str],
        query: str,
        *,
        limit: int = 5,
        method: SearchMethod | None = None,
        where: Sequence[Condition] = (),
    ) -> list[Passage]:
        """The best passages of these folders' datasets, each dataset asked once.

        Only scores of one dataset can be compared: several take turns. Raises BackendError.
        """
        datasets = dict.fromkeys(
            dataset_id for name in folders for dataset_id in self._searched(self.folders[name])
        )
        found = [
            self.backend.search(dataset_id, query, limit=limit, method=method, where=where)
            for dataset_id in datasets
        ]
        hits = [hit for rank in zip_longest(*found) for hit in rank if hit is not None][:limit]
        origins = self.origins({hit.document_id for hit in hits})
        return [Passage(hit, origins.get(hit.document_id)) for hit in hits]

    def origins(self, document_ids: Collection[str]) -> Mapping[str, Origin]:
        """The file of each document that is ours, and whether it is still what was indexed."""
        return {
            document_id: self._origin(record, document_id)
            for document_id, record in self.ledger.by_document(document_ids).items()
            if record.key.folder in self.folders
        }

    def _searched(self, folder: Folder) -> Collection[str]:
        """The datasets' ids: as the ledger knows them, else the server's word; nothing is made."""
        known = self.ledger.datasets(folder.name)
        if not folder.places.is_one:
            return known.values()
        if folder.dataset in known:
            return [known[folder.dataset]]
        try:
            return [self.backend.dataset(folder.dataset).id]
        except Denied as error:
            raise Denied(f"folder {folder.name!r}: {error}", folder=folder.name) from error

    def _origin(self, record: Record, document_id: str) -> Origin:
        folder = self.folders[record.key.folder]
        remote = next(one for one in record.documents if one.document_id == document_id)
        file = os.path.join(folder.root, record.key.path)  # noqa: PTH118 - any bytes
        return Origin(record.key, file, self._freshness(folder, record, remote))

    def _freshness(self, folder: Folder, record: Record, remote: Remote) -> Freshness:
        """By the stamp where that is enough, else by the content."""
        found = scan.look(folder.root, record.key, folder.filters, max_size=folder.max_size)
        match found:
            case None:
                return Freshness.GONE
            case Problem():
                return Freshness.UNKNOWN
            case Seen() if record.state is State.COMPLETED and found.stamp == record.stamp:
                return Freshness.CURRENT
        try:
            sha256, _ = self.digest(folder, record.key)
        except FileError:
            return Freshness.UNKNOWN
        known = record.version
        if record.parts and known is not None:
            is_newest = sha256 == known.sha256 and remote in record.newest
            return Freshness.CURRENT if is_newest else Freshness.CHANGED
        if known is not None and is_version(remote, known):
            return Freshness.CURRENT if sha256 == known.sha256 else Freshness.CHANGED
        here = Version(sha256, folder.rules.recipe_of(record.key.path))
        return Freshness.CURRENT if is_version(remote, here) else Freshness.CHANGED
