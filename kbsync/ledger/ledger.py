"""The ledger as a whole: opening it, and starting again where the last process stopped."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from pathlib import Path
from typing import Self

from kbsync.ledger.adopting import Adopting
from kbsync.ledger.approvals import Approvals
from kbsync.ledger.auditing import Auditing
from kbsync.ledger.backup import NEEDS_ADOPTION
from kbsync.ledger.doubting import Doubting
from kbsync.ledger.following import Following
from kbsync.ledger.history import History
from kbsync.ledger.knowing import Knowing
from kbsync.ledger.leftovers import Leftovers
from kbsync.ledger.planning import Planning
from kbsync.ledger.reporting import Reporting
from kbsync.ledger.rows import path_of, stored_parts, stored_path
from kbsync.ledger.sending import Sending
from kbsync.ledger.shelving import Shelving
from kbsync.ledger.store import Store
from kbsync.ledger.table import DROPS_ONLY, HERE, get_row, marks_of, set_row
from kbsync.ledger.watching import Watching
from kbsync.model import Key


class Ledger(
    Planning,
    Knowing,
    Approvals,
    Sending,
    Doubting,
    Shelving,
    Following,
    Watching,
    Leftovers,
    Adopting,
    Auditing,
    History,
    Reporting,
):
    """kbsync's memory, one method a transition, one transaction each; safe for several threads."""

    @classmethod
    def open(cls, path: Path, *, readonly: bool = False) -> Self:
        """Open, and for a writer create, lock and migrate; raises LedgerError, LedgerBusy."""
        return cls(Store(path, "read" if readonly else "work"))

    @classmethod
    def visit(cls, path: Path) -> Self:
        """Open it beside the process that works with it, to leave a wish: `retry`, `approve`.

        Each is one short transaction that SQLite itself keeps apart from the worker's, and that
        the worker notices with `touched`; nothing else may be done here. Raises LedgerError.
        """
        return cls(Store(path, "visit"))

    def touched(self) -> bool:
        """Whether another process has written since this was last asked, or since the opening."""
        return self.store.touched()

    @property
    def mended(self) -> str | None:
        """What was done about damage when it was opened, for people; None when it was sound."""
        return self.store.mended

    def take_mended(self) -> str | None:
        """`mended`, to be told once."""
        mended, self.store.mended = self.store.mended, None
        return mended

    def check(self) -> None:
        """Read all of it; raises LedgerDamaged. Opening it for work does so by itself."""
        self.store.check()

    def back_up_if_due(self, now: float) -> bool:
        """Keep a copy of the ledger beside it, checked and at most a day old; see `Store`."""
        return self.store.back_up_if_due(now)

    def secure(self) -> None:
        """Let everything written so far outlive a power cut, too; see `Store.secure`."""
        self.store.secure()

    def close(self) -> None:
        """Close the file and release the writer's lock."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def publish(self, name: str, value: str) -> None:
        """Set a fact for readers of the ledger."""
        self.store.tell(name, value)

    def revision(self) -> tuple[int, int]:
        """A value that is another one after any change, but for what was published from here."""
        return self.store.revision()

    def published(self, name: str) -> str:
        """A fact that was set, or ""."""
        rows = self.store.rows("SELECT value FROM facts WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else ""

    def hasten(self, folders: Collection[str]) -> None:
        """Make every waiting row due now: a person asked for a run."""
        marks = marks_of(folders)
        with self.store.transaction() as db:
            for table in ("files", "leftovers"):
                condition = "state = 'pending' AND " if table == "files" else ""
                db.execute(
                    f"UPDATE {table} SET not_before = NULL"
                    f" WHERE {condition}folder IN ({marks}) AND not_before IS NOT NULL",
                    tuple(folders),
                )

    def clock_set_back(self, seconds: float) -> None:
        """What waits shall wait for as long as it would have without this."""
        with self.store.transaction() as db:
            for table in ("files", "leftovers"):
                db.execute(
                    f"UPDATE {table} SET not_before = not_before - ? WHERE not_before IS NOT NULL",
                    (seconds,),
                )

    def next_due(self, folders: Collection[str], *, max_indexing: int = 0) -> float | None:
        """When the next waiting row or leftover is due; 0 for at once, None for nothing waiting.

        With `max_indexing` documents being sent or indexed, rows to be sent do not count.
        """
        marks = marks_of(folders)
        drops = DROPS_ONLY if self.is_full(folders, max_indexing) else ""
        rows = self.store.rows(
            "SELECT min(coalesce(not_before, 0)) FROM ("
            " SELECT not_before FROM files INDEXED BY files_pending"
            f" WHERE state = 'pending' AND folder IN ({marks}){drops}"
            f" UNION ALL SELECT not_before FROM leftovers WHERE busy = 0 AND folder IN ({marks}))",
            (*folders, *folders),
        )
        return None if rows[0][0] is None else float(rows[0][0])

    def recover(self) -> int:
        """After a crash or a stop: give back what was being worked on; returns how many rows.

        Intents stay, so that the next claim looks for what the lost call made. After the ledger
        was restored, every folder's dataset is looked at again before something is sent to it.
        """
        with self.store.transaction() as db:
            if db.execute("DELETE FROM facts WHERE name = ?", (NEEDS_ADOPTION,)).rowcount:
                db.execute("UPDATE bindings SET adopted = NULL")
            db.execute("DELETE FROM facts WHERE name GLOB 'refused *'")
            db.execute("UPDATE leftovers SET busy = 0 WHERE busy = 1")
            return db.execute("UPDATE files SET state = 'pending' WHERE state = 'sending'").rowcount

    def retry(self, folder: str, paths: Collection[str] | None, now: float) -> int:
        """Send failed files again, all of the folder's or these; returns how many."""
        wanted = None if paths is None else {stored_path(path) for path in paths}
        with self.store.transaction() as db:
            rows = db.execute(
                "SELECT path FROM files WHERE folder = ? AND state IN ('failed', 'pending')"
                " AND (state = 'failed' OR not_before IS NOT NULL)",
                (folder,),
            ).fetchall()
            due = [path for (path,) in rows if wanted is None or path in wanted]
            for path in due:
                self._forget_coming(db, Key(folder, path_of(path)), now)
            db.executemany(
                "UPDATE files SET state = 'pending', generation = generation + 1, parked = NULL,"
                " again = 0, vanished = 0,"
                " attempts = 0, not_before = NULL, error = NULL, reason = 'retry asked for',"
                f" changed_at = ?, wanted_at = ? WHERE {HERE}",
                [(now, now, folder, path) for path in due],
            )
        return len(due)

    def _forget_coming(self, db: sqlite3.Connection, key: Key, now: float) -> None:
        """Take what failed to be indexed off the row, so that its content is sent anew."""
        record = get_row(db, key)
        if record is not None and record.parts:
            failed = [part for part in record.parts if not part.ready]
            self.retire_parts(db, key, failed, now)
            kept = stored_parts(part for part in record.parts if part.ready)
            set_row(db, key, "parts = ?", kept)
        if record is not None and record.coming is not None:
            self.retire_row(db, key, record.coming, now, keep=[record.live])
            set_row(
                db,
                key,
                "coming_dataset = NULL, coming_document = NULL, coming_name = NULL,"
                " coming_batch = NULL",
            )
