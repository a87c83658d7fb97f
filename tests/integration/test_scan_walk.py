"""Walking real folders: everything that is there, nothing through a link, errors never absences."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbsync import scan
from kbsync.filters import Filters
from kbsync.model import SERVER_TYPES, Key, Problem, Seen, Skipped, Stamp
from tests.integration.scanning import ALL, denied, public_directory, seen_paths, walked


def test_tree(tmp_path: Path) -> None:
    """Every file is seen with its metadata, each directory's in order of their names."""
    for path in ("b.md", "a.md", "z/2.txt", "z/1.txt", "m/n/deep.pdf"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)

    items = walked(tmp_path)

    assert seen_paths(items) == ["a.md", "b.md", "m/n/deep.pdf", "z/1.txt", "z/2.txt"]
    status = (tmp_path / "z/1.txt").stat()
    assert items[3] == Seen(
        Key("f", "z/1.txt"),
        Stamp(7, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev),
    )


def test_empty_folder(tmp_path: Path) -> None:
    """An empty folder is no problem, and has nothing in it."""
    assert walked(tmp_path) == []


@pytest.fixture
def public() -> Iterator[Path]:
    with public_directory() as path:
        yield path


def test_excluded(public: Path) -> None:
    """What is excluded is not told, and an excluded directory is not even opened."""
    (public / ".git").mkdir()
    (public / ".git/a.md").write_text("a")
    (public / "~$a.docx").write_text("a")
    (public / "b.md").write_text("b")

    with denied(public / ".git"):
        items = walked(public)

    assert len(items) == 1
    assert seen_paths(items) == ["b.md"]


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("outside")
    (path / "secret.md").write_text("secret")
    return path


def test_links(tmp_path: Path, outside: Path) -> None:
    """A symbolic link is told and not followed, wherever it leads."""
    (tmp_path / "here").mkdir()
    (tmp_path / "file.md").symlink_to(outside / "secret.md")
    (tmp_path / "directory").symlink_to(outside)
    (tmp_path / "here/loop").symlink_to("..")
    (tmp_path / "dangling.md").symlink_to("nowhere")

    items = walked(tmp_path)

    assert {item.key.path for item in items if isinstance(item, Skipped)} == {
        *("file.md", "directory", "here/loop", "dangling.md"),
    }
    assert {item.reason for item in items if isinstance(item, Skipped)} == {
        "a symbolic link: kbsync follows none"
    }
    assert len(items) == 4


def test_root_behind_link(tmp_path: Path, outside: Path) -> None:
    """The folder itself may be a link: its place is the administrator's choice."""
    (tmp_path / "root").symlink_to(outside)

    assert seen_paths(walked(tmp_path / "root")) == ["secret.md"]


