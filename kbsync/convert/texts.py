"""Text of any encoding to UTF-8, as the server reads nothing else reliably."""

from __future__ import annotations

import codecs

from kbsync.errors import FileError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: Where several fit equally well, the first of these is meant.
_COMMON = (
    *("gb18030", "cp1252", "cp1250", "cp1251", "cp932", "euc_jp", "cp949", "big5"),
    *("koi8_r", "cp1253"),
)


def as_utf8(body: bytes) -> bytes:
    """The same text as UTF-8 without a byte order mark; raises FileError for what is no text."""
    mark = next((encoding for sign, encoding in _MARKS if body.startswith(sign)), None)
    if mark is not None:
        return _decoded(body, mark).encode()
    if b"\0" in body:
        return _decoded(body, _by_zeros(body)).encode()
    try:
        body.decode()
    except UnicodeDecodeError:
        return _guessed(body).encode()
    return body


def _decoded(body: bytes, encoding: str) -> str:
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError:
        raise FileError(_NO_TEXT) from None
    if "\0" in text:
        raise FileError(_NO_TEXT)
    return text


def _by_zeros(body: bytes) -> str:
    """Which UTF-16 without a mark it is: zeros are the upper halves of letters, of many of them."""
    big, little = body[::2].count(0), body[1::2].count(0)
    if max(big, little) * 8 < len(body) or min(big, little) * 8 > max(big, little):
        raise FileError(_NO_TEXT)
    return "utf-16-le" if little > big else "utf-16-be"


def _guessed(body: bytes) -> str:
    # Only who meets such a file pays for the import.
    from charset_normalizer import from_bytes  # noqa: PLC0415 - only when needed

    found = list(from_bytes(body, cp_isolation=list(_COMMON)))
    if not found:
        raise FileError(_NO_TEXT)
    best = min(found, key=lambda one: (one.chaos, -one.coherence, _COMMON.index(one.encoding)))
    return str(best)


_NO_TEXT = "it is no text in any encoding that kbsync knows: save it as UTF-8"
