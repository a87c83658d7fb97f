"""Rich Text Format."""

from __future__ import annotations

from striprtf.striprtf import rtf_to_text

from kbsync.errors import FileError


def convert(body: bytes, extension: str) -> str:  # noqa: ARG001 - as every family's
    """The text without its formatting."""
    if not body.lstrip().startswith(b"{\\rtf"):
        raise FileError("it is damaged, or no rich text: it does not begin like one")
    return str(rtf_to_text(body.decode("latin-1"), errors="ignore")).strip()
