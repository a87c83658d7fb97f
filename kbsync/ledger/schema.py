"""Tables and views, as named migrations that are only ever appended to."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

migrations = Migrations("kbsync")


@migrations()
def first_tables(db: Database) -> None:
    """Files, folders, documents that must still go, and facts about the ledger itself."""
    for statement in _FIRST_TABLES:
        db.conn.execute(statement)


@migrations()
def index_leftovers(db: Database) -> None:
    """Find the oldest leftover, and those being deleted, without reading all of them."""
    db.conn.execute("CREATE INDEX leftovers_by_age ON leftovers (since)")
    db.conn.execute("CREATE INDEX leftovers_busy ON leftovers (folder, path) WHERE busy = 1")


@migrations()
def approvals(db: Database) -> None:
    """Deletions that a person released and no scan has taken up yet."""
    db.conn.execute(
        "CREATE TABLE approvals (folder TEXT NOT NULL, path ANY NOT NULL,"
        " generation INTEGER NOT NULL, approved_at REAL NOT NULL,"
        " PRIMARY KEY (folder, path)) STRICT, WITHOUT ROWID"
    )


@migrations()
def shelved_documents(db: Database) -> None:
    """Documents of deleted files that are out of service: how, and until when."""
    db.conn.execute("ALTER TABLE files ADD COLUMN shelved TEXT")
    db.conn.execute("ALTER TABLE files ADD COLUMN purge_at REAL")
    db.conn.execute("DROP VIEW summary")
    db.conn.execute(
        "CREATE VIEW summary AS SELECT folder,"
        " iif(want = 'absent' AND state = 'completed', 'out of service', state) AS state,"
        " count(*) AS files, sum(size) AS bytes,"
        " datetime(min(changed_at), 'unixepoch') AS oldest_change_utc"
        " FROM files GROUP BY 1, 2"
    )


@migrations()
def progress_of_indexing(db: Database) -> None:
    """What a document's indexing looked like last and since when, and that it is the second try."""
    db.conn.execute("ALTER TABLE files ADD COLUMN progress TEXT")
    db.conn.execute("ALTER TABLE files ADD COLUMN progress_at REAL")
    db.conn.execute("ALTER TABLE files ADD COLUMN again INTEGER NOT NULL DEFAULT 0")
    db.conn.execute("CREATE INDEX files_again ON files (folder) WHERE again = 1")


@migrations()
def adoption(db: Database) -> None:
    """The dataset whose documents were taken over; another than `dataset_id`: not yet."""
    db.conn.execute("ALTER TABLE folders ADD COLUMN adopted_dataset TEXT")
    db.conn.execute("UPDATE folders SET adopted_dataset = dataset_id")


@migrations()
def findings(db: Database) -> None:
    """Where the last audit found the server not as agreed, and what else it counted (JSON)."""
    db.conn.execute("ALTER TABLE folders ADD COLUMN audited_at REAL")
    db.conn.execute("ALTER TABLE folders ADD COLUMN audit TEXT")
    db.conn.execute("ALTER TABLE files ADD COLUMN resend INTEGER NOT NULL DEFAULT 0")
    db.conn.execute(
        "CREATE TABLE findings (folder TEXT NOT NULL, path ANY NOT NULL, kind TEXT NOT NULL,"
        " document_id TEXT NOT NULL, text TEXT NOT NULL,"
        " PRIMARY KEY (folder, path, kind, document_id)) STRICT, WITHOUT ROWID"
    )


@migrations()
def declined_documents(db: Database) -> None:
    """Content and recipe whose document a person deleted in Dify, and that shall stay so."""
    db.conn.execute("ALTER TABLE files ADD COLUMN declined TEXT")


@migrations()
def history(db: Database) -> None:
    """What happened, event by event and run by run, and since when each file waits."""
    db.conn.execute("ALTER TABLE files ADD COLUMN wanted_at REAL")
    db.conn.execute(
        "CREATE TABLE runs (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, folders TEXT NOT NULL,"
        " started_at REAL NOT NULL, last_at REAL NOT NULL, ended_at REAL,"
        " counts TEXT NOT NULL, result TEXT) STRICT"
    )
    db.conn.execute(
        "CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, run INTEGER,"
        " folder TEXT NOT NULL, path ANY NOT NULL, happened TEXT NOT NULL, text TEXT NOT NULL,"
        " seconds REAL) STRICT"
    )
    db.conn.execute("CREATE INDEX events_of_file ON events (folder, path)")
    db.conn.execute("CREATE INDEX events_by_time ON events (at, happened, seconds)")


