"""A ledger that is damaged, lost or not one: what is refused, set aside, and gone on from."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from kbsync.errors import LedgerDamaged, LedgerError
from kbsync.ledger import Ledger
from kbsync.model import Key, Put, Seen, Stamp, State

DAY = 86_400.0
FEW, MANY = 300, 30_000


def fill(ledger: Ledger, count: int, first: int = 0) -> None:
    """Rows of so many files, each completed."""
    stamps = [Stamp(number, number, number, number, 1) for number in range(first, first + count)]
    keys = [Key("docs", f"some/directory/file number {stamp.size}.md") for stamp in stamps]
    ledger.observe(
        [Put(Seen(key, stamp), "new") for key, stamp in zip(keys, stamps, strict=True)], 1.0
    )


def files_in(ledger: Ledger) -> int:
    return ledger.counts("docs")[State.PENDING]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed ledger of a few files with a backup that is one file younger in the ledger."""
    path = tmp_path / "ledger.db"
    with Ledger.open(path) as ledger:
        fill(ledger, FEW)
        assert ledger.back_up_if_due(1.0)
        fill(ledger, 1, first=FEW)
    return path


def overwrite_middle(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 3)
        file.write(b"\xff" * 8192)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def zero_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(100))


def noise_for_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\x5a\xa5" * 20)


def noise_in_the_schema(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b"CREATE TABLE files", b"CREATE \x9eABLE files"))


def empty(path: Path) -> None:
    os.truncate(path, 0)


def asides(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.glob("ledger.db.damaged-*"))


@pytest.mark.parametrize(
    "harm",
    [
        overwrite_middle,
        truncate,
        zero_header,
        noise_for_header,
        noise_in_the_schema,
        empty,
        Path.unlink,
    ],
)
def test_restored_from_its_backup(path: Path, harm: Callable[[Path], object]) -> None:
    """A damaged or lost ledger is kept under another name, and the backup takes its place."""
    harm(path)
    harmed = path.read_bytes() if path.exists() else None
    with Ledger.open(path) as ledger:
        assert files_in(ledger) == FEW
        assert ledger.published("needs_adoption") == "restored"
        assert "restored from the backup of" in (ledger.mended or "")
    kept = asides(path)
    assert [(path.parent / name).read_bytes() for name in kept] == ([harmed] if harmed else [b""])[
        : len(kept)
    ]
    assert bool(kept) == (harm is not Path.unlink)
    with Ledger.open(path) as ledger:
        assert ledger.mended is None
        assert files_in(ledger) == FEW


def test_a_damaged_backup_is_passed_over(path: Path) -> None:
    """The older copy is used when the newer one is damaged, and none when both are."""
    with Ledger.open(path) as ledger:
        assert ledger.back_up_if_due(9 * DAY)
        assert ledger.back_up_if_due(9e12)
    overwrite_middle(path)
    overwrite_middle(path.with_name("ledger.db.backup"))
    with Ledger.open(path) as ledger:
        assert files_in(ledger) == FEW + 1
    overwrite_middle(path)
    truncate(path.with_name("ledger.db.backup.older"))
    with Ledger.open(path) as ledger:
        assert files_in(ledger) == 0
        assert "no sound backup; a new one is begun" in (ledger.mended or "")
    assert len([name for name in asides(path) if not name.endswith(("-wal", "-shm"))]) == 2


def test_somebody_elses_file_is_not_touched(tmp_path: Path) -> None:
    """A text file in the ledger's place is refused by name and stays, backup or not."""
    path = tmp_path / "ledger.db"
    path.write_text("my notes about birds\n" * 500)
    for _ in range(2):
        with pytest.raises(LedgerError, match=r"not a kbsync ledger; not touched") as caught:
            Ledger.open(path)
        assert not isinstance(caught.value, LedgerDamaged)
        assert path.read_text().startswith("my notes about birds")
        with Ledger.open(tmp_path / "other.db") as other:
            other.back_up_if_due(1.0)
        shutil.copy(tmp_path / "other.db.backup", tmp_path / "ledger.db.backup")
    assert asides(path) == []


