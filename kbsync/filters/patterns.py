"""Patterns of which the last that matches decides, put together into few expressions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kbsync.filters.glob import Glob, glob


class Rule(NamedTuple):
    """One pattern, and what to call it."""

    label: str
    negated: bool


class RuleSet:
    """Labelled patterns in their order; raises ValueError, which quotes the pattern."""

    def __init__(self, labelled: Iterable[tuple[str, str]]) -> None:
        rules, globs = [], []
        for label, pattern in labelled:
            read = _read(pattern)
            rules.append(Rule(label, read.negated))
            globs.append(read)
        self._rules = tuple(rules)
        numbered = list(enumerate(globs))
        for_files = [(number, read) for number, read in numbered if not read.only_directories]
        self.concern_files = bool(for_files)
        self._files = _by_name_and_path(for_files)
        self._directories = _by_name_and_path(numbered)

    def __len__(self) -> int:
        return len(self._rules)

    def __getitem__(self, number: int) -> Rule:
        return self._rules[number]

    def decides(self, path: str, name: str, is_dir: bool) -> Rule | None:
        """The rule that decides about exactly this path, if any."""
        last = self.last(path, name, is_dir)
        return None if last < 0 else self._rules[last]

    def last(self, path: str, name: str, is_dir: bool) -> int:
        """The number of the last rule that matches exactly this path, or -1."""
        by_name, by_path = self._directories if is_dir else self._files
        last = -1
        if by_name is not None:
            last = by_name.last(name)
        if by_path is not None:
            last = max(last, by_path.last(path))
        return last


def check(pattern: str) -> None:
    """Raise ValueError, which quotes the pattern, if it can match nothing."""
    _read(pattern)


def _read(pattern: str) -> Glob:
    try:
        return glob(pattern)
    except ValueError as error:
        raise ValueError(f"the pattern {pattern!r} cannot be used: {error}") from None


class _Alternatives(NamedTuple):
    """Rules in one expression, the last of them first, so that the first match decides."""

    expression: re.Pattern[str]
    numbers: Sequence[int]

    def last(self, text: str) -> int:
        found = self.expression.fullmatch(text)
        return -1 if found is None or found.lastindex is None else self.numbers[found.lastindex - 1]


def _by_name_and_path(
    numbered: Sequence[tuple[int, Glob]],
) -> tuple[_Alternatives | None, _Alternatives | None]:
    by_name = [(number, read.expression) for number, read in numbered if read.by_name]
    by_path = [(number, read.expression) for number, read in numbered if not read.by_name]
    return _alternatives(by_name), _alternatives(by_path)


def _alternatives(numbered: Sequence[tuple[int, str]]) -> _Alternatives | None:
    if not numbered:
        return None
    joined = "|".join(f"({expression})" for _, expression in reversed(numbered))
    numbers = tuple(number for number, _ in reversed(numbered))
    return _Alternatives(re.compile(joined, re.DOTALL), numbers)
