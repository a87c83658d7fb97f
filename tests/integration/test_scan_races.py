"""A folder that changes while it is walked: nothing outside is told, nothing moved is absent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kbsync import scan
from kbsync.model import Problem, Seen, Skipped
from tests.integration.scanning import ALL, seen_paths

# A directory is listed at once and its entries are looked at one by one: the walk stands still at
# its first file while a test changes what comes after.


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("outside")
    (path / "secret.md").write_text("secret")
    return path


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Iterator[Seen | Skipped | Problem]]:
    """A walk that has listed the root and told its first file."""
    (tmp_path / "0.md").write_text("first")
    (tmp_path / "1.md").write_text("second")
    (tmp_path / "2").mkdir()
    (tmp_path / "2/x.md").write_text("third")
    walk = scan.walk(tmp_path, "f", ALL, max_size=10**6)
    first = next(walk)
    assert isinstance(first, Seen)
    assert first.key.path == "0.md"
    yield walk
    assert list(walk) == []


def test_file_vanishes(tmp_path: Path, started: Iterator[Seen | Skipped | Problem]) -> None:
    """A file that vanishes during the walk is absent."""
    (tmp_path / "1.md").unlink()

    items = list(started)

    assert len(items) == 1
    assert seen_paths(items) == ["2/x.md"]


def test_directory_vanishes(tmp_path: Path, started: Iterator[Seen | Skipped | Problem]) -> None:
    """A directory that vanishes during the walk is unknown: it may have been moved elsewhere."""
    (tmp_path / "2").rename(tmp_path / "0")

    items = list(started)

    assert seen_paths(items) == ["1.md"]
    assert isinstance(items[1], Problem)
    assert (items[1].path, items[1].is_directory) == ("2", True)


def test_directory_becomes_link(
    tmp_path: Path, outside: Path, started: Iterator[Seen | Skipped | Problem]
) -> None:
    """A directory that is swapped for a link does not lead the walk outside."""
    (tmp_path / "2").rename(tmp_path / "3")
    (tmp_path / "2").symlink_to(outside)

    items = list(started)

    assert seen_paths(items) == ["1.md"]
    assert isinstance(items[1], Problem)
    assert (items[1].path, items[1].is_directory) == ("2", True)


def test_file_becomes_link(
    tmp_path: Path, outside: Path, started: Iterator[Seen | Skipped | Problem]
) -> None:
    """A file that is swapped for a link is told as a link."""
    (tmp_path / "1.md").unlink()
    (tmp_path / "1.md").symlink_to(outside / "secret.md")

    item = next(started)

    assert isinstance(item, Skipped)
    assert item.reason == "a symbolic link: kbsync follows none"
    assert seen_paths(started) == ["2/x.md"]


def test_file_becomes_directory(
    tmp_path: Path, started: Iterator[Seen | Skipped | Problem]
) -> None:
    """A file that is swapped for a directory leaves that directory unknown in this walk."""
    (tmp_path / "1.md").unlink()
    (tmp_path / "1.md").mkdir()

    item = next(started)

    assert isinstance(item, Problem)
    assert (item.path, item.is_directory) == ("1.md", True)
    assert seen_paths(started) == ["2/x.md"]
