"""Extracted text into segments of about 500 tokens, and the keywords of a segment."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

AUTOMATIC_TOKENS = 500
BREAKS = ("\n\n", "\n", "。", ". ", " ", "")
WIDE = re.compile("[\u2e80-\U0010ffff]")
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a about an and are as at be by can do does for from had has have how i if in into is it
        its me my not of on or our she so than that the their them then there these they this to
        was we were what when where which who why will with you your""",
    )
)


def tokens(text: str) -> int:
    """Roughly how many tokens a model counts: one for four Latin letters or one other letter."""
    return math.ceil(_weight(text))


def _weight(text: str) -> float:
    wide = 0 if text.isascii() else len(WIDE.findall(text))
    return (len(text) - wide) / 4 + wide


def clean(text: str, *, extra_spaces: bool = True, links: bool = False) -> str:
    """The server's pre-processing: control characters, runs of blanks and (on request) links go."""
    text = re.sub(r"<\|", "<", text)
    text = re.sub(r"\|>", ">", text)
    text = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\xef\xbf\xbe\ufffe]", "", text)
    if extra_spaces:
        text = re.sub(r"\n{3,}", "\n\n", text)
        text = re.sub("[\t\f\r \xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000]{2,}", " ", text)
    if links:
        text = re.sub(r"https?://\S+|[\w.+-]+@[\w-]+\.[\w.-]+", "", text)
    return text


def split(parts: Iterable[str], *, max_tokens: int, separator: str | None) -> list[str]:
    """The segments of a document, none of them empty.

    With a ``separator`` (custom rules) every piece between two of them is a segment of its own;
    without one, pieces are joined up to ``max_tokens``.
    """
    segments: list[str] = []
    for part in parts:
        pieces = part.split(separator) if separator else [part]
        for piece in pieces:
            segments.extend(_fit(piece, max_tokens, BREAKS))
    stripped = (re.sub(r"^[.,。，、!?]+", "", segment.strip()).strip() for segment in segments)
    return [segment for segment in stripped if segment]


def _fit(text: str, limit: int, breaks: Sequence[str]) -> Iterator[str]:
    if tokens(text) <= limit:
        yield text
        return
    mark, rest = breaks[0], breaks[1:]
    if not mark:
        width = max(limit, 1)
        yield from (text[at : at + width] for at in range(0, len(text), width))
        return
    pieces = [p for piece in text.split(mark) for p in _fit(piece, limit, rest)]
    group: list[str] = []
    weight = 0.0
    for piece in pieces:
        more = _weight(piece) + _weight(mark)
        if group and weight + more > limit:
            yield mark.join(group)
            group, weight = [], 0.0
        group.append(piece)
        weight += more
    yield mark.join(group)


def words(text: str) -> list[str]:
    """The words of a text in order, as they are written; a run of CJK letters is cut into pairs."""
    found: list[str] = []
    for run in re.findall(r"\w+", text):
        if run.isascii():
            found.append(run)
        else:
            found.extend(_cut(run))
    return found


def _cut(run: str) -> Iterator[str]:
    for wide, letters in groupby(run, lambda letter: letter >= "\u2e80"):
        word = "".join(letters)
        if wide and len(word) > 2:
            yield from (word[at : at + 2] for at in range(len(word) - 1))
        else:
            yield word


def keywords(text: str, most: int = 10) -> list[str]:
    """The most frequent words of a segment, without the commonest English ones."""
    seen = Counter(words(text))
    return sorted(
        (word for word in seen if word.lower() not in STOP_WORDS), key=lambda word: -seen[word]
    )[:most]
