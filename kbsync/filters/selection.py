"""Patterns that select: one that matches a directory counts for all below it."""

from __future__ import annotations

from collections.abc import Sequence

from kbsync.filters.patterns import Rule, RuleSet

_MOST_REMEMBERED = 50_000


class Selection:
    """Patterns of which the last that matches a path, or a directory above it, decides.

    Args:
        origin: what the patterns are called in an answer.
        patterns: in gitignore syntax.

    Raises:
        ValueError: a pattern that cannot be used; the text quotes it.
    """

    def __init__(self, origin: str, patterns: Sequence[str]) -> None:
        self._rules = RuleSet((f'{origin} "{pattern}"', pattern) for pattern in patterns)
        self._directories = {"": -1}

    def __len__(self) -> int:
        return len(self._rules)

    def decides(self, path: str) -> Rule | None:
        """The pattern that decides about a file, if any; a negated one does not select it."""
        parent, _, name = path.rpartition("/")
        last = max(self._of_directory(parent), self._rules.last(path, name, False))
        return None if last < 0 else self._rules[last]

    def selects(self, path: str) -> bool:
        """Whether a file is meant."""
        rule = self.decides(path)
        return rule is not None and not rule.negated

    def _of_directory(self, path: str) -> int:
        known = self._directories.get(path)
        if known is not None:
            return known
        if len(self._directories) > _MOST_REMEMBERED:
            self._directories = {"": -1}
        last, end = -1, 0
        while end < len(path):
            end = path.find("/", end + 1)
            end = len(path) if end < 0 else end
            above = path[:end]
            name = above.rpartition("/")[2]
            last = max(last, self._rules.last(above, name, True))
        self._directories[path] = last
        return last
