"""The patterns in which people and programs change files, watched by the kernel's own events."""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from kbsync.filters import Filters
from kbsync.model import SERVER_TYPES
from kbsync.mounts import read_mountinfo
from kbsync.watch import Mark, Watch, WatchMode, WatchStatus

FILTERS = Filters((), ("drafts/", "*.bak"), SERVER_TYPES)
DEADLINE = 20.0


class Clock:
    """The real clock, which a test can put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


class Watched:
    """A watch on a root, and everything that it has marked."""

    def __init__(
        self,
        root: Path,
        mode: WatchMode = "auto",
        *,
        filters: Filters = FILTERS,
        on_mark: Callable[[Mark], object] | None = None,
        mountinfo: Callable[[], str] = read_mountinfo,
    ) -> None:
        self.root = root
        self.clock = Clock()
        self._on_mark = on_mark
        self._changed = threading.Condition()
        self._marks: list[Mark] = []
        self._barriers = 0
        self.watch = Watch(
            "f", str(root), filters, mode, self._take, clock=self.clock, mountinfo=mountinfo
        )

    def __enter__(self) -> Self:
        self.watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.watch.stop()

    def _take(self, mark: Mark) -> None:
        if self._on_mark is not None:
            self._on_mark(mark)
        with self._changed:
            self._marks.append(mark)
            self._changed.notify_all()

    def until(self, wanted: Callable[[list[Mark]], bool]) -> None:
        """Wait until the marks are as wanted."""
        with self._changed:
            assert self._changed.wait_for(lambda: wanted(self._marks), DEADLINE), self._marks

    def drain(self) -> list[Mark]:
        """The marks so far, whether or not more are coming."""
        with self._changed:
            marks, self._marks = self._marks, []
        return marks

    def marks(self) -> list[tuple[str, bool]]:
        """All marks of what was done so far: events come in order, the last is one of our own."""
        self._barriers += 1
        last = Mark("f", f"barrier-{self._barriers}.md", deep=False)
        (self.root / last.path).touch()
        self.until(lambda marks: last in marks)
        return [(mark.path, mark.deep) for mark in self.drain() if mark != last]

    def status(self) -> WatchStatus:
        """How it is watched now."""
        return self.watch.status

    def check(self, later: float = 0.0) -> None:
        """Look after it, that many seconds later."""
        self.clock.ahead += later
        self.watch.check()


def files(*paths: str) -> set[tuple[str, bool]]:
    return {(path, False) for path in paths}


def test_what_says_something_of_its_directory(tmp_path: Path) -> None:
    """A new, changed or removed ignore file, marker or cache tag is about all beside it."""
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "drafts").mkdir()
    filters = Filters((), ("drafts/",), SERVER_TYPES, markers=[".nobackup"])
    with Watched(tmp_path, filters=filters) as watched:
        (tmp_path / "a/b/.kbsyncignore").write_text("x\n")
        (tmp_path / "drafts/.kbsyncignore").write_text("x\n")
        assert set(watched.marks()) == {("a/b", True)}
        (tmp_path / "a/b/.kbsyncignore").unlink()
        assert watched.marks() == [("a/b", True)]
        (tmp_path / "a/.nobackup").mkdir()
        assert set(watched.marks()) == {("a", True)}
        (tmp_path / ".new").write_text("Signature: 8a477f597d28d172789f06886806bc55")
        watched.marks()
        (tmp_path / ".new").rename(tmp_path / "CACHEDIR.TAG")
        assert ("", True) in watched.marks()


def trees(*paths: str) -> set[tuple[str, bool]]:
    return {(path, True) for path in paths}


def covered(path: str, marks: list[tuple[str, bool]]) -> bool:
    return any(
        path == marked or (deep and (marked == "" or path.startswith(f"{marked}/")))
        for marked, deep in marks
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a/b/old.md in it."""
    root = tmp_path / "root"
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/old.md").write_text("old")
    return root


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    outside.mkdir()
    return outside


