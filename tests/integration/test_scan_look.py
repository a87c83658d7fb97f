"""Looking at one path: as the walk would show it, through no link."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbsync import scan
from kbsync.filters import Filters
from kbsync.model import SERVER_TYPES, Key, Problem, Seen, Skipped
from tests.integration.scanning import ALL, denied, public_directory, walked


def look(root: Path, path: str, filters: Filters = ALL) -> Seen | Skipped | Problem | None:
    return scan.look(root, Key("f", path), filters, max_size=100)


def test_like_the_walk(tmp_path: Path) -> None:
    """Whatever a walk shows, a look at its path shows the same."""
    (tmp_path / "a/b").mkdir(parents=True)
    for name in ("a.md", "a/b/c.md", "a/b/x.pptx", "a/README"):
        (tmp_path / name).write_text("x")
    (tmp_path / "a/empty.md").touch()
    (tmp_path / "a/large.md").write_bytes(b"x" * 101)
    (tmp_path / "a/link.md").symlink_to("b/c.md")
    os.mkfifo(tmp_path / "a/fifo.md")
    (tmp_path / os.fsdecode(b"a/caf\xe9.md")).write_text("x")

    items = walked(tmp_path, max_size=100)

    assert len(items) == 9
    for item in items:
        assert not isinstance(item, Problem)
        assert look(tmp_path, item.key.path) == item


@pytest.mark.parametrize(
    "path",
    [
        *("gone.md", "gone/x.md", "a/gone.md", "a", "a/x.md/y.md"),
        *("drafts/x.md", "~$x.md", "../outside.md", "a/../a/x.md", "a//x.md", "./a/x.md", ""),
    ],
)
def test_nothing(tmp_path: Path, path: str) -> None:
    """There is nothing to see where no file is, where it is excluded, or outside the folder."""
    root = tmp_path / "root"
    for name in ("a", "drafts"):
        (root / name).mkdir(parents=True)
        (root / name / "x.md").write_text("x")
    (root / "~$x.md").write_text("x")
    (tmp_path / "outside.md").write_text("x")

    assert look(root, path, Filters([], ["drafts/"], SERVER_TYPES)) is None


def test_behind_a_link(tmp_path: Path) -> None:
    """A path through a link is told so, whether or not it leads somewhere."""
    (tmp_path / "root/real").mkdir(parents=True)
    (tmp_path / "secret.md").write_text("x")
    (tmp_path / "root/real/up").symlink_to(tmp_path)

    for name in ("secret.md", "gone.md"):
        found = look(tmp_path / "root", f"real/up/{name}")

        assert isinstance(found, Skipped)
        assert found.reason == "below real/up, a symbolic link: kbsync follows none"


def test_missing_root(tmp_path: Path) -> None:
    """A missing root is a problem: no file in it may be taken for absent."""
    found = look(tmp_path / "gone", "x.md")

    assert isinstance(found, Problem)
    assert (found.path, found.is_directory) == ("", True)


@pytest.fixture
def public() -> Iterator[Path]:
    with public_directory() as path:
        (path / "a/b").mkdir(parents=True)
        (path / "a/b/x.md").write_text("x")
        yield path


@pytest.mark.parametrize("path", ["a/b/x.md", "a/b/gone.md"])
def test_unreadable_directory(public: Path, path: str) -> None:
    """A directory on the way that cannot be entered is a problem, not an absence."""
    with denied(public / "a/b") as user:
        found = look(public, path)

    assert found == Problem("f", "a/b", f"permission denied for user {user}", is_directory=True)


def test_unreadable_metadata(public: Path) -> None:
    """A file that cannot be looked at is a problem of its own."""
    with denied(public / "a/b", mode=0o444) as user:
        found = look(public, "a/b/x.md")

    assert found == Problem("f", "a/b/x.md", f"permission denied for user {user}")
