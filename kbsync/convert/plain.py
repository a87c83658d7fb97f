"""Marked-up text that people read as it is: reStructuredText, AsciiDoc."""

from __future__ import annotations

from kbsync.convert.texts import as_utf8


def convert(body: bytes, extension: str) -> str:  # noqa: ARG001 - as every family's
    """The text as it is."""
    return as_utf8(body).decode()
