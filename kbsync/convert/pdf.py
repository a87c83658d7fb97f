"""PDF files, which the server reads itself: whether it will find anything in one."""

from __future__ import annotations

import pypdfium2

from kbsync.errors import FileError, NothingToIndex
from kbsync.formats import PICTURES


def convert(body: bytes, extension: str) -> str:  # noqa: ARG001 - as every family's
    """The text of the first page that has any."""
    try:
        document = pypdfium2.PdfDocument(body)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise FileError("it needs a password: save it without one") from error
        raise FileError("it is damaged: no reader can open it") from error
    for number in range(len(document)):
        text = str(document[number].get_textpage().get_text_range())
        if text.strip():
            return text
    raise NothingToIndex(PICTURES)
