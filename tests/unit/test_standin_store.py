"""The stand-in's database file: whose it is, and what a full disk leaves of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from kbsync.standin import StandIn
from kbsync.standin.store import VERSION, UnusableError
from tests.standins import client_of

LINES = "\n\n".join(f"Paragraph {number} tells of turbines at length." for number in range(2000))


def changed(data: Path, sql: str) -> None:
    with closing(sqlite3.connect(data)) as database, database:
        database.execute(sql)


def make_a_newer_one(data: Path) -> None:
    StandIn(data=data).close()
    changed(data, f"PRAGMA user_version = {VERSION + 1}")


def make_another_programs(data: Path) -> None:
    changed(data, "CREATE TABLE files (path TEXT)")


def make_a_damaged_one(data: Path) -> None:
    StandIn(data=data).close()
    whole = data.read_bytes()
    data.write_bytes(whole[:4096] + b"\xff" * 4096 + whole[8192:])


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (make_a_newer_one, "a newer stand-in wrote it"),
        (make_another_programs, "another program's"),
        (make_a_damaged_one, "damaged|malformed"),
    ],
)
def test_what_is_not_for_it_stays_as_it_is(
    tmp_path: Path, make: Callable[[Path], None], told: str
) -> None:
    """A newer stand-in's file, another program's, and a damaged one are refused at the start."""
    data = tmp_path / "standin.db"
    make(data)
    before = data.read_bytes()
    with pytest.raises(sqlite3.DatabaseError, match=told):
        StandIn(data=data)
    assert data.read_bytes() == before
    assert list(tmp_path.iterdir()) == [data]


def test_two_processes_never_share_a_file(tmp_path: Path) -> None:
    """Each would index what the other was given; the file is free again once the first closes."""
    data = tmp_path / "standin.db"
    with closing(StandIn(data=data)) as first:
        dataset = first.create_dataset("Kept")
        with pytest.raises(UnusableError, match="another process has it"):
            StandIn(data=data)
    with closing(StandIn(data=data)) as second:
        assert second.documents(dataset) == []


def test_a_file_from_before_it_was_marked_is_taken(tmp_path: Path) -> None:
    """Its tables tell whose it is."""
    data = tmp_path / "standin.db"
    with closing(StandIn(data=data)) as first:
        dataset = first.create_dataset("Kept")
    changed(data, "PRAGMA application_id = 0")
    changed(data, "PRAGMA user_version = 0")
    with closing(StandIn(data=data)) as second:
        assert second.world.store.count("dataset", "id = ?", dataset) == 1


def test_a_full_disk_is_a_500_and_loses_nothing(tmp_path: Path) -> None:
    """What was due meanwhile is indexed, whole, once there is room."""
    data = tmp_path / "standin.db"
    standin = StandIn(data=data, pace=0)
    dataset = standin.create_dataset("Full")
    with client_of(standin) as http:
        path = f"/datasets/{dataset}/document/create-by-text"
        text = {"indexing_technique": "economy", "name": "a", "text": LINES}
        assert http.post(path, json=text).status_code == 200
        [[pages]] = standin.world.store.run("PRAGMA page_count")
        standin.world.store.run(f"PRAGMA max_page_count = {pages}")
        assert http.get(f"/datasets/{dataset}/documents").status_code == 500
        assert http.post(path, json=text | {"name": "b"}).status_code == 500
        standin.world.store.run("PRAGMA max_page_count = 4294967294")
        [row] = http.get(f"/datasets/{dataset}/documents").json()["data"]
        [document] = standin.documents(dataset)
    assert (row["name"], row["indexing_status"], document.text) == ("a", "completed", LINES)
    assert document.segments > 10
