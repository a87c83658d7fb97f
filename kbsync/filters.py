"""Which files are wanted: include and exclude in gitignore syntax, with the reason for an answer.

Exclude works as a .gitignore at the folder's root does: the last pattern that matches decides, and
nothing below an excluded directory can be admitted again. An include pattern that matches a
directory counts for all below it, and again the last one decides. Then the type is looked at.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

#: Leftovers of editors, sync tools and file servers; `!pattern` in exclude admits one again.
BUILT_IN: tuple[str, ...] = (
    *("~$*", ".~lock.*#", "*.swp", "*.swo", "*~", ".#*", "*.tmp", "*.part", "*.crdownload"),
    *("._*", ".DS_Store", "__MACOSX/", "Thumbs.db", "desktop.ini", "@eaDir/"),
    *(".stfolder", ".stversions/", ".git/", ".kbsync*"),
    *("lost+found/", "System Volume Information/", "$RECYCLE.BIN/", "\\#recycle/", "@Recycle/"),
    *(".Trash-*/", ".snapshot/", ".zfs/"),
)

# How pathspec writes a directory's end, any depth, and the end of a file or directory.
_DIRECTORY, _ANY_DEPTH, _EITHER = "(?P<ps_d>/)", "^(?:.+/)?", "(?:/|$)"
_MOST_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class Admitted:
    """Wanted; `rule` is what decided."""

    rule: str


@dataclass(frozen=True, slots=True)
class Excluded:
    """Not wanted, and not reported; `rule` is what decided."""

    rule: str


@dataclass(frozen=True, slots=True)
class Unsupported:
    """Wanted, but of a type the server does not take; `extension` is "" for none."""

    extension: str


Verdict = Admitted | Excluded | Unsupported


class Filters:
    """The rules of one folder: pure answers, remembered by directory.

    Args:
        include: gitignore patterns; none means everything.
        exclude: gitignore patterns, consulted before the built-in ones.
        types: the extensions that the server takes, lower case and without a dot.

    Raises:
        ValueError: a pattern that cannot be used; the text quotes it.
    """

    def __init__(
        self, include: Sequence[str], exclude: Sequence[str], types: frozenset[str]
    ) -> None:
        self.types = types
        self._include = _RuleSet("include", include)
        self._exclude = _RuleSet("exclude", exclude)
        self._built_in = _built_in()
        self._own_rules = bool(include) or self._exclude.concern_files
        self._by_type = {extension: Admitted(f"type .{extension}") for extension in types}
        # Nearly every file has a type and a first letter that no built-in rule can meet.
        self._safe_types = {extension for extension in types if not _ends_built_in(extension)}
        self._unsafe_starts = {rule[0] for rule in BUILT_IN if "*" in rule[1:]}
        self._directories = {"": _ROOT}

    def admits(self, path: str, is_dir: bool = False) -> Verdict:
        """What is decided about a path relative to the folder's root, and by which rule."""
        parent, _, name = path.rpartition("/")
        inherited = self._directories.get(parent) or self._descend(parent)
        if isinstance(inherited.verdict, Excluded):
            return inherited.verdict
        if is_dir:
            return self._directory(path, inherited).verdict
        return self._file(path, name, inherited)

    def _descend(self, path: str) -> _Inherited:
        """A directory's standing, found from the root downwards."""
        inherited, end = _ROOT, 0
        while end < len(path) and isinstance(inherited.verdict, Admitted):
            end = path.find("/", end + 1)
            end = len(path) if end < 0 else end
            inherited = self._directory(path[:end], inherited)
        return inherited

    def _directory(self, path: str, parent: _Inherited) -> _Inherited:
        known = self._directories.get(path)
        if known is None:
            if len(self._directories) > _MOST_REMEMBERED:
                self._directories = {"": _ROOT}
            known = self._directories[path] = self._judged(path, parent)
        return known

    def _judged(self, path: str, parent: _Inherited) -> _Inherited:
        name = path.rpartition("/")[2]
        rule = self._exclude.decides(path, name, "/") or self._built_in.decides(path, name, "/")
        include = max(parent.include, self._include.last(path, name, "/"))
        return _Inherited(_NO_RULE if rule is None else rule.excludes, include)

    def _file(self, path: str, name: str, inherited: _Inherited) -> Verdict:
        stem, _, suffix = name.rpartition(".")
        extension = suffix.lower() if stem else ""
        safe = extension in self._safe_types and name[0] not in self._unsafe_starts
        if safe and not self._own_rules:
            return self._by_type[extension]
        rule = self._exclude.decides(path, name, "")
        if rule is None and not safe:
            rule = self._built_in.decides(path, name, "")
        if rule is not None and not rule.negated:
            return rule.excludes
        return self._included(path, name, inherited) or self._typed(extension, rule)

    def _included(self, path: str, name: str, inherited: _Inherited) -> Excluded | None:
        """Why no include rule wants this file, or None when one does, or there are none."""
        if not self._include.rules:
            return None
        last = max(inherited.include, self._include.last(path, name, ""))
        if last < 0:
            return _NOT_INCLUDED
        rule = self._include.rules[last]
        return Excluded(rule.label) if rule.negated else None

    def _typed(self, extension: str, rule: _Rule | None) -> Admitted | Unsupported:
        if extension not in self._by_type:
            return Unsupported(extension)
        return self._by_type[extension] if rule is None else Admitted(rule.label)


