"""The small notations of the configuration: durations, sizes, whole numbers, paths, lists.

Every function takes what TOML or an environment variable gave and raises ValueError with a text
that starts with "must" and names what is allowed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from kbsync.filters import check

_NUMBER_AND_UNIT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([A-Za-z]+)", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = 3650 * _SECONDS["d"]
_BYTES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
#: As a shell writes "md or txt"; to git it is a name with braces in it.
_CHOICE = re.compile(r"(?<!\\)\{[^{}]*,[^{}]*\}")
_UNITS_BY_LOWER = {unit.lower(): factor for unit, factor in _BYTES.items()}


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, and values never change."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True
    )


def duration(value: object) -> float:
    """Seconds of a text such as "500ms", "2s", "1.5h"; at most 3650 days.

    Raises:
        ValueError: not a text, no unit, or too long.
    """
    found = _NUMBER_AND_UNIT.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[2] not in _SECONDS:
        raise ValueError('must be a duration such as "500ms", "2s", "15m", "1h" or "2d"')
    seconds = float(found[1]) * _SECONDS[found[2]]
    if seconds > _LONGEST:
        raise ValueError('must be at most "3650d"')
    return seconds


def positive_duration(value: object) -> float:
    """Like `duration`, and longer than nothing."""
    seconds = duration(value)
    if seconds <= 0:
        raise ValueError('must be longer than "0s"')
    return seconds


def size(value: object) -> int:
    """Bytes of a whole number or a text such as "500kB", "15MB" (decimal), "15MiB" (binary).

    Raises:
        ValueError: anything else, or no bytes at all.
    """
    count = _plain_count(value)
    if count is None and isinstance(value, str):
        found = _NUMBER_AND_UNIT.fullmatch(value)
        factor = _UNITS_BY_LOWER.get(found[2].lower()) if found else None
        if found and factor:
            count = int(float(found[1]) * factor) if "." in found[1] else int(found[1]) * factor
    if count is None:
        raise ValueError(
            'must be a size: a number of bytes, or a text such as "500kB", "15MB" or "15MiB"'
        )
    if count < 1:
        raise ValueError("must be at least one byte")
    return count


def whole(lowest: int, highest: int | None = None) -> BeforeValidator:
    """Accept whole numbers in a closed range (a variable's digits too), and no true or false."""
    allowed = f"from {lowest} to {highest}" if highest is not None else f"of {lowest} or more"

    def check(value: object) -> int:
        count = _plain_count(value)
        if count is None or count < lowest or (highest is not None and count > highest):
            raise ValueError(f"must be a whole number {allowed}")
        return count

    return BeforeValidator(check)


def _plain_count(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
        return int(value)
    return None


def text(lowest: int, highest: int) -> Callable[[object], str]:
    """A check for printable text of a length in a closed range; blanks around it do not count."""

    def check(value: object) -> str:
        if isinstance(value, str) and value.isprintable():
            stripped = value.strip()
            if lowest <= len(stripped) <= highest:
                return stripped
        raise ValueError(f"must be a text of {lowest} to {highest} printable characters")

    return check


def choice(*allowed: str) -> BeforeValidator:
    """Accept one of a few words."""
    words = " or ".join([", ".join(f'"{word}"' for word in allowed[:-1]), f'"{allowed[-1]}"'])

    def check(value: object) -> str:
        if value not in allowed:
            raise ValueError(f"must be {words}")
        return str(value)

    return BeforeValidator(check)


def flag(value: object) -> bool:
    """True or false, as TOML writes it; a variable may say it in letters.

    Raises:
        ValueError: anything else.
    """
    known: dict[object, bool] = {True: True, False: False, "true": True, "false": False}
    if not isinstance(value, bool | str) or value not in known:
        raise ValueError("must be true or false")
    return known[value]


def patterns(value: object) -> tuple[str, ...]:
    """A list of gitignore patterns, each of which can match something.

    Raises:
        ValueError: not a list of such texts.
    """
    items = value if isinstance(value, list | tuple) else None
    if items is None or not all(isinstance(item, str) and item.strip() for item in items):
        raise ValueError('must be a list of patterns such as ["*.md", "drafts/"]')
    for item in items:
        check(item)
        _check_reach(item)
    return tuple(items)


def _check_reach(pattern: str) -> None:
    """Raise ValueError for what git would read in silence, and no file would ever match."""
    said = f"the pattern {pattern!r} cannot be used: "
    if {".", ".."} & set(pattern.removeprefix("!").split("/")):
        raise ValueError(
            f'{said}it matches nothing, because a path has no "." or ".." in it; patterns start at'
            " the folder"
        )
    if _CHOICE.search(pattern):
        raise ValueError(
            f"{said}braces choose nothing here; write one pattern for each choice, or \\{{ for a"
            " brace in a name"
        )


def names(value: object) -> tuple[str, ...]:
    """A list of file names.

    Raises:
        ValueError: not a list of texts, or one of them is no name of something in a directory.
    """
    items = value if isinstance(value, list | tuple) else None
    if items is None or not all(isinstance(item, str) and _is_name(item) for item in items):
        raise ValueError('must be a list of file names such as [".nobackup"]')
    return tuple(items)


def _is_name(value: str) -> bool:
    return value not in {"", ".", ".."} and not {"/", "\0"} & set(value)


def host_names(value: object) -> tuple[str, ...]:
    """A list of host names, without ports.

    Raises:
        ValueError: not a list of such texts.
    """
    items = value if isinstance(value, list | tuple) else None
    if items is None or not all(
        isinstance(item, str) and re.fullmatch(r"[A-Za-z0-9.-]{1,253}", item) for item in items
    ):
        raise ValueError('must be a list of host names such as ["kbsync.example"]')
    return tuple(items)


def place(value: object, info: ValidationInfo) -> Path:
    """An absolute path: `~` expanded, a relative one taken from the configuration's directory.

    The context's "directory" is that directory; without it only absolute paths are accepted.

    Raises:
        ValueError: not a path.
    """
    if isinstance(value, Path):
        value = os.fspath(value)
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("must be a path")
    path = Path(os.path.expanduser(value))  # noqa: PTH111  # leaves an unknown user's ~ alone
    if str(path).startswith("~"):
        raise ValueError("must be a path; there is no such user")
    if not path.is_absolute():
        directory = info.context.get("directory") if info.context else None
        if not isinstance(directory, Path):
            raise ValueError("must be an absolute path")
        path = directory / path
    return path


Duration = Annotated[float, BeforeValidator(duration)]
PositiveDuration = Annotated[float, BeforeValidator(positive_duration)]
Size = Annotated[int, BeforeValidator(size)]
Flag = Annotated[bool, BeforeValidator(flag)]
Patterns = Annotated[tuple[str, ...], BeforeValidator(patterns)]
Names = Annotated[tuple[str, ...], BeforeValidator(names)]
Place = Annotated[Path, BeforeValidator(place)]
