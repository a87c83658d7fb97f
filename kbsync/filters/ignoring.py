"""What a `.kbsyncignore` says, for the directory it lies in and all below."""

from __future__ import annotations

import functools
from typing import NamedTuple

from kbsync.filters.patterns import Rule, RuleSet, check

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Ignored(NamedTuple):
    """The patterns of one file; `directory` is the one it lies in, "" for the root."""

    file: str
    directory: str
    rules: RuleSet

    def decides(self, path: str, name: str, is_dir: bool) -> Rule | None:
        """The rule that decides about a path below the directory, relative to the root."""
        below = path[len(self.directory) + 1 :] if self.directory else path
        rule = self.rules.decides(below, name, is_dir)
        return None if rule is None else rule._replace(label=f"{self.file} {rule.label}")


def ignore_file(file: str, content: bytes) -> Ignored:
    """Read one; `file` is its path relative to the root.

    Raises:
        ValueError: a pattern that cannot be used; the text names its line.
    """
    return Ignored(file, file.rpartition("/")[0], _rules(content))


@functools.lru_cache(maxsize=256)
def _rules(content: bytes) -> RuleSet:
    text = content.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "surrogateescape")
    labelled = []
    for number, line in enumerate(text.split("\n"), 1):
        pattern = line.removesuffix("\r")
        if not pattern.strip(" ") or pattern.startswith("#"):
            continue
        try:
            check(pattern)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        labelled.append((f'line {number} "{pattern}"', pattern))
    return RuleSet(labelled)
