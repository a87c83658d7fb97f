"""The ledger's schema, migration by migration."""

from __future__ import annotations

import hashlib
from contextlib import closing

import pytest
from sqlite_utils import Database

from kbsync.ledger.schema import migrations
from kbsync.ledger.store import MIGRATIONS

#: What the tables and views are after each migration, as a digest. A migration that ledgers have
#: been through is never changed: a new one is appended, here as well.
SCHEMAS = {
    "first_tables": "1f06fd1ea726",
    "index_leftovers": "170cac0ed7b8",
    "approvals": "d7f65b51c989",
    "shelved_documents": "e651bdb17c01",
    "progress_of_indexing": "60e19c4f1eec",
    "adoption": "8efc41b45629",
    "findings": "f129438af9e0",
    "declined_documents": "65fa1455baa9",
    "history": "0a6fe3b43c27",
    "moves": "bd2cbd2f2f08",
    "rows_in_flight": "4909fa2aa32d",
    "kinds": "8697ed3e4fb8",
    "parts": "9cc40ff00090",
    "vanished_documents": "60322d8f459f",
    "bindings": "f7159a5c902f",
    "tallies": "956f4ff77142",
    "measures": "fd79f4d08b0c",
    "undescribed_in_order": "4deb36db5dca",
    "without_rare_names": "366f284d1150",
}


def schema_after(name: str) -> str:
    """The digest of the schema that a ledger has which went as far as this migration."""
    place = MIGRATIONS.index(name) + 1
    after = MIGRATIONS[place] if place < len(MIGRATIONS) else None
    with closing(Database(memory=True)) as database:
        migrations.apply(database, stop_before=after)
        told = database.execute(
            "SELECT type, name, sql FROM sqlite_master"
            " WHERE name NOT LIKE '%sqlite_%' ORDER BY 1, 2"
        ).fetchall()
    return hashlib.sha256(repr(told).encode()).hexdigest()[:12]


@pytest.mark.parametrize("name", MIGRATIONS)
def test_a_migration_stays_as_it_is(name: str) -> None:
    """The schema that each migration leads to is the one that it has always led to."""
    assert schema_after(name) == SCHEMAS.get(name), (
        f"if {name!r} is new, put its digest into SCHEMAS; else append a migration instead"
    )
