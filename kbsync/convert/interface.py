"""What a family of formats is, and what there is to know of it before it is imported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


class Family(Protocol):
    """A module of this package, which reads one family of formats."""

    @staticmethod
    def convert(body: bytes, extension: str) -> str:
        """The text of a file, as Markdown where there is structure.

        Raises:
            NothingToIndex: there is no text in it.
            FileError: it is damaged or locked; any other exception means the same.
        """
        ...


class Splitter(Protocol):
    """A module of this package that splits files of a type itself."""

    @staticmethod
    def split(body: bytes, extension: str, most: int) -> Iterable[bytes]:
        """Files of the same type, of at most `most` bytes; raises FileError."""
        ...


@dataclass(frozen=True, slots=True)
class Converter:
    """How a type is converted: by which module, to be sent as which type.

    A higher `revision` says that the outcome changed, and so does another version of `package`:
    files of the type are then converted and indexed again. `modules` have to be installed.
    """

    family: str
    sent_as: str
    revision: int = 1
    package: str | None = None
    modules: tuple[str, ...] = ()
    apart: bool = True  # in a process of its own, as whatever parses a stranger's file