@migrations()
def moves(db: Database) -> None:
    """Find rows by their documents' names, and what is to go; know whose deletion was begun."""
    db.conn.execute("ALTER TABLE files ADD COLUMN doomed INTEGER NOT NULL DEFAULT 0")
    db.conn.execute("CREATE INDEX files_absent ON files (folder) WHERE want = 'absent'")
    for kind in ("live", "coming", "intent"):
        db.conn.execute(
            f"CREATE INDEX files_{kind}_name ON files ({kind}_name) WHERE {kind}_name IS NOT NULL"
        )


@migrations()
def rows_in_flight(db: Database) -> None:
    """Count what is being sent without reading all rows."""
    db.conn.execute("CREATE INDEX files_sending ON files (folder, want) WHERE state = 'sending'")


@migrations()
def kinds(db: Database) -> None:
    """What each row is in one word, for lists and counts that read an index only."""
    db.conn.execute(
        "ALTER TABLE files ADD COLUMN kind TEXT GENERATED ALWAYS AS (CASE"
        " WHEN want = 'absent' AND state = 'completed' THEN 'trash'"
        " WHEN want = 'absent' AND state = 'pending' THEN 'deleting'"
        " WHEN state = 'pending' AND error IS NOT NULL THEN 'again'"
        " ELSE state END) VIRTUAL"
    )
    db.conn.execute("CREATE INDEX files_by_kind ON files (folder, kind)")
    db.conn.execute(
        "UPDATE files SET wanted_at = changed_at WHERE state IN ('pending', 'sending', 'indexing')"
    )
    db.conn.execute(
        "CREATE INDEX files_waiting ON files (folder, wanted_at)"
        " WHERE state IN ('pending', 'sending', 'indexing')"
    )


@migrations()
def parts(db: Database) -> None:
    """The documents of files that are too large for one, as JSON; few rows have any."""
    db.conn.execute("ALTER TABLE files ADD COLUMN parts TEXT")
    db.conn.execute("CREATE INDEX files_in_parts ON files (folder) WHERE parts IS NOT NULL")


@migrations()
def vanished_documents(db: Database) -> None:
    """How often a version's document disappeared from the server before it was indexed."""
    db.conn.execute("ALTER TABLE files ADD COLUMN vanished INTEGER NOT NULL DEFAULT 0")


@migrations()
def bindings(db: Database) -> None:
    """The datasets of each folder by their names, and the ids whose documents were taken over."""
    db.conn.execute(
        "CREATE TABLE bindings (folder TEXT NOT NULL, dataset TEXT NOT NULL,"
        " dataset_id TEXT NOT NULL, adopted TEXT, PRIMARY KEY (folder, dataset))"
        " STRICT, WITHOUT ROWID"
    )
    db.conn.execute(
        "INSERT INTO bindings SELECT name, dataset, dataset_id, adopted_dataset FROM folders"
        " WHERE dataset_id IS NOT NULL"
    )