def _ends_built_in(extension: str) -> bool:
    return any(pattern.endswith(f".{extension}") for pattern in BUILT_IN)


class _Inherited(NamedTuple):
    """What a directory means for all below it; `include` is the last rule it matched, or -1."""

    verdict: Admitted | Excluded
    include: int


_NO_RULE = Admitted("no exclude pattern")
_NOT_INCLUDED = Excluded("include (no pattern matched)")
_ROOT = _Inherited(_NO_RULE, -1)


class _Rule(NamedTuple):
    """One pattern; `expression` matches all of a name or of a path, a directory's with its /."""

    label: str
    negated: bool
    expression: str
    by_name: bool
    only_directories: bool

    @property
    def excludes(self) -> Admitted | Excluded:
        """What this rule decides among exclude rules."""
        return Admitted(self.label) if self.negated else Excluded(self.label)


class _RuleSet:
    """Rules of which the last that matches decides, put together into few expressions."""

    def __init__(self, origin: str, patterns: Sequence[str]) -> None:
        self.rules = tuple(_rule(origin, pattern) for pattern in patterns)
        numbered = list(enumerate(self.rules))
        self.concern_files = not all(rule.only_directories for rule in self.rules)
        for_files = [(n, rule) for n, rule in numbered if not rule.only_directories]
        self._files = _by_name_and_path(for_files)
        self._directories = _by_name_and_path(numbered)

    def decides(self, path: str, name: str, end: str) -> _Rule | None:
        """The rule that decides, if any; `end` is "/" for a directory and "" for a file."""
        last = self.last(path, name, end)
        return None if last < 0 else self.rules[last]

    def last(self, path: str, name: str, end: str) -> int:
        """The number of the last rule that matches, or -1."""
        by_name, by_path = self._directories if end else self._files
        last = -1
        if by_name is not None:
            last = by_name.last(name + end)
        if by_path is not None:
            last = max(last, by_path.last(path + end))
        return last


class _Alternatives(NamedTuple):
    """Rules in one expression, the last of them first, so that the first match decides."""

    expression: re.Pattern[str]
    numbers: Sequence[int]

    def last(self, text: str) -> int:
        found = self.expression.fullmatch(text)
        return -1 if found is None or found.lastindex is None else self.numbers[found.lastindex - 1]


def _by_name_and_path(
    numbered: Sequence[tuple[int, _Rule]],
) -> tuple[_Alternatives | None, _Alternatives | None]:
    by_name = [(number, rule) for number, rule in numbered if rule.by_name]
    by_path = [(number, rule) for number, rule in numbered if not rule.by_name]
    return _alternatives(by_name), _alternatives(by_path)


@functools.cache
def _built_in() -> _RuleSet:
    return _RuleSet("built-in", BUILT_IN)


def _alternatives(numbered: Sequence[tuple[int, _Rule]]) -> _Alternatives | None:
    if not numbered:
        return None
    joined = "|".join(f"({rule.expression})" for _, rule in reversed(numbered))
    numbers = tuple(number for number, _ in reversed(numbered))
    return _Alternatives(re.compile(joined, re.DOTALL), numbers)


def _rule(origin: str, pattern: str) -> _Rule:
    """Read one pattern; raises ValueError quoting it."""
    text = pattern if pattern.endswith("\\ ") else pattern.rstrip()
    text = re.sub(r"\*{3,}", "**", text)  # git knows no third star
    expression, negated = _translated(pattern, text)
    core = text.removeprefix("!").removeprefix("**/").removesuffix("/")
    by_name = "/" not in core and core != "**"
    if by_name:
        expression = expression.removeprefix(_ANY_DEPTH)
    return _Rule(f'{origin} "{pattern}"', negated, expression, by_name, text.endswith("/"))


def _translated(pattern: str, text: str) -> tuple[str, bool]:
    """The expression for one path by itself; pathspec's also matches all below a directory."""
    below_only = text.endswith("/**/")
    found, include = GitIgnoreSpecPattern.pattern_to_regex(text[:-1] if below_only else text)
    if found is None or not text.strip("!/"):
        raise ValueError(f"the pattern {pattern!r} matches nothing")
    expression = found.replace(_DIRECTORY, "/")
    if expression == ".":
        expression = ".+"
    elif expression == "/":
        expression = ".+/" if text.endswith("/") else ".+/.+"
    elif below_only:
        expression += ".+/"
    elif not text.endswith("/") and not expression.endswith(_EITHER):
        expression += ".+"
    _check(pattern, expression)
    return expression, include is False


def _check(pattern: str, expression: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        try:
            re.compile(expression)
        except (re.error, FutureWarning) as error:
            raise ValueError(f"the pattern {pattern!r} cannot be used: {error}") from error
