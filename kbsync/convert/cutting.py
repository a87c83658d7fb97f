"""PURE: text too large for one document, cut at borders that an edit elsewhere leaves alone.

Where a piece ends depends on the text around the place only: of all headings, paragraphs or lines
that could end it, the strongest kind is taken, and of that kind the one whose own words have the
highest checksum. So the borders before and after an edit are found again, and with them the pieces.
"""

from __future__ import annotations

import re
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from kbsync.errors import FileError
from kbsync.formats import MARKDOWN

#: A piece is at least so much of what it may be, unless it is the last one.
_LEAST = 4
#: So many bytes after a border tell it from others.
_TOLD_BY = 64

#: Bytes that are not the first of a letter in UTF-8.
_CONTINUES = frozenset(range(0x80, 0xC0))

_FENCE_OR_HEADING = re.compile(
    rb"^ {0,3}(?:(?P<fence>`{3,}|~{3,})|(?P<level>#{1,6})[ \t]+(?P<title>[^\n]*))", re.MULTILINE
)
_PARAGRAPH = re.compile(rb"\n[ \t\r]*\n(?=[^\s])")
_LINE = re.compile(rb"\n(?=[^\n])")
#: A quoted field of a table; a quote that is in the middle of a field is one character of it.
_QUOTED = re.compile(rb'(?:\A|(?<=[,;\t|\r\n])) *"(?P<inside>(?:[^"]++|"")*+)"')
_BLANK = re.compile(rb"[ \t](?=[^ \t])")
_RECORD_END = re.compile(rb"\r\n?|\n")


class Piece(NamedTuple):
    """What becomes one document; `title` is for its name, "" where nothing in the text is one."""

    body: bytes
    title: str = ""


class Border(NamedTuple):
    """A place where a piece may begin: the higher `rank`, the more natural."""

    place: int
    rank: int
    title: str = ""


#: Finds the best place to cut between two others, both in bytes.
Within = Callable[[int, int], int]


def cut(extension: str, text: bytes, most: int) -> list[Piece]:
    """Text in UTF-8 in pieces of at most `most` bytes, none of them blank, no two alike.

    Raises FileError for a table with a record that does not fit.
    """
    pieces = _of_table(text, most) if extension == "csv" else _of_text(extension, text, most)
    return list({piece.body: piece for piece in pieces if piece.body.strip()}.values())


def ends(size: int, most: int, within: Within) -> Iterator[int]:
    """Where each piece of something ends that has this size."""
    start = 0
    while size - start > most:
        start = within(start + max(1, most // _LEAST), start + most)
        yield start
    yield size


def strongest(text: bytes, borders: Iterable[Border]) -> int | None:
    """The border to cut at, by its kind and by the words behind it; None for none."""
    best = max(borders, key=lambda one: (one.rank, _checksum(text, one.place)), default=None)
    return None if best is None else best.place


def _checksum(text: bytes, place: int) -> int:
    return zlib.crc32(text[place : place + _TOLD_BY])


def _of_text(extension: str, text: bytes, most: int) -> Iterator[Piece]:
    headings = _headings(text) if extension in MARKDOWN else []

    def within(low: int, high: int) -> int:
        found = strongest(text, between(headings, low, high))
        return _inner(text, low, high) if found is None else found

    titles = {heading.place: heading.title for heading in headings}
    start = 0
    for end in ends(len(text), most, within):
        yield Piece(text[start:end], titles.get(start, "") if start else "")
        start = end


def between(borders: Sequence[Border], low: int, high: int) -> Sequence[Border]:
    """Those from one place to another, of borders in the order of their places."""
    first = bisect_left(borders, low, key=lambda one: one.place)
    return borders[first : bisect_right(borders, high, key=lambda one: one.place)]


def _headings(text: bytes) -> list[Border]:
    """The headings that are none in a block of code; the highest level has the highest rank."""
    found, fence = [], b""
    for match in _FENCE_OR_HEADING.finditer(text):
        marks = match["fence"]
        if marks is None:
            if not fence:
                title = match["title"].decode("utf-8", "replace").strip().rstrip("#").rstrip()
                rank = 10 - len(match["level"])
                found.append(Border(match.start(), rank, title))
        elif not fence:
            fence = marks
        elif marks[:1] == fence[:1] and len(marks) >= len(fence):
            fence = b""
    return found


def _inner(text: bytes, low: int, high: int) -> int:
    """At a paragraph, else a line, else a word, else at the last place between two letters."""
    for pattern in (_PARAGRAPH, _LINE, _BLANK):
        found = strongest(text, (Border(one.end(), 0) for one in pattern.finditer(text, low, high)))
        if found is not None:
            return found
    while high > low and text[high] in _CONTINUES:
        high -= 1
    return high


def _of_table(text: bytes, most: int) -> Iterator[Piece]:
    """Whole records, and in each piece the first one, which names the columns."""
    records = _Records(text)
    head = text[: records.after(0)]
    room = most - len(head)
    if room < most // 2:
        raise _too_long(0, most)

    def within(low: int, high: int) -> int:
        borders = records.between(low + len(head), high + len(head))
        found = strongest(text, (Border(place, 0) for place in borders))
        if found is None:
            raise _too_long(low, most)
        return found - len(head)

    start = len(head)
    for end in ends(len(text) - len(head), room, within):
        yield Piece(head + text[start : end + len(head)])
        start = end + len(head)


def _too_long(place: int, most: int) -> FileError:
    return FileError(
        f"too large, and it cannot be split: a record of it, at byte {place:,} or after, does not"
        f" fit into a document of max_size = {most:,} bytes"
    )


class _Records:
    """Where records begin: behind line ends that are in no quoted field."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        quoted = (found for found in _QUOTED.finditer(text) if _RECORD_END.search(found["inside"]))
        fields = [found.span() for found in quoted]
        self._starts = [start for start, _ in fields]
        self._ends = [end for _, end in fields]

    def after(self, place: int) -> int:
        """The end of the record that is at a place."""
        return next(self.between(place, len(self._text)), len(self._text))

    def between(self, low: int, high: int) -> Iterator[int]:
        """All from one place to another."""
        place = max(0, low - 1)
        # One byte more, which shows whether the last line end is half of one.
        while found := _RECORD_END.search(self._text, place, high + 1):
            end = found.end()
            over = self._field_over(end)
            if over is None and low <= end <= high:
                yield end
            place = over or end

    def _field_over(self, place: int) -> int | None:
        """The end of the quoted field of several lines that a place is in."""
        before = bisect_left(self._starts, place) - 1
        return self._ends[before] if before >= 0 and place < self._ends[before] else None
