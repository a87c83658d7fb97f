"""What is sent for a file, and why another one is not worth sending or cannot be read by anybody.

What needs a parser for that is done apart: a stranger's file is nothing to parse in this process.
"""

from __future__ import annotations

import io
import zipfile

from kbsync.convert import fenced
from kbsync.convert.apart import Apart
from kbsync.convert.cutting import Piece, cut
from kbsync.convert.recognition import is_there
from kbsync.convert.registry import CONVERTERS, PDF, PDF_PAGES, family, is_ready
from kbsync.convert.texts import as_utf8
from kbsync.errors import FileError, NothingToIndex, NotNow
from kbsync.formats import BLANK, LANGUAGES, MARKDOWN, NO_TEXT, NO_WORDS, PAGES, SPLITTABLE

_TEXTS = MARKDOWN | {"csv", "properties", "txt", "vtt"}
_OFFICE = frozenset({"docx", "xlsx"})

_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_PDF_HEADER_WITHIN = 1024

#: More than a document unpacks to, and what somebody else's memory should be spared.
_MOST_UNPACKED = 2**30


def pieces(
    extension: str, body: bytes, apart: Apart, max_size: int, languages: str = ""
) -> tuple[list[Piece], str | None]:
    """What is sent for a file, in pieces of at most `max_size` bytes, and their type as `prepared`.

    Raises:
        FileError: it is too large, and cannot be split.
        NothingToIndex, FileError, NotNow: as `prepared`.
    """
    sent, sent_as = prepared(extension, body, apart, languages)
    if len(sent) <= max_size:
        return [Piece(sent)], sent_as
    if extension == PDF.sent_as:
        return [
            Piece(part) for part in apart.split(PDF_PAGES.family, extension, sent, max_size)
        ], None
    if extension in LANGUAGES:
        return fenced.cut(sent, max_size), sent_as
    if extension not in SPLITTABLE and sent_as is None:
        raise FileError(f"too large: {len(sent):,} bytes, max_size is {max_size:,} bytes")
    return cut(sent_as or extension, sent, max_size), sent_as


def prepared(
    extension: str, body: bytes, apart: Apart, languages: str = ""
) -> tuple[bytes, str | None]:
    """The bytes to send for a file, and their type where it is not the file's; without dots.

    With `languages`, text is recognised in the pictures of a PDF that has no other.

    Raises:
        NothingToIndex: there is nothing in it.
        FileError: it is damaged, needs a password, or cannot be converted.
        NotNow: what its conversion needs cannot be had.
    """
    converter = CONVERTERS.get(extension)
    if converter is None:
        return _checked(extension, body, apart, languages), None
    if converter.apart:
        text = apart.convert(converter.family, extension, body)
    else:
        text = family(converter).convert(body, extension)
    if not text.strip():
        raise NothingToIndex(NO_TEXT)
    return text.encode(), converter.sent_as


def _checked(extension: str, body: bytes, apart: Apart, languages: str) -> bytes:
    if extension in _TEXTS:
        body = as_utf8(body)
        if not body.decode().strip():
            raise NothingToIndex(BLANK)
    elif extension in PAGES:  # they say their encoding themselves
        if not body.strip():
            raise NothingToIndex(BLANK)
    elif extension == "pdf":
        return _with_text(body, apart, languages)
    elif extension in _OFFICE:
        _check_office(body)
    return body


def _with_text(body: bytes, apart: Apart, languages: str) -> bytes:
    try:
        _check_pdf(body, apart)
    except NothingToIndex:
        if not languages or not is_there():
            raise
    else:
        return body
    body = apart.recognised(body, languages)
    try:
        _check_pdf(body, apart)
    except NothingToIndex:
        raise NothingToIndex(NO_WORDS) from None
    return body


def _check_pdf(body: bytes, apart: Apart) -> None:
    if b"%PDF-" not in body[:_PDF_HEADER_WITHIN]:
        raise FileError("it is damaged, or no PDF: it does not begin like one")
    if not is_ready(PDF):
        return
    try:
        apart.convert(PDF.family, "pdf", body)
    except NotNow:
        if apart.ended:
            raise  # else the server looks into it


def _check_office(body: bytes) -> None:
    if body.startswith(_COMPOUND):
        if _ENCRYPTED in body:
            raise FileError("it needs a password: save it without one")
        raise FileError("it has the old Office format under a new name: save it as what it is")
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise FileError(f"it is damaged: {error}") from error
    if unpacked > _MOST_UNPACKED:
        raise FileError(f"it would unpack to {unpacked:,} bytes: not a document")
