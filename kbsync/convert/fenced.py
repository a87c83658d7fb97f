"""Source code, data and logs: a block of code, which no parser meets."""

from __future__ import annotations

import re

from kbsync.convert.texts import as_utf8
from kbsync.formats import LANGUAGES


def convert(body: bytes, extension: str) -> str:
    """The text in a fence that it cannot close itself."""
    text = as_utf8(body).decode().strip("\r\n")
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{LANGUAGES[extension]}\n{text}\n{fence}\n" if text.strip() else ""