_FIRST_TABLES = (
    """
    CREATE TABLE files (
        folder          TEXT NOT NULL,
        path            ANY NOT NULL,      -- text; the bytes of the disk when they are not UTF-8
        want            TEXT NOT NULL CHECK (want IN ('present', 'absent')),
        state           TEXT NOT NULL CHECK (state IN
                          ('pending', 'sending', 'indexing', 'completed', 'failed', 'skipped')),
        generation      INTEGER NOT NULL,
        size            INTEGER,           -- the stamp; ctime_ns -1: hash the file next time
        mtime_ns        INTEGER,
        ctime_ns        INTEGER,
        inode           INTEGER,
        device          INTEGER,
        sha256          TEXT,
        recipe          TEXT,
        live_dataset    TEXT,              -- the version that answers questions now
        live_document   TEXT,
        live_name       TEXT,
        live_batch      TEXT,
        coming_dataset  TEXT,              -- the version that is being indexed
        coming_document TEXT,
        coming_name     TEXT,
        coming_batch    TEXT,
        intent_dataset  TEXT,              -- a create that was begun and not confirmed
        intent_name     TEXT,
        parked          TEXT,              -- content and recipe that were refused: not sent again
        attempts        INTEGER NOT NULL DEFAULT 0,
        not_before      REAL,              -- seconds since the epoch
        error           TEXT,
        reason          TEXT,              -- why the row was last put to work
        described       INTEGER NOT NULL DEFAULT 0,  -- metadata: 1 set, 0 not yet, -n failed tries
        segments        INTEGER,
        changed_at      REAL NOT NULL,     -- when the state last changed
        PRIMARY KEY (folder, path)
    ) STRICT, WITHOUT ROWID
    """,
    # Puts before drops ('present' > 'absent'), small files first.
    "CREATE INDEX files_pending ON files (want DESC, size) WHERE state = 'pending'",
    "CREATE INDEX files_indexing ON files (folder) WHERE state = 'indexing'",
    """
    CREATE INDEX files_undescribed ON files (folder)
    WHERE described <= 0 AND state IN ('indexing', 'completed')
    """,
    """
    CREATE INDEX files_rare ON files (folder)
    WHERE typeof(path) = 'blob' OR inode < 0 OR device < 0
    """,
    """
    CREATE TABLE folders (
        name         TEXT PRIMARY KEY,
        root         TEXT NOT NULL,
        device       INTEGER,              -- identity of the root at the last complete walk
        inode        INTEGER,
        dataset      TEXT NOT NULL,        -- as the settings name it
        dataset_id   TEXT,                 -- as the server answered
        last_scan    REAL,
        held_rule    TEXT,
        held_count   INTEGER,
        held_reason  TEXT
    ) STRICT
    """,
    """
    CREATE TABLE leftovers (               -- documents of ours that must still be deleted
        document_id  TEXT PRIMARY KEY,
        dataset_id   TEXT NOT NULL,
        name         TEXT NOT NULL,
        folder       TEXT NOT NULL,
        path         ANY NOT NULL,
        since        REAL NOT NULL,
        busy         INTEGER NOT NULL DEFAULT 0,
        attempts     INTEGER NOT NULL DEFAULT 0,
        not_before   REAL,
        error        TEXT
    ) STRICT
    """,
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    """
    CREATE VIEW documents AS
    SELECT folder, CAST(path AS TEXT) AS path, want, state, error, attempts, size, segments,
           live_name, live_document, coming_name, coming_document,
           datetime(changed_at, 'unixepoch') AS changed_utc,
           datetime(not_before, 'unixepoch') AS next_try_utc
    FROM files
    """,
    """
    CREATE VIEW summary AS
    SELECT folder, state, count(*) AS files, sum(size) AS bytes,
           datetime(min(changed_at), 'unixepoch') AS oldest_change_utc
    FROM files GROUP BY folder, state
    """,
)


@migrations()
def tallies(db: Database) -> None:
    """How many rows of each kind a folder has, kept row by row: counting takes ever longer.

    `changes` counts those that came or left, so that equal sums mean that nothing has happened.
    """
    db.conn.execute(
        "CREATE TABLE tallies (folder TEXT NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL,"
        " changes INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (folder, kind)) STRICT, WITHOUT ROWID"
    )
    db.conn.execute(
        "INSERT INTO tallies (folder, kind, count) SELECT folder, kind, count(*) FROM files"
        " GROUP BY folder, kind"
    )
    comes = (
        "INSERT INTO tallies VALUES (NEW.folder, NEW.kind, 1, 1)"
        " ON CONFLICT DO UPDATE SET count = count + 1, changes = changes + 1;"
    )
    goes = (
        "UPDATE tallies SET count = count - 1, changes = changes + 1"
        " WHERE folder = OLD.folder AND kind = OLD.kind;"
    )
    moved = "(OLD.folder, OLD.kind) <> (NEW.folder, NEW.kind)"
    db.conn.execute(f"CREATE TRIGGER files_come AFTER INSERT ON files BEGIN {comes} END")
    db.conn.execute(f"CREATE TRIGGER files_go AFTER DELETE ON files BEGIN {goes} END")
    db.conn.execute(
        f"CREATE TRIGGER files_move AFTER UPDATE ON files WHEN {moved} BEGIN {goes} {comes} END"
    )


@migrations()
def measures(db: Database) -> None:
    """How much an audit found in a document first: another amount later is an edit in Dify."""
    db.conn.execute(
        "CREATE TABLE measures (document_id TEXT NOT NULL PRIMARY KEY, dataset_id TEXT NOT NULL,"
        " words INTEGER, size INTEGER) STRICT, WITHOUT ROWID"
    )


@migrations()
def undescribed_in_order(db: Database) -> None:
    """Find documents without metadata in the order of their tries, without sorting all of them."""
    db.conn.execute("DROP INDEX files_undescribed")
    db.conn.execute(
        "CREATE INDEX files_undescribed ON files (folder, described)"
        " WHERE described <= 0 AND state IN ('indexing', 'completed')"
    )


@migrations()
def without_rare_names(db: Database) -> None:
    """No index of names that are not UTF-8 any more: nothing has asked for them apart for long."""
    db.conn.execute("DROP INDEX files_rare")
