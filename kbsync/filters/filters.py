"""Which files are wanted, and which rule said so.

Exclude works as a .gitignore at the folder's root does: the last pattern that matches decides, and
nothing below an excluded directory can be admitted again. What neither it nor a built-in rule
decides, the `.kbsyncignore` files do, the deepest first. An include pattern that matches a
directory counts for all below it, and again the last one decides. Then the type is looked at.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from kbsync.filters.ignoring import Ignored
from kbsync.filters.patterns import Rule, RuleSet
from kbsync.filters.selection import Selection
from kbsync.formats import extension_of

#: Leftovers of editors, sync tools and file servers; `!pattern` in exclude admits one again.
BUILT_IN: tuple[str, ...] = (
    *("~$*", ".~lock.*#", "*.swp", "*.swo", "*~", ".#*", "*.tmp", "*.part", "*.crdownload"),
    *("._*", ".DS_Store", "__MACOSX/", "Thumbs.db", "desktop.ini", "@eaDir/"),
    *(".stfolder", ".stversions/", ".git/", ".kbsync*"),
    *("lost+found/", "System Volume Information/", "$RECYCLE.BIN/", "\\#recycle/", "@Recycle/"),
    *(".Trash-*/", ".snapshot/", ".zfs/"),
)

#: Holds the patterns that people who fill a directory have for it.
IGNORE_FILE = ".kbsyncignore"

#: Marks a cache, whose content can be made again (https://bford.info/cachedir/).
CACHE_TAG = "CACHEDIR.TAG"

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


class Standing(NamedTuple):
    """What a directory means for all below it."""

    verdict: Admitted | Excluded
    ignores: tuple[Ignored, ...] = ()


class Filters:
    """The rules of one folder: pure answers.

    `admits` is what the configuration alone says, remembered by directory: what it excludes, no
    ignore file admits. A walk carries a Standing from directory to directory instead.

    Args:
        include: gitignore patterns; none means everything.
        exclude: gitignore patterns, consulted before all others.
        types: the extensions that the server takes, lower case and without a dot.
        markers: a directory that holds something of one of these names is left out.
        caches: leave out directories with a valid CACHEDIR.TAG.
        min_size: files of fewer bytes are skipped.
        refusals: why files of some types are not sent that could be, by type.
        split_types: files of these types may be larger than what is sent at a time.
        split_up_to: the largest of those, in bytes.
        placeless: why a file has no dataset to go to, by its path; None where it has.

    Raises:
        ValueError: a pattern that cannot be used; the text quotes it.
    """

    def __init__(
        self,
        include: Sequence[str],
        exclude: Sequence[str],
        types: frozenset[str],
        *,
        markers: Sequence[str] = (),
        caches: bool = True,
        min_size: int = 1,
        refusals: Mapping[str, str] = MappingProxyType({}),
        split_types: frozenset[str] = frozenset(),
        split_up_to: int = 0,
        placeless: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self.types = types
        self.refusals = refusals
        self.markers = tuple(markers)
        self.caches = caches
        self.min_size = min_size
        self.placeless = placeless
        self._split_types = split_types
        self._split_up_to = split_up_to
        #: Names whose coming, going or changing is about all of the directory they are in.
        self.steering = frozenset({IGNORE_FILE, *markers} | ({CACHE_TAG} if caches else set()))
        self._include = Selection("include", include)
        self._exclude = RuleSet((f'exclude "{pattern}"', pattern) for pattern in exclude)
        self._built_in = _built_in()
        self._own_rules = bool(include) or self._exclude.concern_files
        self._by_type = {extension: Admitted(f"type .{extension}") for extension in types}
        # Nearly every file has a type and a first letter that no built-in rule can meet.
        self._safe_types = {extension for extension in types if not _ends_built_in(extension)}
        self._unsafe_starts = {rule[0] for rule in BUILT_IN if "*" in rule[1:]}
        self._directories = {"": ROOT}

    def admits(self, path: str, is_dir: bool = False) -> Verdict:
        """What the configuration says about a path relative to the folder's root."""
        parent, _, name = path.rpartition("/")
        above = self._directories.get(parent) or self._descend(parent)
        if isinstance(above.verdict, Excluded):
            return above.verdict
        if is_dir:
            return self._remembered(path, above).verdict
        return self.of_file(path, name, above)

    def largest(self, path: str, max_size: int) -> int:
        """The most bytes a file may have, where a document may have `max_size`."""
        if extension_of(path) in self._split_types:
            return max(max_size, self._split_up_to)
        return max_size

    def _descend(self, path: str) -> Standing:
        """A directory's standing, found from the root downwards."""
        standing, end = ROOT, 0
        while end < len(path) and isinstance(standing.verdict, Admitted):
            end = path.find("/", end + 1)
            end = len(path) if end < 0 else end
            standing = self._remembered(path[:end], standing)
        return standing

    def _remembered(self, path: str, above: Standing) -> Standing:
        known = self._directories.get(path)
        if known is None:
            if len(self._directories) > _MOST_REMEMBERED:
                self._directories = {"": ROOT}
            name = path.rpartition("/")[2]
            known = self._directories[path] = self.of_directory(path, name, above)
        return known

    def of_directory(self, path: str, name: str, above: Standing) -> Standing:
        """The standing of a directory in one that is visited."""
        rule = (
            self._exclude.decides(path, name, True)
            or self._built_in.decides(path, name, True)
            or _ignoring(above, path, name, True)
        )
        if rule is not None:
            return Standing(_verdict(rule), above.ignores)
        return above if above.verdict is ROOT.verdict else Standing(ROOT.verdict, above.ignores)

    def of_file(self, path: str, name: str, above: Standing) -> Verdict:
        """What is decided about a file in a directory that is visited."""
        stem, _, suffix = name.rpartition(".")
        extension = suffix.lower() if stem else ""
        safe = extension in self._safe_types and name[0] not in self._unsafe_starts
        if safe and not self._own_rules and not above.ignores:
            return self._by_type[extension]
        rule = self._exclude.decides(path, name, False)
        if rule is None and not safe:
            rule = self._built_in.decides(path, name, False)
        if rule is None:
            rule = _ignoring(above, path, name, False)
        if rule is not None and not rule.negated:
            return Excluded(rule.label)
        return self._included(path) or self._typed(extension, rule)

    def _included(self, path: str) -> Excluded | None:
        """Why no include rule wants this file, or None when one does, or there are none."""
        if not self._include:
            return None
        rule = self._include.decides(path)
        if rule is None:
            return _NOT_INCLUDED
        return Excluded(rule.label) if rule.negated else None

    def _typed(self, extension: str, rule: Rule | None) -> Admitted | Unsupported:
        if extension not in self._by_type:
            return Unsupported(extension)
        return self._by_type[extension] if rule is None else Admitted(rule.label)


_NOT_INCLUDED = Excluded("include (no pattern matched)")

#: How every folder's root stands before anything in it is looked at.
ROOT = Standing(Admitted("no exclude pattern"))


def _verdict(rule: Rule) -> Admitted | Excluded:
    return Admitted(rule.label) if rule.negated else Excluded(rule.label)


def _ignoring(above: Standing, path: str, name: str, is_dir: bool) -> Rule | None:
    """What the ignore files on the way say: the deepest that says anything."""
    for ignored in reversed(above.ignores):
        rule = ignored.decides(path, name, is_dir)
        if rule is not None:
            return rule
    return None


def _ends_built_in(extension: str) -> bool:
    return any(pattern.endswith(f".{extension}") for pattern in BUILT_IN)


@functools.cache
def _built_in() -> RuleSet:
    return RuleSet((f'built-in "{pattern}"', pattern) for pattern in BUILT_IN)
