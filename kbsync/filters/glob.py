"""One gitignore pattern as a regular expression, to the letter of git's `wildmatch.c`.

It is our own because git's answer is what counts (classes such as `[[:alpha:]]`, escapes within
brackets, a bracket that never matches `/`), and because a pattern may be a stranger's: no pattern
and no name together keep the expression busy. What a star has passed over is not tried again where
a later star makes up for it, so the work is at most the square of a path's length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from typing import NamedTuple

_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": " \\t-\\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


class Glob(NamedTuple):
    """What a pattern matches: all of a name with `by_name`, else all of a path."""

    expression: str
    by_name: bool
    only_directories: bool
    negated: bool


def glob(pattern: str) -> Glob:
    """Read one line as git does; raises ValueError, which says why it can match nothing."""
    text = _trimmed(pattern)
    negated = text.startswith("!")
    core = text.removeprefix("!")
    only_directories = core.endswith("/")
    core = core.removesuffix("/")
    by_name = "/" not in core
    core = core.removeprefix("/")
    if not core or text.startswith("#") or core.startswith("/") or "//" in core:
        raise ValueError("it matches nothing")
    tokens = list(_tokens(core, by_name))
    if tokens[0] is _Wild.DEEP and _DIVIDERS.isdisjoint(tokens[1:]):
        by_name, tokens = True, tokens[1:]
    return Glob("".join(_expressions(tokens)), by_name, only_directories, negated)


class _Wild(Enum):
    STAR = auto()  # anything in one name
    DEEP = auto()  # "**/": any directories, or none
    ANYTHING = auto()  # "**" at the end
    SLASH = auto()


_Token = _Wild | str  # a str is the expression of one character

_DIVIDERS: frozenset[_Token] = frozenset({_Wild.DEEP, _Wild.ANYTHING, _Wild.SLASH})
_PLAIN = {
    _Wild.DEEP: "(?:.*/)?",
    _Wild.ANYTHING: ".*",
    _Wild.SLASH: "/",
    _Wild.STAR: "[^/]*",
}


def _trimmed(pattern: str) -> str:
    """Without spaces at the end, but for one that is escaped."""
    kept = pattern.rstrip(" ")
    escapes = len(kept) - len(kept.rstrip("\\"))
    return f"{kept} " if escapes % 2 and len(kept) < len(pattern) else kept


def _tokens(text: str, by_name: bool) -> Iterator[_Token]:
    place = 0
    while place < len(text):
        sign, start = text[place], place
        place += 1
        if sign == "\\":
            if place == len(text):
                raise ValueError("it ends with a backslash")
            yield re.escape(text[place])
            place += 1
        elif sign == "?":
            yield "[^/]"
        elif sign == "/":
            yield _Wild.SLASH
        elif sign == "[":
            expression, place = _bracket(text, place)
            yield expression
        elif sign == "*":
            while text[place : place + 1] == "*":
                place += 1
            wild = _stars(text, start, place) if place - start > 1 and not by_name else _Wild.STAR
            place += wild is _Wild.DEEP
            yield wild
        else:
            yield re.escape(sign)


def _stars(text: str, start: int, end: int) -> _Wild:
    """What two or more stars mean: more than one only if they are all of a name.

    git compares a beginning without wildcards by itself, so stars after it count as at the start.
    """
    before, after = text[:start], text[end : end + 1]
    if before and not before.endswith("/") and re.search(r"[*?\[\\]", before):
        return _Wild.STAR
    if after == "/":
        return _Wild.DEEP
    return _Wild.STAR if after else _Wild.ANYTHING


def _bracket(text: str, place: int) -> tuple[str, int]:
    """The expression of a bracket that begins before `place`, and where it ends."""
    negated = text[place : place + 1] in {"!", "^"}
    place += negated
    parts: list[str] = []
    first = True
    while first or text[place : place + 1] != "]":
        first = False
        found = _NAMED.match(text, place)
        if found is not None:
            if found[1] not in _CLASSES:
                raise ValueError(f"there is no class [:{found[1]}:]")
            parts.append(_CLASSES[found[1]])
            place = found.end()
            continue
        low, place = _member(text, place)
        if text[place : place + 1] == "-" and text[place + 1 : place + 2] not in {"", "]"}:
            high, place = _member(text, place + 1)
            if high < low:
                raise ValueError(f"there is nothing from {low} to {high}")
            parts.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            parts.append(re.escape(low))
    inside = "".join(parts)
    return f"[^/{inside}]" if negated else f"(?!/)[{inside}]", place + 1


_NAMED = re.compile(r"\[:([^\]]*):\]")


def _member(text: str, place: int) -> tuple[str, int]:
    """One character of a bracket, and what follows it."""
    place += text[place : place + 1] == "\\"
    if place >= len(text):
        raise ValueError("a bracket is not closed")
    return text[place], place + 1


def _expressions(tokens: Sequence[_Token]) -> Iterator[str]:
    """Put tokens together, so that a wildcard that has met what follows it does not look on."""
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if token is _Wild.STAR:
            place, expression = _star(tokens, place)
            yield expression
        elif token is _Wild.DEEP:
            place, expression = _deep(tokens, place)
            yield expression
        else:
            yield token if isinstance(token, str) else _PLAIN[token]
            place += 1


def _star(tokens: Sequence[_Token], place: int) -> tuple[int, str]:
    end = place + 1
    while end < len(tokens) and isinstance(tokens[end], str):
        end += 1
    literal = "".join(token for token in tokens[place + 1 : end] if isinstance(token, str))
    if end < len(tokens) and tokens[end] is _Wild.STAR:
        return end, f"(?>[^/]*?{literal})"
    return end, f"[^/]*{literal}"


def _deep(tokens: Sequence[_Token], place: int) -> tuple[int, str]:
    ends: set[_Token] = {_Wild.DEEP, _Wild.ANYTHING}
    end = next((n for n in range(place + 1, len(tokens)) if tokens[n] in ends), None)
    if end is None:
        return place + 1, _PLAIN[_Wild.DEEP]
    return end, f"(?>(?:.*?/)??{''.join(_expressions(tokens[place + 1 : end]))})"
