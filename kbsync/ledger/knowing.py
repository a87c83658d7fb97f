"""What a walk compares the disk with: every row of a folder, in the order of the paths."""

from __future__ import annotations

import heapq
import operator
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kbsync.ledger.rows import path_of, stamp_of, stored_path
from kbsync.ledger.table import Table

#: Under which recipe the row's stamp settles its file: "" for any, NULL for none.
_SETTLED = (
    "iif(want = 'present' AND mtime_ns IS NOT NULL"
    " AND state IN ('completed', 'indexing', 'pending', 'sending', 'failed'),"
    " iif(recipe IS NULL AND state = 'pending', '', recipe), NULL)"
)
_ROW = f"SELECT path, {_SETTLED}, size, mtime_ns, ctime_ns, inode, device FROM files"
_PAGE = 1_000

#: A path, and the five numbers of a stamp, which are equal to the Stamp itself, or None.
Known = tuple[str, tuple[int, ...] | None]


class Knowing(Table):
    """Read-only, and in little memory however large the folder is."""

    def known(
        self, folder: str, recipe_of: Callable[[str], str] | None, below: str = ""
    ) -> Iterator[Known]:
        """All rows in the order of their paths: the stamp where an equal one on disk settles it.

        A row is settled only under the recipe for its path; with `recipe_of` None, none is. Rows
        are read page by page as they are asked for; each is told once, as it is at that time.
        """
        raw = os.fsencode(below)
        bounds = (folder, raw + b"/", raw + b"0") if below else (folder, b"")  # "0" follows "/"
        end = " AND path < ?" if below else ""
        bytes_of_the_disk = self.store.rows(f"{_ROW} WHERE folder = ? AND path > ?{end}", bounds)
        told = _told(self._pages(folder, below), recipe_of)
        if not bytes_of_the_disk:
            return told
        # Bytes do not sort as the text does that stands for them.
        decoded = ((path_of(row[0]), *row[1:]) for row in bytes_of_the_disk)
        others = sorted(_told(decoded, recipe_of))
        return heapq.merge(told, others, key=operator.itemgetter(0))

    def _pages(self, folder: str, below: str) -> Iterator[tuple[Any, ...]]:
        """The rows whose paths are kept as text, which sorts before bytes."""
        if isinstance(stored_path(below), bytes):
            return
        last, end = (f"{below}/", f"{below}0") if below else ("", b"")
        page = [(last,)]
        while page:
            page = self.store.rows(
                f"{_ROW} WHERE folder = ? AND path > ? AND path < ? ORDER BY path LIMIT {_PAGE}",
                (folder, page[-1][0], end),
            )
            yield from page


def _told(
    rows: Iterable[tuple[Any, ...]], recipe_of: Callable[[str], str] | None
) -> Iterator[Known]:
    for row in rows:
        path, recipe = row[0], row[1]
        if recipe is None or recipe_of is None or (recipe and recipe != recipe_of(path)):
            yield path, None
        elif row[5] < 0 or row[6] < 0:
            yield path, stamp_of(row[2:])
        else:
            yield path, row[2:]
