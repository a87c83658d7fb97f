"""Lists of files for people: by kind, by a part of the name, page by page; and counts over time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from kbsync.ledger.rows import path_of, stored_path
from kbsync.ledger.table import Table
from kbsync.model import Key

#: What a file's row is, in one word; `again` waits after a failure, `deleting` and `trash` are of
#: files that are gone. The ledger computes the column, and an index holds it.
KINDS = (
    "failed",
    "again",
    "pending",
    "sending",
    "indexing",
    "deleting",
    "completed",
    "skipped",
    "trash",
)


_ROW = "folder, path, kind, size, error, attempts, not_before, changed_at, segments"


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One row of a list; times in seconds since the epoch, `size` in bytes."""

    key: Key
    kind: str
    size: int | None
    error: str | None
    attempts: int
    not_before: float | None
    changed_at: float
    segments: int | None


@dataclass(frozen=True, slots=True)
class Complaint:
    """A reason that keeps files of a folder out, and how many; `next_try` is the soonest's.

    With `final` unset they wait for another try.
    """

    folder: str
    final: bool
    reason: str
    count: int
    example: str
    next_try: float | None


@dataclass(frozen=True, slots=True)
class Bucket:
    """What happened of one kind in a time from `at` on; `mean` and `most` are seconds of lag."""

    at: float
    happened: str
    count: int
    mean: float | None
    most: float | None


class Listing(Table):
    """Read-only, and quick with a hundred thousand rows."""

    def tallies(self) -> dict[str, dict[str, int]]:
        """Rows by folder and kind; kinds without a row are left out."""
        counted: dict[str, dict[str, int]] = {}
        for folder, kind, count in self.store.rows(
            "SELECT folder, kind, count FROM tallies WHERE count > 0"
        ):
            counted.setdefault(folder, {})[kind] = count
        return counted

    def kinds_of(self, folder: str) -> dict[str, int]:
        """A folder's rows by kind; kinds without a row are left out."""
        rows = self.store.rows(
            "SELECT kind, count FROM tallies WHERE folder = ? AND count > 0", (folder,)
        )
        return dict(rows)

    def files(
        self,
        limit: int,
        *,
        folders: Collection[str] = (),
        kinds: Collection[str] = (),
        search: str = "",
        reason: str | None = None,
        after: Key | None = None,
    ) -> list[ListedFile]:
        """Up to `limit` files in the order of folder and path, from behind `after` on.

        `folders` are those that count; without any, all that have files do.
        `search` is a part of the path, in either case (of ASCII letters); `reason` what failed.
        """
        found: list[ListedFile] = []
        for name in sorted(folders) or self._folders():
            if after is not None and name < after.folder:
                continue
            behind = after.path if after is not None and name == after.folder else None
            left = limit - len(found)
            found += self._in(name, left, kinds, search, reason, behind) if left else []
        return found

    def _folders(self) -> list[str]:
        rows = self.store.rows("SELECT DISTINCT folder FROM tallies WHERE count > 0 ORDER BY 1")
        return [row[0] for row in rows]

    def _in(
        self,
        folder: str,
        limit: int,
        kinds: Collection[str],
        search: str,
        reason: str | None,
        behind: str | None,
    ) -> list[ListedFile]:
        """The same of one folder: of each kind the first, by an index that has them in order."""
        conditions, values = ["folder = ?"], list[object]([folder])
        if behind is not None:
            conditions.append("path > ?")
            values.append(stored_path(behind))
        if search:
            conditions.append("CAST(path AS TEXT) LIKE ? ESCAPE '\\'")
            values.append(f"%{_literally(search)}%")
        if reason is not None:
            conditions.append("error = ?")
            values.append(reason)
        # The narrow index when something is looked for; the table itself, in its order, else.
        source = "files INDEXED BY files_by_kind" if kinds or search else "files"
        one = (
            f"SELECT * FROM (SELECT path FROM {source} WHERE {' AND '.join(conditions)}"
            f"{' AND kind = ?' if kinds else ''} ORDER BY path LIMIT ?)"
        )
        parts = [[*values, kind, limit] for kind in kinds] or [[*values, limit]]
        rows = self.store.rows(
            f"SELECT {_ROW} FROM files WHERE folder = ?"
            f" AND path IN (SELECT path FROM ({' UNION ALL '.join([one] * len(parts))})"
            " ORDER BY path LIMIT ?) ORDER BY path",
            (folder, *(value for part in parts for value in part), limit),
        )
        return [ListedFile(Key(row[0], path_of(row[1])), *row[2:]) for row in rows]

    def complaints(self, folders: Collection[str], limit: int) -> list[Complaint]:
        """Why files failed, or wait for another try: what keeps most files out comes first."""
        rows = self.store.rows(
            "SELECT folder, kind = 'failed', coalesce(error, ''), count(*), min(path),"
            " min(not_before) FROM files INDEXED BY files_by_kind"
            f" WHERE folder IN ({','.join('?' * len(folders))})"
            " AND kind IN ('failed', 'again', 'deleting')"
            " AND (kind <> 'deleting' OR error IS NOT NULL)"
            " GROUP BY 1, 2, 3 ORDER BY 2 DESC, 4 DESC, 1, 3 LIMIT ?",
            (*folders, limit),
        )
        return [
            Complaint(folder, bool(final), reason, count, path_of(path), next_try)
            for folder, final, reason, count, path, next_try in rows
        ]

    def buckets(self, since: float, width: float) -> list[Bucket]:
        """What happened since then, counted in pieces of `width` seconds."""
        rows = self.store.rows(
            "SELECT CAST((at - ?1) / ?2 AS INTEGER), happened, count(*), avg(seconds), max(seconds)"
            " FROM events WHERE at >= ?1 AND happened IN ('indexed', 'deleted', 'failed')"
            " GROUP BY 1, 2",
            (since, width),
        )
        return [Bucket(since + row[0] * width, *row[1:]) for row in rows]


def _literally(text: str) -> str:
    return "".join(f"\\{one}" if one in "%_\\" else one for one in text)