@pytest.fixture
def watched(root: Path) -> Iterator[Watched]:
    with Watched(root) as watched:
        yield watched


# Files.


def test_save_in_place(watched: Watched) -> None:
    """A file that is written is marked, and nothing else."""
    (watched.root / "a/b/old.md").write_text("new")
    assert set(watched.marks()) == files("a/b/old.md")


def test_new_and_deleted_files(watched: Watched) -> None:
    """A new file is marked, and one that is deleted."""
    (watched.root / "a/new.md").write_text("new")
    assert set(watched.marks()) == files("a/new.md")
    (watched.root / "a/new.md").unlink()
    assert set(watched.marks()) == files("a/new.md")


def test_a_file_being_written_is_not_marked_before_it_is_closed(watched: Watched) -> None:
    """A long copy, however long its pauses, is one mark, at its end."""
    with (watched.root / "a/long.md").open("w") as stream:
        for _ in range(3):
            stream.write("more")
            stream.flush()
            assert watched.marks() == []
    assert watched.marks() == [("a/long.md", False)]


def test_atomic_save_with_a_known_temporary_name(watched: Watched) -> None:
    """Written beside and renamed over: the file is marked, the temporary one is not."""
    (watched.root / "a/b/old.md.tmp").write_text("new")
    (watched.root / "a/b/old.md.tmp").rename(watched.root / "a/b/old.md")
    assert watched.marks() == [("a/b/old.md", False)]


def test_atomic_save_with_any_temporary_name(watched: Watched) -> None:
    """A temporary file that could be a document is marked, too: it is gone when it is looked at."""
    (watched.root / "a/b/4913.md").write_text("new")
    (watched.root / "a/b/4913.md").rename(watched.root / "a/b/old.md")
    assert set(watched.marks()) == files("a/b/4913.md", "a/b/old.md")


def test_atomic_save_from_outside(watched: Watched, outside: Path) -> None:
    """A file that is moved in over another is marked."""
    (outside / "x").write_text("new")
    (outside / "x").rename(watched.root / "a/b/old.md")
    assert watched.marks() == [("a/b/old.md", False)]


def test_save_with_a_backup(watched: Watched) -> None:
    """An editor that renames the old file to a backup and writes a new one: only the file."""
    old = watched.root / "a/b/old.md"
    old.rename(watched.root / "a/b/old.md~")
    old.write_text("new")
    (watched.root / "a/b/old.md~").unlink()
    assert set(watched.marks()) == files("a/b/old.md")


def test_renamed_file(watched: Watched) -> None:
    """Both names of a renamed file are marked, also across directories."""
    (watched.root / "a/b/old.md").rename(watched.root / "a/new.md")
    assert set(watched.marks()) == files("a/b/old.md", "a/new.md")


def test_file_moved_out(watched: Watched, outside: Path) -> None:
    """A file that leaves the root is marked, and what happens to it then is not."""
    (watched.root / "a/b/old.md").rename(outside / "old.md")
    (outside / "old.md").write_text("edited outside")
    assert watched.marks() == [("a/b/old.md", False)]


def test_hard_link(watched: Watched, outside: Path) -> None:
    """A name given to a file that exists is marked, though nobody writes or closes it."""
    (outside / "x.md").write_text("x")
    (watched.root / "a/link.md").hardlink_to(outside / "x.md")
    assert watched.marks() == [("a/link.md", False)]


def test_symbolic_link(watched: Watched) -> None:
    """A link is marked as what it is; what lies behind it is watched in its own place only."""
    (watched.root / "a/loop").symlink_to("..")
    assert set(watched.marks()) == files("a/loop")
    (watched.root / "a/loop/a/b/old.md").write_text("through the link")
    assert set(watched.marks()) == files("a/b/old.md")
    assert watched.status().watches == 3


def test_reading_marks_nothing(watched: Watched) -> None:
    """Listing, reading and hashing leave no mark: else each upload would cause the next look."""
    for _ in range(3):
        assert (watched.root / "a/b/old.md").read_text() == "old"
        assert len(list(watched.root.rglob("*"))) >= 3
    assert watched.marks() == []


