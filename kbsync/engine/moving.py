"""Which files only moved: what `moves` asks of the disk and of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice

from kbsync import moves
from kbsync.engine.base import Base, is_version, trusted
from kbsync.engine.values import Folder
from kbsync.errors import FileError
from kbsync.model import Key, Move, Put, Record, Seen, Version
from kbsync.plan import FolderPlan


class Moving(Base):
    """Match what left and what arrived among folders that share a dataset."""

    def moved(
        self, plans: Mapping[str, FolderPlan], records: Mapping[Key, Record]
    ) -> Sequence[Move]:
        """Files that moved, by the plans of these folders; reads the files that may have.

        `records` are the rows of what the plans are about.
        """
        arrived = [
            one
            for name, plan in plans.items()
            for one in self._arrived(self.folders[name], plan, records)
        ]
        left = self._left(plans, records) if arrived else []
        if not left:
            return []
        seen, sha256 = self._hashed(moves.to_hash(left, arrived))
        found = moves.match(left, arrived, sha256)
        return [
            Move(move.old, move.seen if move.edited else seen[move.seen.key], move.edited)
            for move in found
        ]

    def _arrived(
        self, folder: Folder, plan: FolderPlan, records: Mapping[Key, Record]
    ) -> list[moves.Arrived]:
        puts = [change.seen for change in plan.changes if isinstance(change, Put)]
        datasets_of = self._dataset_ids(folder)
        return [
            moves.Arrived(
                seen, record, _content(record), dataset_ids, folder.rules.recipe_of(seen.key.path)
            )
            for seen in puts
            if moves.can_receive(record := records.get(seen.key))
            if (dataset_ids := datasets_of(seen.key.path))
        ]

    def _left(
        self, plans: Mapping[str, FolderPlan], records: Mapping[Key, Record]
    ) -> list[moves.Left]:
        """Rows whose files are gone, or were replaced by others."""
        there = {
            change.seen.key: change.seen
            for plan in plans.values()
            for change in plan.changes
            if isinstance(change, Put)
        }
        gone = {record.key: record for record in self.ledger.leaving(list(self.folders))}
        gone |= {record.key: record for plan in plans.values() for record in plan.missing}
        left = [
            moves.Left(record, _content(record), gone=True)
            for key, record in gone.items()
            if key not in there and moves.can_leave(record)
        ]
        left += [
            moves.Left(record, _content(record), gone=False)
            for key, seen in there.items()
            if (record := records.get(key)) is not None
            and moves.is_replaced(seen, record)
            and moves.can_leave(record)
        ]
        return left

    def _hashed(self, keys: Collection[Key]) -> tuple[dict[Key, Seen], dict[Key, str]]:
        """What could be read of these files: as it was seen while it was read, and its hash."""
        seen: dict[Key, Seen] = {}
        sha256: dict[Key, str] = {}
        for key in sorted(keys):
            folder, started = self.folders[key.folder], self.clock()
            try:
                digest, found = self.digest(folder, key)
            except FileError:
                continue  # no match, so it is sent like any other, and that tells what is wrong
            seen[key] = Seen(key, trusted(found.stamp, started))
            sha256[key] = digest
        return seen, sha256

    def _dataset_ids(self, folder: Folder) -> Callable[[str], frozenset[str]]:
        """Tells the datasets that each file may be in, by its path, as far as the ledger knows."""
        if folder.places.is_one:
            only = self._dataset_id(folder)
            found = frozenset[str]() if only is None else frozenset({only})
            return lambda _: found
        known = self.ledger.datasets(folder.name)

        def of(path: str) -> frozenset[str]:
            row = islice(folder.places.row_of(path), len(known))
            return frozenset(known[name] for name in row if name in known)

        return of

    def _dataset_id(self, folder: Folder) -> str | None:
        """The dataset that a folder's setting means, as far as the ledger knows."""
        others = [other.name for other in self.folders.values() if other.dataset == folder.dataset]
        for name in [folder.name, *others]:
            row = self.ledger.folder(name)
            if row is not None and row.dataset == folder.dataset and row.dataset_id:
                return row.dataset_id
        return None


def _content(record: Record | None) -> Version | None:
    """What the newest document of a row holds, where the row is sure."""
    if record is None or record.version is None:
        return None
    if record.is_whole:
        return record.version
    newest = record.coming or record.live
    return record.version if is_version(newest, record.version) else None
