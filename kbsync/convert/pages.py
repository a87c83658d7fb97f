"""PDF files that are too large for one document, as several with some of the pages each."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pypdfium2

from kbsync.convert.cutting import Border, between, strongest
from kbsync.errors import FileError

# What differs although the pages are the same: when the part was made, and a number by chance.
_CREATED = re.compile(rb"(?<=/CreationDate\(D:)[0-9]+")
_ID = re.compile(rb"(?<=/ID\[<)[0-9A-F]+><[0-9A-F]+(?=>\])")
_DIGIT = re.compile(rb"[0-9A-F]")

#: Of each page's text so much tells it from others.
_LETTERS = 64


def split(body: bytes, extension: str, most: int) -> Iterator[bytes]:  # noqa: ARG001 - as all
    """Parts of at most `most` bytes, cut where chapters begin or else by the words of a page.

    Raises FileError when a single page does not fit.
    """
    pages = _Pages(body, most)
    start = 0
    for end in pages.ends():
        yield pages.part(start, end)
        start = end


class _Pages:
    """A document's pages, and which of them fit into one part."""

    def __init__(self, body: bytes, most: int) -> None:
        self._document = pypdfium2.PdfDocument(body)
        self._count = len(self._document)
        self._most = most
        self._guess = max(1, self._count * most // len(body))
        self._chapters = sorted(self._bookmarked())

    def ends(self) -> Iterator[int]:
        """The page after the last one of each part."""
        start = 0
        while (fitting := self._fitting(start)) < self._count:
            low = start + max(1, (fitting - start) // 4)
            yield (start := self._best(low, fitting))
        yield self._count

    def part(self, start: int, end: int) -> bytes:
        """A document of these pages; equal for equal pages."""
        part, written = pypdfium2.PdfDocument.new(), io.BytesIO()
        part.import_pages(self._document, list(range(start, end)))
        part.save(written)
        part.close()
        return _ID.sub(_without_digits, _CREATED.sub(_without_digits, written.getvalue()))

    def _bookmarked(self) -> Iterator[Border]:
        """Pages on which a chapter begins; the highest level has the highest rank."""
        for bookmark in self._document.get_toc():
            place = bookmark.get_dest()
            page = None if place is None else place.get_index()
            if page is not None:
                yield Border(page, 10 - bookmark.level)

    def _fitting(self, start: int) -> int:
        """How far a part can go that begins at a page."""
        fits, no_more = start, self._count + 1
        guess = min(self._count, start + self._guess)
        while no_more - fits > 1:
            if len(self.part(start, guess)) <= self._most:
                fits, step = guess, max(1, guess - start)
                guess = min(guess + step, (guess + no_more) // 2, self._count)
                if fits == self._count:
                    break
            else:
                no_more, guess = guess, (fits + guess) // 2
            guess = max(guess, fits + 1)
        if fits == start:
            raise FileError(
                f"too large, and it cannot be split: page {start + 1} alone does not fit into a"
                f" document of max_size = {self._most:,} bytes"
            )
        return fits

    def _best(self, low: int, high: int) -> int:
        texts = [self._words(page) for page in range(low, high + 1)]
        told = b"".join(text.ljust(_LETTERS, b"\0") for text in texts)
        chapters = between(self._chapters, low, high) or [
            Border(page, 0) for page in range(low, high + 1)
        ]
        borders = [Border((one.place - low) * _LETTERS, one.rank) for one in chapters]
        found = strongest(told, borders)
        return high if found is None else low + found // _LETTERS

    def _words(self, page: int) -> bytes:
        text = str(self._document[page].get_textpage().get_text_range(0, _LETTERS))
        return text.encode("utf-8", "replace")[:_LETTERS]


def _without_digits(found: re.Match[bytes]) -> bytes:
    return _DIGIT.sub(b"0", found[0])
