"""Reading a file: exactly the bytes of one moment, or a reason why not."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType

import pytest

from kbsync import scan
from kbsync.errors import FileError
from kbsync.model import Content, Key, Seen, Stamp
from tests.integration.scanning import denied, public_directory, seen_paths, walked

LIMIT = 2 * 10**6


def read(root: Path, path: str = "x.md") -> Content:
    return scan.read(root, Key("f", path), max_size=LIMIT)


def refused(root: Path, path: str = "x.md") -> str:
    """Why a file cannot be read, which must be the same for reading and for hashing."""
    with pytest.raises(FileError) as by_read:
        read(root, path)
    with pytest.raises(FileError) as by_digest:
        scan.digest(root, path, max_size=LIMIT)
    assert str(by_read.value) == str(by_digest.value)
    return str(by_read.value)


@pytest.mark.parametrize("size", [1, 2**10, 2**20 - 1, 2**20, 2**20 + 1, LIMIT])
def test_content(tmp_path: Path, size: int) -> None:
    """A file's bytes come with their own hash and with the stamp that the walk shows."""
    body = os.urandom(size)
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x.md").write_bytes(body)

    content = read(tmp_path, "a/x.md")

    (seen,) = walked(tmp_path, max_size=LIMIT)
    assert isinstance(seen, Seen)
    assert content == Content(seen, body, hashlib.sha256(body).hexdigest())
    assert scan.digest(tmp_path, Key("f", "a/x.md")) == (content.sha256, seen)


def test_digest_of_a_path(tmp_path: Path) -> None:
    """A file may be hashed by its path alone, and without a limit to its size."""
    (tmp_path / "x.md").write_bytes(b"x" * (LIMIT + 1))

    sha256, seen = scan.digest(tmp_path, "x.md")

    assert sha256 == hashlib.sha256(b"x" * (LIMIT + 1)).hexdigest()
    assert seen.key == Key("", "x.md")


def test_every_name(tmp_path: Path) -> None:
    """Whatever the walk sees can be read, whatever its name."""
    for name in (b"n" * 247 + b".md", b"caf\xe9.md", b"two\nlines.md", b"a/\xff.md"):
        path = tmp_path / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name)

    for seen in seen_paths(walked(tmp_path)):
        assert read(tmp_path, seen).body == os.fsencode(seen)


def test_gone(tmp_path: Path) -> None:
    """A file that vanished cannot be read, nor can its directory's files."""
    assert refused(tmp_path) == "it is gone"
    assert refused(tmp_path, "gone/x.md") == "it is gone"


def test_missing_root(tmp_path: Path) -> None:
    """When all of the folder is missing, it is said so: no file is gone by itself."""
    root = tmp_path / "root"

    assert refused(root) == f"{root} does not exist: is a mount missing?"


def test_empty(tmp_path: Path) -> None:
    """A file that became empty is not sent: it may be about to be written."""
    (tmp_path / "x.md").touch()

    assert refused(tmp_path) == "an empty file: nothing to index"


def test_too_large(tmp_path: Path) -> None:
    """A file that grew beyond the limit is not read, however large it is."""
    with (tmp_path / "x.md").open("wb") as file:
        file.truncate(2**40)

    assert refused(tmp_path) == "too large: 1,099,511,627,776 bytes, max_size is 2,000,000 bytes"


def test_fifo(tmp_path: Path) -> None:
    """A FIFO is refused at once, without waiting for a writer."""
    os.mkfifo(tmp_path / "x.md")

    assert refused(tmp_path) == "a FIFO, not a file"


def test_directory(tmp_path: Path) -> None:
    """A directory is refused."""
    (tmp_path / "x.md").mkdir()

    assert refused(tmp_path) == "a directory, not a file"


def test_final_link(tmp_path: Path) -> None:
    """A link is refused even when it leads to a file of the same folder."""
    (tmp_path / "real.md").write_text("x")
    (tmp_path / "x.md").symlink_to("real.md")

    assert refused(tmp_path) == "a symbolic link: kbsync follows none"


