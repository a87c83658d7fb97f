"""Source code, data and logs: a block of code, which no parser meets."""

from __future__ import annotations

import re

from kbsync.convert import cutting
from kbsync.convert.cutting import Piece
from kbsync.convert.texts import as_utf8
from kbsync.errors import FileError
from kbsync.formats import LANGUAGES


def convert(body: bytes, extension: str) -> str:
    """The text in a fence that it cannot close itself."""
    text = as_utf8(body).decode().strip("\r\n")
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{LANGUAGES[extension]}\n{text}\n{fence}\n" if text.strip() else ""


def cut(fenced: bytes, most: int) -> list[Piece]:
    """The block in pieces of at most `most` bytes that are blocks of their own.

    Raises FileError when a fence takes too much of a piece.
    """
    opening, _, rest = fenced.partition(b"\n")
    closing = rest.rstrip(b"\n").rpartition(b"\n")[2]
    text = rest.rstrip(b"\n")[: -len(closing)]
    room = most - len(opening) - len(closing) - 3
    if room < most // 2:
        raise FileError(
            f"too large, and it cannot be split: it has {len(closing) - 1:,} backticks in a row,"
            f" too many for what encloses them to fit into a document of max_size = {most:,} bytes"
        )
    return [
        Piece(b"%s\n%s\n%s\n" % (opening, piece.body.strip(b"\r\n"), closing))
        for piece in cutting.cut("", text, room)
    ]
