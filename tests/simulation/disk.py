"""What happens to files, on a real disk, and what is true of them whoever can see it."""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from tests.lives import World

#: Files that nothing happens to: without them a folder would be emptied in ordinary use.
STAYING = ("stays.md", "d1/stays, too.md")
#: Twins by case and by Unicode form, a name that is not UTF-8, and ordinary ones.
_NAMES = ("a.md", "A.md", "b.md", "c.txt", "é.md", "e\u0301.md", "caf\udce9.md", "d.txt")
_DIRECTORIES = ("", "", "d1/", "d2/", "d2/deep/")
_SUBJECTS = ("otters", "voles and their burrows", "herons", "beavers", "the newts of old ponds")


class Disk:
    """The folders of a world, changed by chance.

    `tree` is what is there in truth; `born` is when a path got its present content, on a count of
    events that grows with each; `shared` are texts that more than one file had.
    """

    def __init__(self, world: World, chance: random.Random, tell: Callable[[str], None]) -> None:
        self.world = world
        self.tree: dict[str, str] = {}
        self.born: dict[str, int] = {}
        self.shared: set[str] = set()
        self.marks: set[str] = set()
        self.away: dict[str, bool] = {}
        self.hidden: set[str] = set()
        self.events = 0
        self._chance = chance
        self._tell = tell
        self._texts = 0
        self._past: dict[str, list[str]] = {}
        for name in world.datasets:
            for path in STAYING:
                self._put(f"{name}/{path}", self._new_text())

    def change(self) -> None:
        """Something happens to a file or to a few."""
        changes = {
            self._create: 4,
            self._edit: 5,
            self._take_back: 3,
            self._touch: 1,
            self._delete: 3,
            self._rename: 4,
            self._rename_and_edit: 1,
            self._swap: 1,
            self._move_directory: 1,
            self._remove_directory: 1,
            self._copy: 1,
            self._empty: 1,
            self._save_atomically: 1,
        }
        [change] = self._chance.choices(list(changes), list(changes.values()))
        change()

    # Files

    def _create(self) -> None:
        if path := self._any_path():
            self._put(path, self._new_text())

    def _edit(self) -> None:
        if path := self._some_file():
            self._put(path, self._new_text())

    def _take_back(self) -> None:
        """A path gets a content that it had before, whether it is there now or not."""
        paths = sorted(path for path in self._past if self._is_free(path))
        if paths:
            path = self._chance.choice(paths)
            self._put(path, self._chance.choice(self._past[path]))

    def _touch(self) -> None:
        if path := self._some_file():
            self._tell(f"touch {path}")
            self.world.put(path, self.tree[path])
            self._happened(path)

    def _delete(self) -> None:
        if path := self._some_file():
            self._tell(f"delete {path}")
            (self.world.root / path).unlink()
            self._forget(path)

    def _rename(self) -> str | None:
        path = self._some_file()
        new = self._any_path()
        if path is None or new is None or path == new:
            return None
        self._tell(f"rename {path} -> {new}")
        self.world.rename(path, new)
        text = self.tree[path]
        self._forget(path)
        self._know(new, text)
        return new

    def _rename_and_edit(self) -> None:
        if new := self._rename():
            self._put(new, self._new_text())

    def _swap(self) -> None:
        one, other = self._some_file(), self._some_file()
        if one is None or other is None or one == other:
            return
        self._tell(f"swap {one} and {other}")
        root = self.world.root
        (root / one).rename(root / "swap")
        (root / other).rename(root / one)
        (root / "swap").rename(root / other)
        texts = self.tree[one], self.tree[other]
        self._know(other, texts[0])
        self._know(one, texts[1])

    def _copy(self) -> None:
        if (path := self._some_file()) and (new := self._any_path()):
            self._put(new, self.tree[path])

    def _empty(self) -> None:
        if path := self._some_file():
            self._put(path, "")

    def _save_atomically(self) -> None:
        if path := self._some_file():
            text = self._new_text()
            self._tell(f"save {path} anew: {text[:12]}")
            self.world.put("saved", text)
            self.world.rename("saved", path)
            self._know(path, text)

    # Directories

    def _move_directory(self) -> None:
        folder = self._folder()
        if folder is None:
            return
        old, new = f"{folder}/d2", f"{folder}/d1/moved"
        if not (self.world.root / old).is_dir() or (self.world.root / new).exists():
            old, new = new, old
        if not (self.world.root / old).is_dir() or (self.world.root / new).exists():
            return
        self._tell(f"move {old}/ -> {new}/")
        (self.world.root / old).rename(self.world.root / new)
        for path in [path for path in self.tree if path.startswith(old + "/")]:
            text = self.tree[path]
            self._forget(path)
            self._know(new + path.removeprefix(old), text)

    def _remove_directory(self) -> None:
        folder = self._folder()
        if folder is None:
            return
        self._tell(f"remove {folder}/d2/")
        hidden, self.hidden = self.hidden, set()
        shutil.rmtree(self.world.root / folder / "d2", ignore_errors=True)
        self.hidden = hidden
        for path in [path for path in self.tree if path.startswith(f"{folder}/d2/")]:
            self._forget(path)

    # What cannot be seen for a while

    def hide(self) -> None:
        """A directory or a file cannot be opened for a while, or can again."""
        if self.hidden and self._chance.random() < 0.5:
            self._tell(f"readable again: {', '.join(sorted(self.hidden))}")
            self.hidden.clear()
        else:
            name = self._chance.choice(["d1", "d2", "deep", "a.md", "b.md"])
            self._tell(f"unreadable: {name}")
            self.hidden.add(name)

    def take_away(self) -> None:
        """A folder's root vanishes, perhaps with an empty directory in its place; or it returns."""
        name = self._chance.choice(sorted(self.world.datasets))
        here, there = self.world.root / name, self.world.root / f".{name}"
        if name in self.away:
            self._tell(f"{name} is back")
            if self.away.pop(name):
                here.rmdir()
            there.rename(here)
            return
        self.away[name] = self._chance.random() < 0.5
        self._tell(f"{name} is away" + (", and an empty directory there" * self.away[name]))
        here.rename(there)
        if self.away[name]:
            here.mkdir()

    def restore(self) -> None:
        """Everything can be seen again."""
        self.hidden.clear()
        while self.away:
            self.take_away()

    @contextmanager
    def as_seen(self) -> Iterator[None]:
        """While kbsync looks: what is hidden cannot be opened."""
        opened = os.open

        def os_open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            if dir_fd is not None and path in self.hidden:
                raise PermissionError(errno.EACCES, "Permission denied", path)
            return opened(path, flags, mode, dir_fd=dir_fd)

        with mock.patch("os.open", os_open):
            yield

    # Below

    def _new_text(self) -> str:
        self._texts += 1
        subject = self._chance.choice(_SUBJECTS)
        return f"text {self._texts:05} tells of {subject}, at some length, so that it is believed"

    def _folder(self) -> str | None:
        there = sorted(self.world.datasets.keys() - self.away.keys())
        return self._chance.choice(there) if there else None

    def _some_file(self) -> str | None:
        paths = sorted(path for path in self.tree if self._is_free(path))
        return self._chance.choice(paths) if paths else None

    def _any_path(self) -> str | None:
        folder = self._folder()
        if folder is None:
            return None
        return f"{folder}/{self._chance.choice(_DIRECTORIES)}{self._chance.choice(_NAMES)}"

    def _is_free(self, path: str) -> bool:
        folder, _, below = path.partition("/")
        return folder not in self.away and below not in STAYING

    def _put(self, path: str, text: str) -> None:
        self._tell(f"write {path}: {text[:12] or 'nothing'}")
        self.world.put(path, text)
        self._know(path, text)

    def _know(self, path: str, text: str) -> None:
        if text in (other for place, other in self.tree.items() if place != path):
            self.shared.add(text)
        self.tree[path] = text
        if text and text not in self._past.setdefault(path, []):
            self._past[path].append(text)
        self._happened(path)
        self.born[path] = self.events

    def _forget(self, path: str) -> None:
        del self.tree[path], self.born[path]
        self._happened(path)

    def _happened(self, path: str) -> None:
        self.events += 1
        self.marks.add(path)
