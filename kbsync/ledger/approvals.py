"""Deletions that a person released: written by `kbsync approve`, taken up by the next scan."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kbsync.ledger.rows import path_of, stored_path
from kbsync.ledger.table import Table
from kbsync.model import Record


class Approvals(Table):
    """An approval is of one generation of a row, and good for one whole scan of its folder.

    So a file that comes back, and goes again another day, is asked about again.
    """

    def approve(self, folder: str, shown: Iterable[Record], now: float) -> int:
        """Release the deletions of these rows as they were shown; returns how many still stood."""
        with self.store.transaction() as db:
            return db.executemany(
                "INSERT OR REPLACE INTO approvals (folder, path, generation, approved_at)"
                " SELECT folder, path, generation, ? FROM files"
                " WHERE folder = ? AND path = ? AND generation = ?",
                [
                    (now, folder, stored_path(record.key.path), record.generation)
                    for record in shown
                ],
            ).rowcount

    def approved(self, folder: str) -> frozenset[str]:
        """Paths of the folder whose deletion is released."""
        rows = self.store.rows(
            "SELECT path FROM approvals CROSS JOIN files USING (folder, path, generation)"
            " WHERE folder = ?",
            (folder,),
        )
        return frozenset(path_of(path) for (path,) in rows)

    def folders_with_approvals(self) -> list[str]:
        """Folders for which a scan would do something now that it did not before."""
        return [row[0] for row in self.store.rows("SELECT DISTINCT folder FROM approvals")]

    def end_approvals(self, folder: str, paths: Collection[str]) -> None:
        """These have had their scan, and so have those whose row has moved on since."""
        if folder not in self.folders_with_approvals():
            return
        with self.store.transaction() as db:
            db.executemany(
                "DELETE FROM approvals WHERE folder = ? AND path = ?",
                [(folder, stored_path(path)) for path in paths],
            )
            db.execute(
                "DELETE FROM approvals WHERE folder = ? AND NOT EXISTS (SELECT 1 FROM files"
                " WHERE files.folder = approvals.folder AND files.path = approvals.path"
                " AND files.generation = approvals.generation)",
                (folder,),
            )
