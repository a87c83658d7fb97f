"""What is sent for a file, and why another one is not worth sending or cannot be read by anybody.

Only what needs no parser is done here: a stranger's file is nothing to parse in this process.
"""

from __future__ import annotations

import io
import zipfile

from kbsync.convert.texts import as_utf8
from kbsync.errors import FileError, NothingToIndex
from kbsync.formats import BLANK

_TEXTS = frozenset({"txt", "markdown", "md", "mdx", "csv", "vtt", "properties"})
_PAGES = frozenset({"html", "htm"})  # they say their encoding themselves
_OFFICE = frozenset({"docx", "xlsx"})

_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_PDF_HEADER_WITHIN = 1024

#: More than a document unpacks to, and what somebody else's memory should be spared.
_MOST_UNPACKED = 2**30


def prepared(extension: str, body: bytes) -> bytes:
    """The bytes to send for a file that the server takes; `extension` in lower case.

    Raises:
        NothingToIndex: there is nothing in it.
        FileError: it is damaged, or needs a password.
    """
    if extension in _TEXTS:
        body = as_utf8(body)
        if not body.decode().strip():
            raise NothingToIndex(BLANK)
    elif extension in _PAGES:
        if not body.strip():
            raise NothingToIndex(BLANK)
    elif extension == "pdf":
        _check_pdf(body)
    elif extension in _OFFICE:
        _check_office(body)
    return body


def _check_pdf(body: bytes) -> None:
    if b"%PDF-" not in body[:_PDF_HEADER_WITHIN]:
        raise FileError("it is damaged, or no PDF: it does not begin like one")


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