def test_directory_swapped_for_link(tmp_path: Path) -> None:
    """A directory that was swapped for a link after the walk does not lead outside."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    for directory, text in ((root / "a/b", "ours"), (outside / "b", "secret")):
        directory.mkdir(parents=True)
        (directory / "x.md").write_text(text)
    (path,) = seen_paths(walked(root))

    (root / "a").rename(tmp_path / "moved")
    (root / "a").symlink_to(outside)

    assert refused(root, path) == "it lies behind a symbolic link: kbsync follows none"


@pytest.mark.parametrize("path", ["../x.md", "a/../../x.md", "a//x.md", "/etc/passwd", ".", ""])
def test_outside(tmp_path: Path, path: str) -> None:
    """A path that is not one below the folder is refused, whoever made it up."""
    (tmp_path / "root/a").mkdir(parents=True)
    (tmp_path / "x.md").write_text("secret")

    assert refused(tmp_path / "root", path) == "not a path below the folder"


def test_unreadable() -> None:
    """A file that may not be read is refused by the name of the user who may not."""
    with public_directory() as root:
        (root / "x.md").write_text("x")
        with denied(root / "x.md") as user:
            assert refused(root) == f"it cannot be read: permission denied for user {user}"


# Files that change while they are read: a profile function runs at the very call that matters.


@contextmanager
def at_each(event: str, function: object, change: Callable[[], None]) -> Iterator[None]:
    def watch(_: FrameType, what: str, called: object) -> None:
        if what == event and called is function:
            change()

    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None)


def before_each_read(change: Callable[[], None]) -> AbstractContextManager[None]:
    return at_each("c_call", os.read, change)


def after_the_look(change: Callable[[], None]) -> AbstractContextManager[None]:
    return at_each("c_return", os.stat, once(change))


def once(change: Callable[[], None]) -> Callable[[], None]:
    left = [change]
    return lambda: left.pop()() if left else None


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """A file whose times lie before the present tick of the file system's clock."""
    path, probe = tmp_path / "x.md", tmp_path / "probe"
    path.write_text("before")
    probe.touch()
    while probe.stat().st_ctime_ns <= path.stat().st_ctime_ns:
        probe.touch()
    return path


def test_edited_once(old_file: Path) -> None:
    """A file that changed while it was read is read again, as it is then."""
    with before_each_read(once(lambda: put(old_file, "after!"))):
        content = read(old_file.parent)

    assert content.body == b"after!"
    assert content.sha256 == hashlib.sha256(b"after!").hexdigest()
    assert content.seen.stamp.mtime_ns == old_file.stat().st_mtime_ns


@pytest.mark.parametrize("take", [read, lambda root: scan.digest(root, "x.md")])
def test_growing(old_file: Path, take: Callable[[Path], object]) -> None:
    """A file that keeps growing while it is read is left for the next run."""
    with (
        before_each_read(lambda: append(old_file)),
        pytest.raises(FileError, match="it changed while it was read: left for the next run"),
    ):
        take(old_file.parent)


def test_shrinking(old_file: Path) -> None:
    """A file that is cut off while it is read is judged by what is left."""
    with before_each_read(once(lambda: put(old_file, ""))), pytest.raises(FileError, match="empty"):
        read(old_file.parent)


def test_replaced(old_file: Path) -> None:
    """A file that is replaced by another while it is read gives the new one's content."""
    new = old_file.with_name("new")
    new.write_text("other!")

    with before_each_read(once(lambda: move(new, old_file))):
        content = read(old_file.parent)

    assert content.body == b"other!"
    assert content.seen.stamp.inode == old_file.stat().st_ino


def test_vanishing(old_file: Path) -> None:
    """A file that is removed while it is read is gone, whatever of it was read."""
    with before_each_read(once(old_file.unlink)), pytest.raises(FileError, match="it is gone"):
        read(old_file.parent)


def test_swapped_for_link(old_file: Path) -> None:
    """A file that becomes a link just before it is opened is not followed."""
    target = old_file.with_name("target.md")
    old_file.rename(target)
    old_file.write_text("x")

    with (
        after_the_look(lambda: swap(old_file, lambda: old_file.symlink_to(target))),
        pytest.raises(FileError, match="it lies behind a symbolic link"),
    ):
        read(old_file.parent)


def test_swapped_for_fifo(old_file: Path) -> None:
    """A file that becomes a FIFO just before it is opened is not waited for."""
    with (
        after_the_look(lambda: swap(old_file, lambda: os.mkfifo(old_file))),
        pytest.raises(FileError, match="a FIFO, not a file"),
    ):
        read(old_file.parent)


def swap(path: Path, make: Callable[[], None]) -> None:
    path.unlink()
    make()


def put(path: Path, text: str) -> None:
    path.write_text(text)


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write("more")


def move(source: Path, target: Path) -> None:
    source.replace(target)


@pytest.mark.parametrize(
    ("mtime", "ctime", "expected"),
    [
        (90, 90, False),
        (90, 97.9, False),
        (90, 98.1, True),
        (98.1, 90, True),
        (100, 100, True),
        (500, 90, True),
    ],
)
def test_racy(mtime: float, ctime: float, expected: bool) -> None:
    """A file that changed within two seconds of its reading, or in the future, is not trusted."""
    stamp = Stamp(1, int(mtime * 1e9), int(ctime * 1e9), 1, 1)

    assert scan.racy(stamp, 100 * 10**9) is expected


def test_nothing_stays_open(tmp_path: Path) -> None:
    """Reading closes what it opened, also when it fails."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x.md").write_text("x")
    before = os.listdir("/proc/self/fd")  # noqa: PTH208

    read(tmp_path, "a/x.md")
    refused(tmp_path, "a/gone.md")
    refused(tmp_path, "a/x.md/y.md")

    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208
