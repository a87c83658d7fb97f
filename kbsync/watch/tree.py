"""PURE: the directories that are watched, by the kernel's number of each watch.

A directory knows its name and the one above it, so a renamed subtree is one change here however
many directories it has.
"""

from __future__ import annotations

from collections.abc import Iterator


class Directory:
    """One watched directory; `number` is the kernel's, `callback` ours for the same watch."""

    __slots__ = ("above", "below", "callback", "name", "number")

    def __init__(self, number: int, callback: int, name: str) -> None:
        self.number = number
        self.callback = callback
        self.name = name
        self.above: Directory | None = None
        self.below: dict[str, Directory] | None = None

    def child(self, name: str) -> Directory | None:
        """The watched directory of this name right below."""
        return self.below.get(name) if self.below else None

    def all(self) -> Iterator[Directory]:
        """This one and everything below it."""
        pending = [self]
        while pending:
            directory = pending.pop()
            yield directory
            pending.extend((directory.below or {}).values())


class Tree:
    """Watched directories below one root."""

    def __init__(self) -> None:
        self.root: Directory | None = None
        self._numbered: dict[int, Directory] = {}

    def __len__(self) -> int:
        return len(self._numbered)

    @property
    def is_rooted(self) -> bool:
        """Whether the root is watched still."""
        return self.root is not None and self._numbered.get(self.root.number) is self.root

    def get(self, number: int) -> Directory | None:
        """The directory that the kernel means."""
        return self._numbered.get(number)

    def add(self, directory: Directory) -> None:
        """Enter a directory that was not watched, in no place yet; the first is the root."""
        self._numbered[directory.number] = directory
        if self.root is None:
            self.root = directory

    def place(self, directory: Directory, above: Directory, name: str) -> Directory | None:
        """Put a directory where it is now; returns another that was known there."""
        displaced = above.child(name)
        if displaced is directory:
            return None
        self.detach(directory)
        if displaced is not None:
            self.detach(displaced)
        if above.below is None:
            above.below = {}
        above.below[name] = directory
        directory.name, directory.above = name, above
        return displaced

    def detach(self, directory: Directory) -> None:
        """Take a directory out of its place; it and all below it then have no path."""
        above = directory.above
        if above is not None and above.below and above.below.get(directory.name) is directory:
            del above.below[directory.name]
        directory.above = None

    def forget(self, number: int) -> None:
        """The kernel watches it no longer."""
        directory = self._numbered.pop(number, None)
        if directory is not None and directory is not self.root:
            self.detach(directory)

    def path(self, directory: Directory) -> str | None:
        """The path relative to the root; None for what is in no known place."""
        names: list[str] = []
        here: Directory | None = directory
        while here is not None:
            if here is self.root:
                return "/".join(reversed(names))
            names.append(here.name)
            here = here.above
        return None