@pytest.mark.parametrize(
    "name",
    [
        *("~$report.docx", ".~lock.report.odt#", "report.md.part", "film.md.crdownload"),
        *(".old.md.swp", ".#old.md", "._old.md", "old.md~", "x.tmp", "old.bak"),
    ],
)
def test_leftovers_mark_nothing(watched: Watched, name: str) -> None:
    """Lock files, partial downloads and backups are made and removed without a mark."""
    (watched.root / "a" / name).write_text("x")
    (watched.root / "a" / name).unlink()
    assert watched.marks() == []


def test_a_finished_download(watched: Watched) -> None:
    """A download that gets its real name is one mark."""
    (watched.root / "a/x.md.part").write_text("x")
    (watched.root / "a/x.md.part").rename(watched.root / "a/x.md")
    assert watched.marks() == [("a/x.md", False)]


def test_a_name_that_is_not_text(watched: Watched) -> None:
    """A name that is not UTF-8 keeps its bytes."""
    Path(os.fsdecode(os.fsencode(watched.root) + b"/a/caf\xe9.md")).write_text("x")
    assert watched.marks() == [("a/caf\udce9.md", False)]


# Directories.


def test_files_made_right_after_their_directory(watched: Watched) -> None:
    """300 new directories with a file each, made as fast as can be: every file is covered."""
    for number in range(300):
        (watched.root / f"new{number}").mkdir()
        (watched.root / f"new{number}/x.md").write_text("x")
    marks = watched.marks()
    assert all(covered(f"new{number}/x.md", marks) for number in range(300))
    for number in range(300):
        (watched.root / f"new{number}/x.md").write_text("later")
    assert {(f"new{number}/x.md", False) for number in range(300)} <= set(watched.marks())


def test_a_deep_path_made_at_once(watched: Watched) -> None:
    """Every directory of a path that appears at once is watched from then on."""
    deep = watched.root / "/".join("abcdefghijklmnop")
    deep.mkdir(parents=True)
    assert covered("/".join("abcdefghijklmnop") + "/x.md", watched.marks())
    (deep / "x.md").write_text("x")
    assert set(watched.marks()) == files("/".join("abcdefghijklmnop") + "/x.md")


def test_moved_in_directory(watched: Watched, outside: Path) -> None:
    """A directory that is moved in is one deep mark, and then watched with all below it."""
    (outside / "in/sub").mkdir(parents=True)
    (outside / "in/sub/edit.md").write_text("x")
    (outside / "in/sub/delete.md").write_text("x")
    (outside / "in").rename(watched.root / "a/in")
    assert set(watched.marks()) == trees("a/in")
    (watched.root / "a/in/sub/edit.md").write_text("edited")
    (watched.root / "a/in/sub/new.md").write_text("new")
    (watched.root / "a/in/sub/delete.md").unlink()
    expected = files("a/in/sub/edit.md", "a/in/sub/new.md", "a/in/sub/delete.md")
    assert set(watched.marks()) == expected


def test_moved_out_directory(watched: Watched, outside: Path) -> None:
    """A directory that is moved out is one deep mark; later edits there are none of ours."""
    (watched.root / "a/b").rename(outside / "b")
    assert set(watched.marks()) == trees("a/b")
    (outside / "b/old.md").write_text("edited outside")
    (outside / "b/sub").mkdir()
    assert watched.marks() == []
    watched.check(later=5)
    assert watched.status().watches == 2


def test_moved_out_and_in_again(watched: Watched, outside: Path) -> None:
    """A directory that comes back after its watches were given back is watched again."""
    (watched.root / "a").rename(outside / "a")
    watched.marks()
    watched.check(later=5)
    (outside / "a").rename(watched.root / "again")
    assert set(watched.marks()) == trees("again")
    (watched.root / "again/b/old.md").write_text("new")
    assert set(watched.marks()) == files("again/b/old.md")