def test_a_missing_write_ahead_log(path: Path) -> None:
    """Without its -wal the ledger is what it was at the last checkpoint, and sound."""
    ledger = Ledger.open(path)
    fill(ledger, 10, first=1000)
    copy = path.with_name("copied.db")
    shutil.copy(path, copy)
    ledger.close()
    with Ledger.open(copy) as older:
        assert files_in(older) == FEW + 1
        assert older.mended is None


def test_a_reader_says_what_will_happen(path: Path) -> None:
    """A reader of a damaged or lost ledger changes nothing and names the way out."""
    zero_header(path)
    with pytest.raises(LedgerDamaged, match=r"reconcile.*sets it aside and goes on from its"):
        Ledger.open(path, readonly=True)
    path.unlink()
    with pytest.raises(LedgerError, match=r"the file is gone; .* goes on from its backup"):
        Ledger.open(path, readonly=True)
    assert not path.exists()


def test_damage_while_it_is_open(tmp_path: Path) -> None:
    """Damage that is met in the middle of the work is told as such, and not copied as a backup."""
    path = tmp_path / "ledger.db"
    with Ledger.open(path) as ledger:
        fill(ledger, MANY)
        ledger.back_up_if_due(1.0)
        before = path.with_name("ledger.db.backup").read_bytes()
        ledger.store.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        ledger.store.rows("PRAGMA shrink_memory")
        overwrite_middle(path)
        with pytest.raises(LedgerDamaged, match="damaged"):
            ledger.back_up_if_due(9e12)
        with pytest.raises(LedgerDamaged, match="damaged"):
            ledger.everything("docs")
        assert path.with_name("ledger.db.backup").read_bytes() == before
        assert not path.with_name("ledger.db.backup.new").exists()


def test_when_a_backup_is_due(path: Path) -> None:
    """A copy is made when there is none, after a day, after many changes, and not otherwise."""
    backup = path.with_name("ledger.db.backup")
    made = backup.stat().st_mtime
    with Ledger.open(path) as ledger:
        assert not ledger.back_up_if_due(made + DAY - 1)
        assert ledger.back_up_if_due(made + DAY + 1)
        made = backup.stat().st_mtime
        fill(ledger, 1_001, first=2000)
        assert ledger.back_up_if_due(made + 1)
        assert not ledger.back_up_if_due(made + 1)
        assert ledger.back_up_if_due(made - 100)  # the clock was set back: its age is not known
    for file in (backup, backup.with_name("ledger.db.backup.older")):
        assert file.stat().st_mode & 0o777 == 0o600
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as db:
            assert db.execute("SELECT count(*) FROM files").fetchone()[0] > FEW
    assert not list(path.parent.glob("*.backup*-wal"))


def test_a_text_that_is_not_utf8(path: Path) -> None:
    """What SQLite's check does not look into is named when it is met, with the way out."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE files SET reason = CAST(x'9e' AS TEXT) WHERE size = 1")
    with Ledger.open(path) as ledger, pytest.raises(LedgerError, match="move the file away"):
        ledger.store.rows("SELECT reason FROM files")
    path.unlink()
    with Ledger.open(path) as ledger:
        assert ledger.mended is not None
        assert files_in(ledger) == FEW


def test_a_directory(tmp_path: Path) -> None:
    """A directory where a ledger should be is named as what it is."""
    with pytest.raises(LedgerError, match="this is a directory; set `ledger` to a file in it"):
        Ledger.open(tmp_path)
    with pytest.raises(LedgerError, match="this is a directory"):
        Ledger.open(tmp_path, readonly=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use every file")
def test_somebody_elses_permissions(path: Path) -> None:
    """A ledger that this user may not use says so, and who may."""
    path.chmod(0)
    with pytest.raises(LedgerError, match="run kbsync as the user whose ledger it is"):
        Ledger.open(path)
