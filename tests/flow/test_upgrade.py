"""A ledger of every earlier schema opens, and the work goes on from it as if nothing had been."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from kbsync.ledger import Ledger
from kbsync.ledger.schema import migrations

from .place import Place, a_place

NAMES = [migration.name for migration in migrations.pending(Database(memory=True))]


@pytest.mark.parametrize("until", NAMES[1:])
def test_a_ledger_of_an_earlier_schema(tmp_path: Path, until: str) -> None:
    """It knows what was sent: only what changed meanwhile is sent after the upgrade."""
    with a_place(tmp_path) as place:
        place.write("same.md", "a file about newts")
        place.write("sub/edited.md", "a file about toads")
        place.write("gone.md", "a file about voles")
        assert place.kbsync("reconcile").code == 0
        _downgrade(place, until)
        place.write("sub/edited.md", "a file about toads, and about frogs")
        place.write("new.md", "a file about herons")
        (place.root / "gone.md").unlink()
        place.calls()
        said = place.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        assert place.calls()["create"] == 2
        place.equal()
        assert place.kbsync("status", "--json").json["folders"][0]["counts"]["completed"] == 3
        with Ledger.open(place.ledger, readonly=True):
            pass


def _downgrade(place: Place, until: str) -> None:
    """Make the ledger as a kbsync from before this migration would have left it."""
    new, old = place.ledger, place.ledger.with_name("old.db")
    with closing(sqlite3.connect(old)) as connection:
        database = Database(connection)
        migrations.apply(database, stop_before=until)
        connection.execute("ATTACH ? AS newer", (str(new),))
        for table in database.table_names():
            if "sqlite" in table:
                continue
            shared = _columns(connection, "main", table) & _columns(connection, "newer", table)
            names = ", ".join(sorted(shared))
            connection.execute(f"REPLACE INTO {table} ({names}) SELECT {names} FROM newer.{table}")
        connection.commit()
    for file in place.ledger.parent.iterdir():
        if file != old:
            file.unlink()
    old.rename(new)


def _columns(connection: sqlite3.Connection, schema: str, table: str) -> set[str]:
    return {row[1] for row in connection.execute(f"PRAGMA {schema}.table_info({table})")}