def test_no_files(tmp_path: Path) -> None:
    """A FIFO and a socket are told, and opening them is not tried."""
    os.mkfifo(tmp_path / "fifo.md")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.md"))
        items = walked(tmp_path)

    assert [item.reason for item in items if isinstance(item, Skipped)] == [
        "a FIFO, not a file",
        "a socket, not a file",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_device(tmp_path: Path) -> None:
    """A device is told and not read."""
    os.mknod(tmp_path / "zero.md", 0o020666, os.makedev(1, 5))

    (item,) = walked(tmp_path)

    assert isinstance(item, Skipped)
    assert item.reason == "a character device, not a file"


def test_skipped(tmp_path: Path) -> None:
    """A file that will not be sent is told with the reason."""
    (tmp_path / "1.md").write_text("")
    (tmp_path / "2.md").write_bytes(b"x" * 1001)
    (tmp_path / "3.pptx").write_text("x")
    (tmp_path / "4").write_text("x")
    (tmp_path / "5.md").write_bytes(b"x" * 1000)

    items = walked(tmp_path, filters=Filters([], [], frozenset({"md", "csv"})), max_size=1000)

    assert [item.reason for item in items if isinstance(item, Skipped)] == [
        "an empty file: nothing to index",
        "too large: 1,001 bytes, max_size is 1,000 bytes",
        "type .pptx: the server takes csv, md",
        "no extension: the server takes csv, md",
    ]
    assert seen_paths(items) == ["5.md"]


@pytest.mark.parametrize(
    "name",
    [b"n" * 247 + b".md", b"caf\xe9.md", b"\xff\xfe.md", b"two\nlines.md", b"tab\t.md", b" .md"],
)
def test_names(tmp_path: Path, name: bytes) -> None:
    """Every name that a file can have is seen as it is, byte for byte."""
    (tmp_path / os.fsdecode(name)).write_text("x")

    (path,) = seen_paths(walked(tmp_path))

    assert os.fsencode(path) == name


def test_non_utf8_directory(tmp_path: Path) -> None:
    """A directory whose name is not UTF-8 is walked like any other."""
    (tmp_path / os.fsdecode(b"caf\xe9")).mkdir()
    (tmp_path / os.fsdecode(b"caf\xe9/a.md")).write_text("x")

    assert seen_paths(walked(tmp_path)) == ["caf\udce9/a.md"]


def test_unreadable_directory(public: Path) -> None:
    """A directory that cannot be listed is a problem, and the walk goes on behind it."""
    for name in ("a", "b", "c"):
        (public / name).mkdir()
        (public / name / "x.md").write_text("x")

    with denied(public / "b") as user:
        items = walked(public)

    assert seen_paths(items) == ["a/x.md", "c/x.md"]
    problem = Problem("f", "b", f"permission denied for user {user}", is_directory=True)
    assert [item for item in items if isinstance(item, Problem)] == [problem]


def test_unreadable_metadata(public: Path) -> None:
    """A file that cannot be looked at is a problem of its own, not absent."""
    (public / "listed").mkdir()
    (public / "listed/x.md").write_text("x")

    with denied(public / "listed", mode=0o444) as user:
        items = walked(public)

    assert items == [Problem("f", "listed/x.md", f"permission denied for user {user}")]


def test_unreadable_root(public: Path) -> None:
    """A root that cannot be opened is one problem: all of the folder is unknown."""
    with denied(public) as user:
        items = walked(public)
        identity = scan.identify(public)

    reason = f"{public} cannot be opened: permission denied for user {user}"
    assert items == [Problem("f", "", reason, is_directory=True)]
    assert identity == Problem("", "", reason, is_directory=True)


def test_missing_root(tmp_path: Path) -> None:
    """A root that is not there is a problem, never an empty folder."""
    root = tmp_path / "gone"

    reason = f"{root} does not exist: is a mount missing?"
    assert walked(root) == [Problem("f", "", reason, is_directory=True)]


def test_root_is_a_file(tmp_path: Path) -> None:
    """A root that is a file is a problem."""
    root = tmp_path / "file"
    root.write_text("x")

    reason = f"{root} is not a directory"
    assert walked(root) == [Problem("f", "", reason, is_directory=True)]


def test_identity(tmp_path: Path) -> None:
    """A root is known by its device and inode."""
    status = tmp_path.stat()

    assert scan.identify(tmp_path) == scan.RootIdentity(status.st_dev, status.st_ino)


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A file below 1,000 directories, far beyond the longest path that a system call takes."""
    names = ["level-of-depth"] * 1_000
    (tmp_path / "deep").mkdir()
    descriptor = os.open(tmp_path / "deep", os.O_RDONLY)
    for name in names:
        os.mkdir(name, dir_fd=descriptor)
        below = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(os.open("x.md", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor))
    os.close(os.open("y.md", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor))
    os.close(descriptor)
    yield tmp_path / "deep", "/".join([*names, "x.md"])
    subprocess.run(["rm", "-rf", str(tmp_path / "deep")], check=True)


def test_deep(deep: tuple[Path, str]) -> None:
    """A folder may be nested deeper than paths can be long, with few descriptors open."""
    root, path = deep
    with pytest.raises(OSError, match=os.strerror(errno.ENAMETOOLONG)):
        (root / path).stat()
    open_before = open_descriptors()

    walk = scan.walk(root, "f", ALL, max_size=10)
    item = next(walk)

    assert isinstance(item, Skipped)
    assert item.key.path == path
    assert open_descriptors() - open_before < 200
    assert len(list(walk)) == 1
    assert scan.look(root, item.key, ALL, max_size=10) == item
    assert open_descriptors() == open_before


def test_abandoned(tmp_path: Path) -> None:
    """A walk that is not finished closes what it opened."""
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/x.md").write_text("x")
    open_before = open_descriptors()

    walk = scan.walk(tmp_path, "f", ALL, max_size=10)
    next(walk)
    assert open_descriptors() > open_before
    del walk

    assert open_descriptors() == open_before


def test_many_entries(tmp_path: Path) -> None:
    """A directory with very many files is seen whole."""
    names = [f"{number:05}.md" for number in range(5_000)]
    for name in names:
        (tmp_path / name).write_text("x")

    assert seen_paths(walked(tmp_path)) == names


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the listing's own is always one


def test_server_types(tmp_path: Path) -> None:
    """Every type that the server takes is seen, in upper case too."""
    for extension in SERVER_TYPES:
        (tmp_path / f"x.{extension.upper()}").write_text("x")

    assert len(seen_paths(walked(tmp_path))) == len(SERVER_TYPES)
