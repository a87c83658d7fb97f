"""What people and programs do to files: each pattern in a directory of its own.

A pattern is a generator: what is there before, a pause in which that is synced, and what is done
then. `uploads` is how many uploads that takes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

Steps = Callable[["Stage"], Iterator[None]]


@dataclass(frozen=True)
class Stage:
    """The pattern's directory in the watched folder, and one outside of it."""

    inside: Path
    outside: Path

    def write(self, path: str, text: str) -> Path:
        """Write a file of the watched folder; no other pattern has the same content."""
        return self._write(self.inside / path, text)

    def put_outside(self, path: str, text: str) -> Path:
        """Write a file that is not watched."""
        return self._write(self.outside / path, text)

    def _write(self, file: Path, text: str) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}, about hedgehogs in the hedge of {self.inside.name}")
        return file


@dataclass(frozen=True)
class Pattern:
    """One pattern, and how many uploads its second half takes."""

    name: str
    steps: Steps
    uploads: int


PATTERNS: list[Pattern] = []

#: Names that are never sent.
LEFTOVERS = ("~$a.docx", ".~lock.a.odt#", ".a.md.swp", "a.md.part", "a.md.crdownload", ".#a.md")


def pattern(uploads: int) -> Callable[[Steps], Steps]:
    """Enter a pattern under its function's name."""

    def entered(steps: Steps) -> Steps:
        PATTERNS.append(Pattern(steps.__name__, steps, uploads))
        return steps

    return entered


@pattern(uploads=1)
def save_in_place(at: Stage) -> Iterator[None]:
    at.write("a.md", "one")
    yield
    at.write("a.md", "two")


@pattern(uploads=1)
def many_saves(at: Stage) -> Iterator[None]:
    at.write("a.md", "one")
    yield
    for number in range(30):
        at.write("a.md", f"version {number}")


@pattern(uploads=1)
def atomic_save(at: Stage) -> Iterator[None]:
    at.write("a.md", "one")
    yield
    at.write(".a.md.swp", "two").rename(at.inside / "a.md")


@pattern(uploads=1)
def atomic_save_by_a_name_that_would_be_sent(at: Stage) -> Iterator[None]:
    at.write("a.md", "one")
    yield
    at.write("4913.md", "two").rename(at.inside / "a.md")


@pattern(uploads=1)
def atomic_save_from_outside(at: Stage) -> Iterator[None]:
    at.write("a.md", "one")
    yield
    at.put_outside("temporary", "two").rename(at.inside / "a.md")


@pattern(uploads=1)
def save_with_a_backup(at: Stage) -> Iterator[None]:
    at.write("a.md", "one")
    yield
    (at.inside / "a.md").rename(at.inside / "a.md~")
    at.write("a.md", "two")
    (at.inside / "a.md~").unlink()


@pattern(uploads=0)
def leftovers(at: Stage) -> Iterator[None]:
    yield
    for name in LEFTOVERS:
        at.write(name, "not a document")
    for directory in ("@eaDir", ".stfolder", ".stversions", "__MACOSX"):
        at.write(f"{directory}/a.md", "not a document")


@pattern(uploads=1)
def download(at: Stage) -> Iterator[None]:
    yield
    partial = at.write("b.md.crdownload", "the first half")
    partial.write_text(partial.read_text() + " and the second")
    partial.rename(at.inside / "b.md")


@pattern(uploads=0)
def gone_at_once(at: Stage) -> Iterator[None]:
    yield
    at.write("a.md", "one").unlink()


@pattern(uploads=0)
def deleted(at: Stage) -> Iterator[None]:
    at.write("a.md", "one")
    yield
    (at.inside / "a.md").unlink()


@pattern(uploads=0)
def touched(at: Stage) -> Iterator[None]:
    at.write("a.md", "one")
    yield
    os.utime(at.inside / "a.md")


@pattern(uploads=0)
def saved_without_a_change(at: Stage) -> Iterator[None]:
    at.write("a.md", "one")
    yield
    at.write("a.md", "one")


@pattern(uploads=0)
def read(at: Stage) -> Iterator[None]:
    file = at.write("a.md", "one")
    yield
    for _ in range(20):
        file.read_text()


@pattern(uploads=0)
def renamed(at: Stage) -> Iterator[None]:
    file = at.write("a.md", "one")
    yield
    file.rename(at.inside / "b.md")


@pattern(uploads=0)
def renamed_thrice(at: Stage) -> Iterator[None]:
    file = at.write("a.md", "one")
    yield
    for name in ("b.md", "c.md", "d.md"):
        file = file.rename(at.inside / name)


