"""The ledger's transitions beside the same number of plain SQLite commits, and its size."""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
import statistics
import time
from pathlib import Path
from typing import NamedTuple

from bench.measure import Figure, keep, report
from bench.unchanged import configure, write_ledger
from kbsync import naming
from kbsync.assembly import reading
from kbsync.commands.status_facts import look
from kbsync.config import load
from kbsync.engine.following import DESCRIBE_AT_ONCE
from kbsync.ledger import Ledger
from kbsync.model import Key, Put, Remote, Seen, Stamp, Version

_RECIPE = "0123456789ab"


def run(place: Path, count: int) -> None:
    """Take `count` documents from nothing to completed, each transition its own transaction."""
    taken: dict[str, list[_Taken]] = {"kbsync ledger": [], "plain sqlite3": []}
    size = 0
    for number in range(3):
        ledger, plain = place / f"ledger-{number}.db", place / f"plain-{number}.db"
        taken["kbsync ledger"].append(_transitions(ledger, count))
        taken["plain sqlite3"].append(_plain(plain, count))
        size = ledger.stat().st_size
    figures = [
        Figure(
            name,
            tuple(one.seconds for one in each),
            cpu=statistics.median(one.cpu for one in each),
        )
        for name, each in taken.items()
    ]
    title = f"ledger, {count} documents"
    report(title, figures, ours="kbsync ledger")
    print(f"  {size / count:.0f} bytes a document")
    keep(f"{title}, size", {"bytes_a_document": round(size / count)})


def run_status(place: Path, count: int) -> None:
    """What `kbsync status` asks a ledger of `count` documents, beside a count in plain SQLite."""
    tree = place / "tree"
    tree.mkdir(exist_ok=True)
    settings = load(configure(place, tree))
    if not settings.ledger.exists():
        seen = [_seen(number, "tree") for number in range(count)]
        write_ledger(settings.ledger, seen, lambda _: _RECIPE)
    plain = place / "plain.db"
    if not plain.exists():
        with sqlite3.connect(plain) as db:
            db.execute("CREATE TABLE files (path TEXT PRIMARY KEY, state TEXT) WITHOUT ROWID")
            db.execute("CREATE INDEX files_by_state ON files (state)")
            rows = ((_seen(number).key.path, "completed") for number in range(count))
            db.executemany("INSERT INTO files VALUES (?, ?)", rows)
    seconds: dict[str, list[float]] = {"kbsync status": [], "plain sqlite3": []}
    for _ in range(7):
        started = time.perf_counter()
        with reading(settings) as ledger:
            look(ledger, settings, ["tree"], {}, skipped=False)
        seconds["kbsync status"].append(time.perf_counter() - started)
        started = time.perf_counter()
        db = sqlite3.connect(plain)
        db.execute("SELECT state, count(*) FROM files GROUP BY state").fetchall()
        db.close()
        seconds["plain sqlite3"].append(time.perf_counter() - started)
    figures = [Figure(name, tuple(values)) for name, values in seconds.items()]
    report(f"status, {count} documents, in the process", figures, ours="kbsync status")
    size = settings.ledger.stat().st_size
    print(f"  {size / count:.0f} bytes a document")
    keep(f"ledger, {count} documents, size", {"bytes_a_document": round(size / count)})


class _Taken(NamedTuple):
    """Seconds on the wall and of the processor."""

    seconds: float
    cpu: float

    @classmethod
    def now(cls) -> _Taken:
        return cls(time.perf_counter(), time.process_time())

    def until_now(self) -> _Taken:
        now = self.now()
        return _Taken(now.seconds - self.seconds, now.cpu - self.cpu)


def _transitions(path: Path, count: int) -> _Taken:
    puts = [Put(_seen(number), "new") for number in range(count)]
    with Ledger.open(path) as ledger:
        ledger.observe(puts, 1.0)
        started = _Taken.now()
        for number in itertools.count(1):
            job = ledger.claim(2.0, ["bench"])
            if job is None:
                break
            version = Version(hashlib.sha256(job.key.path.encode()).hexdigest(), _RECIPE)
            name = naming.remote_name(job.key, version, "bench")
            ledger.intend(job, _id("dataset"), name)
            remote = Remote(_id("dataset"), _id(name), name, "20261122210917847869")
            ledger.sent(job, remote, version, job.record.stamp, 3.0)
            ledger.indexed(job.key, remote, 1, 4.0)
            if number % DESCRIBE_AT_ONCE == 0:
                records = ledger.undescribed("bench", DESCRIBE_AT_ONCE)
                ledger.describe(
                    records, [one.document_id for each in records for one in each.newest]
                )
        return started.until_now()


def _plain(path: Path, count: int) -> _Taken:
    """As many commits of one changed row, with the same journal and the same care."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE files (path TEXT PRIMARY KEY, state TEXT, name TEXT) WITHOUT ROWID")
    rows = [(_seen(number).key.path, "pending", "") for number in range(count)]
    with db:
        db.executemany("INSERT INTO files VALUES (?, ?, ?)", rows)
    started = _Taken.now()
    for path_of_row, _, _ in rows:
        for state in ("sending", "intended", "indexing", "completed"):
            db.execute("BEGIN IMMEDIATE")
            db.execute("SELECT * FROM files WHERE path = ?", (path_of_row,)).fetchone()
            db.execute(
                "UPDATE files SET state = ?, name = ? WHERE path = ?",
                (state, f"{path_of_row} [{state}]", path_of_row),
            )
            db.execute("COMMIT")
    taken = started.until_now()
    db.close()
    return taken


def _seen(number: int, folder: str = "bench") -> Seen:
    path = f"department {number // 1000:03}/topic {number // 10:06}/document {number:07}.md"
    return Seen(Key(folder, path), Stamp(4000, 10**18 + number, 10**18, number + 1, 2049))


def _id(of: str) -> str:
    digest = hashlib.sha256(of.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
