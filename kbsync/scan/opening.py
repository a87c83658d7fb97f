"""Descriptors below a root: one component at a time, through no symbolic link.

A directory that is swapped for a link between two steps makes the next step fail; it cannot lead
outside. The root itself may be a link: where the folder lies is the administrator's choice.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NONBLOCK
_BENEATH = _DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY

# A process may have no more than 1,024 descriptors by default, and others need some.
_MOST_KEPT = 128


def is_below(path: str) -> bool:
    """Whether a relative path names something below the root, and in one way only."""
    return {"", ".", ".."}.isdisjoint(path.split("/"))


@contextmanager
def opened(root: str | Path, directories: Sequence[str] = ()) -> Iterator[int]:
    """A descriptor of a directory below the root; raises OSError."""
    descriptor = os.open(root, _DIRECTORY)
    try:
        for name in directories:
            deeper = os.open(name, _BENEATH, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def opened_file(name: str, directory: int) -> Iterator[int]:
    """A descriptor of a file for reading, which waits for no writer; raises OSError."""
    descriptor = os.open(name, _FILE, dir_fd=directory)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class Descent:
    """Opens directories of a tree one after another; what lies above stays open for the next.

    Raises:
        OSError: the root cannot be opened.
    """

    def __init__(self, root: str | Path) -> None:
        self._names: list[str] = []
        self._kept = [os.open(root, _DIRECTORY)]
        self._below_kept: int | None = None

    def enter(self, path: str) -> int:
        """A descriptor of this directory, valid until the next call; raises OSError."""
        names = path.split("/") if path else []
        shared = _shared(self._names, names)
        if shared < len(self._names):
            self._retreat(shared)
        for name in names[len(self._names) :]:
            self._advance(name)
        return self._current

    def close(self) -> None:
        """Close everything that is still open."""
        self._retreat(0)
        os.close(self._kept.pop())

    @property
    def _current(self) -> int:
        return self._kept[-1] if self._below_kept is None else self._below_kept

    def _advance(self, name: str) -> None:
        descriptor = os.open(name, _BENEATH, dir_fd=self._current)
        self._names.append(name)
        if len(self._kept) < _MOST_KEPT:
            self._kept.append(descriptor)
            return
        if self._below_kept is not None:
            os.close(self._below_kept)
        self._below_kept = descriptor

    def _retreat(self, depth: int) -> None:
        if self._below_kept is not None:
            os.close(self._below_kept)
            self._below_kept = None
        while len(self._kept) > depth + 1:
            os.close(self._kept.pop())
        del self._names[len(self._kept) - 1 :]


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many leading names two paths have in common."""
    for number, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return number
    return min(len(one), len(other))
