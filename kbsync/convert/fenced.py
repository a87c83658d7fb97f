"""Source code, data and logs: a block of code, which no parser meets."""

from __future__ import annotations

import re

from kbsync.convert import cutting
from kbsync.convert.cutting import Piece
from kbsync.convert.texts import as_utf8
from kbsync.formats import LANGUAGES


def convert(body: bytes, extension: str) -> str:
    """The text in a fence that it cannot close itself."""
    text = as_utf8(body).decode().strip("\r\n")
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{LANGUAGES[extension]}\n{text}\n{fence}\n" if text.strip() else ""


def cut(fenced: bytes, most: int) -> list[Piece]:
    """The block in pieces that are blocks of their own."""
    opening, _, rest = fenced.partition(b"\n")
    closing = rest.rstrip(b"\n").rpartition(b"\n")[2]
    text = rest.rstrip(b"\n")[: -len(closing)]
    room = most - len(opening) - len(closing) - 3
    return [
        Piece(b"%s\n%s\n%s\n" % (opening, piece.body.strip(b"\r\n"), closing))
        for piece in cutting.cut("", text, room)
    ]