def test_deleted_directory(watched: Watched) -> None:
    """A directory that is deleted with all in it is a deep mark."""
    shutil.rmtree(watched.root / "a")
    assert trees("a") <= set(watched.marks())
    assert watched.status().watches == 1


def test_a_directory_deleted_and_made_again(watched: Watched) -> None:
    """A directory of the same name, and even the same number on disk, is watched anew."""
    for _ in range(20):
        shutil.rmtree(watched.root / "a")
        (watched.root / "a/b").mkdir(parents=True)
    watched.marks()
    (watched.root / "a/b/x.md").write_text("x")
    assert set(watched.marks()) == files("a/b/x.md")


def test_renamed_directory(watched: Watched) -> None:
    """A renamed directory is marked under both names; what is below it has the new name."""
    (watched.root / "a").rename(watched.root / "z")
    assert set(watched.marks()) == trees("a", "z")
    (watched.root / "z/b/old.md").write_text("new")
    assert set(watched.marks()) == files("z/b/old.md")


def test_rename_chain(watched: Watched) -> None:
    """After many renames in a row, events have the last name."""
    names = ["a", "p", "q", "r", "a", "s"]
    for before, after in itertools.pairwise(names):
        (watched.root / before).rename(watched.root / after)
    assert set(watched.marks()) == trees("a", "p", "q", "r", "s")
    (watched.root / "s/b/old.md").write_text("new")
    assert set(watched.marks()) == files("s/b/old.md")


def test_swapped_directories(watched: Watched) -> None:
    """Two directories that change names by way of a third are each known by the new one."""
    (watched.root / "z").mkdir()
    (watched.root / "z/z.md").write_text("z")
    watched.marks()
    (watched.root / "a").rename(watched.root / "t")
    (watched.root / "z").rename(watched.root / "a")
    (watched.root / "t").rename(watched.root / "z")
    assert trees("a", "z") <= set(watched.marks())
    (watched.root / "a/z.md").write_text("new")
    (watched.root / "z/b/old.md").write_text("new")
    assert set(watched.marks()) == files("a/z.md", "z/b/old.md")


def test_exchanged_directories(watched: Watched) -> None:
    """Two directories that change names in one step are each known by the new one."""
    (watched.root / "z").mkdir()
    (watched.root / "z/z.md").write_text("z")
    watched.marks()
    exchange(watched.root / "a", watched.root / "z")
    assert set(watched.marks()) == trees("a", "z")
    watched.check(later=5)
    (watched.root / "a/z.md").write_text("new")
    (watched.root / "z/b/old.md").write_text("new")
    assert set(watched.marks()) == files("a/z.md", "z/b/old.md")


def test_a_directory_renamed_over_an_empty_one(watched: Watched) -> None:
    """A directory that takes the place of an empty one is the one that is watched there."""
    (watched.root / "empty").mkdir()
    watched.marks()
    (watched.root / "a").rename(watched.root / "empty")
    assert set(watched.marks()) == trees("a", "empty")
    watched.check(later=5)
    (watched.root / "empty/b/old.md").write_text("new")
    assert set(watched.marks()) == files("empty/b/old.md")
    assert watched.status().watches == 3


def test_renames_inside_a_renamed_directory(watched: Watched) -> None:
    """A directory renamed while the one above it was renamed is where the disk says it is."""
    for round_ in range(20):
        (watched.root / "a").rename(watched.root / "z")
        (watched.root / "z/b").rename(watched.root / f"z/b{round_}")
        (watched.root / f"z/b{round_}").rename(watched.root / "z/b")
        (watched.root / "z").rename(watched.root / "a")
    watched.marks()
    (watched.root / "a/b/old.md").write_text("new")
    assert set(watched.marks()) == files("a/b/old.md")