@pattern(uploads=0)
def another_case(at: Stage) -> Iterator[None]:
    file = at.write("Readme.md", "one")
    yield
    file.rename(at.inside / "README.md")


@pattern(uploads=0)
def moved_out(at: Stage) -> Iterator[None]:
    file = at.write("a.md", "one")
    yield
    file.rename(at.outside / "a.md")


@pattern(uploads=0)
def moved_out_and_in(at: Stage) -> Iterator[None]:
    file = at.write("a.md", "one")
    yield
    file.rename(at.outside / "a.md").rename(at.inside / "a.md")


@pattern(uploads=1)
def hard_link(at: Stage) -> Iterator[None]:
    original = at.put_outside("a.md", "one")
    yield
    (at.inside / "a.md").hardlink_to(original)


@pattern(uploads=0)
def symbolic_links(at: Stage) -> Iterator[None]:
    original = at.put_outside("a.md", "one")
    at.write("b.md", "two")
    yield
    (at.inside / "a.md").symlink_to(original)
    (at.inside / "again").symlink_to(at.inside.parent, target_is_directory=True)


@pattern(uploads=1)
def a_name_that_is_not_text(at: Stage) -> Iterator[None]:
    yield
    at.write(os.fsdecode(b"caf\xe9.md"), "one")


@pattern(uploads=30)
def files_right_after_their_directories(at: Stage) -> Iterator[None]:
    yield
    for number in range(30):
        at.write(f"{number}/a.md", f"number {number}")


@pattern(uploads=1)
def a_deep_path_at_once(at: Stage) -> Iterator[None]:
    yield
    at.write("a/b/c/d/e/f/g.md", "one")


@pattern(uploads=3)
def directory_moved_in_and_changed(at: Stage) -> Iterator[None]:
    for name in ("edited", "deleted", "stays"):
        at.put_outside(f"d/sub/{name}.md", name)
    yield
    (at.outside / "d").rename(at.inside / "d")
    at.write("d/sub/edited.md", "two")
    at.write("d/sub/new.md", "new")
    (at.inside / "d/sub/deleted.md").unlink()


@pattern(uploads=0)
def directory_moved_out_and_changed(at: Stage) -> Iterator[None]:
    at.write("d/sub/a.md", "one")
    yield
    (at.inside / "d").rename(at.outside / "d")
    at.put_outside("d/sub/a.md", "two")
    at.put_outside("d/sub/b.md", "new")


@pattern(uploads=2)
def directory_copied_with_its_times(at: Stage) -> Iterator[None]:
    for name in ("a", "b"):
        os.utime(at.put_outside(f"d/{name}.md", name), (1e9, 1e9))
    yield
    shutil.copytree(at.outside / "d", at.inside / "d")


@pattern(uploads=0)
def directory_renamed(at: Stage) -> Iterator[None]:
    for name in ("a", "b", "sub/c"):
        at.write(f"d/{name}.md", name)
    yield
    (at.inside / "d").rename(at.inside / "e")


@pattern(uploads=0)
def directories_swapped(at: Stage) -> Iterator[None]:
    at.write("d/a.md", "of d")
    at.write("e/b.md", "of e")
    yield
    (at.inside / "d").rename(at.inside / "x")
    (at.inside / "e").rename(at.inside / "d")
    (at.inside / "x").rename(at.inside / "e")


@pattern(uploads=0)
def directory_deleted(at: Stage) -> Iterator[None]:
    for name in ("a", "b"):
        at.write(f"d/{name}.md", name)
    yield
    shutil.rmtree(at.inside / "d")


@pattern(uploads=0)
def directory_made_again(at: Stage) -> Iterator[None]:
    at.write("d/a.md", "one")
    yield
    shutil.rmtree(at.inside / "d")
    at.write("d/a.md", "one")


@pattern(uploads=1)
def a_file_becomes_a_directory(at: Stage) -> Iterator[None]:
    file = at.write("a.md", "one")
    yield
    file.unlink()
    at.write("a.md/b.md", "two")


@pattern(uploads=1)
def an_excluded_directory_gets_a_wanted_name(at: Stage) -> Iterator[None]:
    at.write(".stversions/a.md", "one")
    yield
    (at.inside / ".stversions").rename(at.inside / "versions")


@pattern(uploads=0)
def a_wanted_directory_gets_an_excluded_name(at: Stage) -> Iterator[None]:
    at.write("d/a.md", "one")
    yield
    (at.inside / "d").rename(at.inside / "@eaDir")