def test_excluded_directory(watched: Watched) -> None:
    """An excluded directory is neither marked nor watched."""
    (watched.root / "drafts/x").mkdir(parents=True)
    (watched.root / "drafts/x/x.md").write_text("x")
    (watched.root / "@eaDir").mkdir()
    assert watched.marks() == []
    assert watched.status().watches == 3


def test_an_excluded_directory_gets_a_wanted_name(watched: Watched) -> None:
    """A directory renamed from an excluded name is marked deep, and watched from then on."""
    (watched.root / "drafts/x").mkdir(parents=True)
    (watched.root / "drafts").rename(watched.root / "final")
    assert trees("final") <= set(watched.marks())
    (watched.root / "final/x/x.md").write_text("x")
    assert set(watched.marks()) == files("final/x/x.md")


def test_a_wanted_directory_gets_an_excluded_name(watched: Watched) -> None:
    """A directory renamed to an excluded name is marked deep, and not watched any longer."""
    (watched.root / "a").rename(watched.root / "drafts")
    assert trees("a") <= set(watched.marks())
    (watched.root / "drafts/b/old.md").write_text("x")
    assert watched.marks() == []
    watched.check(later=5)
    assert watched.status().watches == 1


def test_hidden_directory_above_the_root(tmp_path: Path) -> None:
    """A root below a hidden directory is watched like any other: only what is below it counts."""
    root = tmp_path / ".hidden/@eaDir/drafts/root"
    root.mkdir(parents=True)
    with Watched(root) as watched:
        (root / "x.md").write_text("x")
        assert watched.marks() == [("x.md", False)]


def test_a_root_that_is_a_link(tmp_path: Path, root: Path) -> None:
    """A root may be a link; paths are below it all the same."""
    (tmp_path / "link").symlink_to(root)
    with Watched(tmp_path / "link") as watched:
        (root / "a/x.md").write_text("x")
        assert watched.marks() == [("a/x.md", False)]


def test_nothing_is_left_behind(root: Path) -> None:
    """After `stop`, there is no thread, no open file, and no mark."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    with Watched(root) as watched:
        names = [thread.name for thread in threading.enumerate()]
        assert "kbsync-watch-f" in names
    (root / "x.md").write_text("x")
    assert "kbsync-watch-f" not in [thread.name for thread in threading.enumerate()]
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert watched.drain() == []
    assert watched.status().mode == "off"


def test_every_file_of_a_burst_is_covered(watched: Watched) -> None:
    """Three processes make directories and files at once: each file is covered, and seen later."""
    script = """
import os, sys
for number in range(1000):
    directory = f"{sys.argv[1]}/{sys.argv[2]}/{number // 20}/{number // 5}"
    os.makedirs(directory, exist_ok=True)
    with open(f"{directory}/{number}.md", "w") as stream:
        stream.write("x")
"""
    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(watched.root), f"w{number}"])
        for number in range(3)
    ]
    assert [writer.wait(DEADLINE) for writer in writers] == [0, 0, 0]
    marks = watched.marks()
    paths = [
        f"w{writer}/{number // 20}/{number // 5}/{number}.md"
        for writer in range(3)
        for number in range(1000)
    ]
    deep = {path for path, is_deep in marks if is_deep}
    single = {path for path, is_deep in marks if not is_deep}
    assert [path for path in paths if path not in single and not deep & above(path)] == []
    assert watched.status().watches == 3 + 3 * (1 + 50 + 200)
    for path in paths[::5]:
        (watched.root / path).write_text("later")
    assert set(watched.marks()) == files(*paths[::5])


def above(path: str) -> set[str]:
    return {str(parent) for parent in Path(path).parents}


def exchange(one: Path, other: Path) -> None:
    """renameat2(2) with RENAME_EXCHANGE."""
    here, exchange_them = -100, 2
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        pytest.skip("this C library has no renameat2")
    done = libc.renameat2(here, os.fsencode(one), here, os.fsencode(other), exchange_them)
    if done != 0:
        pytest.skip(f"this file system exchanges no names: {os.strerror(ctypes.get_errno())}")
