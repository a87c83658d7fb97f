"""Text out of uploaded bytes, with the server's error texts for files that cannot be read.

One function per format; the extension alone decides which one, as on the server.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import docx
import openpyxl
import pypdfium2
from bs4 import BeautifulSoup
from charset_normalizer import CharsetMatch, from_bytes
from docx.document import Document as WordDocument
from docx.opc.exceptions import PackageNotFoundError
from docx.table import Table


class ExtractError(Exception):
    """The document ends in status "error" with this text."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """All text of a file, and its parts (sections, rows, pages), which no segment joins."""

    text: str
    parts: tuple[str, ...]


def extract(body: bytes, extension: str, *, shown_path: str, pdf_as_text: str) -> Extracted:
    """Read a file by its (lower-case) extension.

    Args:
        body: the bytes as they were uploaded.
        extension: without the dot.
        shown_path: how the server's error texts name its temporary file.
        pdf_as_text: "empty" or "error": what comes of PDF bytes under a text extension.

    Raises:
        ExtractError: the bytes are not what the extension says.
    """
    if extension not in BINARY and body.startswith(b"%PDF-"):
        if pdf_as_text == "empty":
            return Extracted("", ())
        raise ExtractError(f"Could not detect encoding for {shown_path}")
    return READERS[extension](body, shown_path)


def _plain(body: bytes, shown_path: str) -> Extracted:
    text = decode(body, shown_path)
    return Extracted(text, (text,))


def _markdown(body: bytes, shown_path: str) -> Extracted:
    text = decode(body, shown_path)
    return Extracted(text, tuple(sections(text)))


def sections(text: str) -> Iterable[str]:
    """The parts of a Markdown text, cut before each heading that is not inside a code block."""
    heading: str | None = None
    lines: list[str] = []
    fenced = False
    for line in text.split("\n"):
        if line.startswith("```"):
            fenced = not fenced
        if not fenced and re.match(r"#+\s", line):
            yield _section(heading, lines)
            heading, lines = line.replace("#", "").strip(), []
        else:
            lines.append(line)
    yield _section(heading, lines)


def _section(heading: str | None, lines: list[str]) -> str:
    value = "\n".join(map(_untagged, lines)).strip()
    return value if heading is None else f"{heading}\n{value}"


def _untagged(line: str) -> str:
    """A line without what stands between < and >; behind its last > there is none to look for."""
    end = line.rfind(">") + 1
    return re.sub(r"<.*?>", "", line[:end]) + line[end:]


def _html(body: bytes, shown_path: str) -> Extracted:
    soup = BeautifulSoup(decode(body, shown_path), "html.parser")
    for hidden in soup(["script", "style"]):
        hidden.decompose()
    text = soup.get_text().strip()
    return Extracted(text, (text,))


def _csv(body: bytes, shown_path: str) -> Extracted:
    rows = list(csv.DictReader(io.StringIO(decode(body, shown_path), newline="")))
    lines = tuple(
        ";".join(f"{str(name).strip()}: {str(value).strip()}" for name, value in row.items())
        for row in rows
    )
    return Extracted("\n".join(lines), lines)


def _pdf(body: bytes, _shown_path: str) -> Extracted:
    try:
        document = pypdfium2.PdfDocument(body)
    except pypdfium2.PdfiumError as error:
        raise ExtractError(str(error)) from error
    try:
        pages = tuple(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()
    return Extracted("\n".join(pages), pages)


def _docx(body: bytes, shown_path: str) -> Extracted:
    try:
        document = docx.Document(io.BytesIO(body))
    except (PackageNotFoundError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ExtractError(f"Package not found at '{shown_path}'") from error
    text = "\n".join(_word_lines(document))
    return Extracted(text, (text,))


def _word_lines(document: WordDocument) -> Iterable[str]:
    for block in document.iter_inner_content():
        if isinstance(block, Table):
            rows = [[cell.text.strip() for cell in row.cells] for row in block.rows]
            yield from (f"| {' | '.join(row)} |" for row in rows)
        else:
            yield block.text


def _xlsx(body: bytes, _shown_path: str) -> Extracted:
    try:
        book = openpyxl.load_workbook(io.BytesIO(body), read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ExtractError(str(error)) from error
    lines: list[str] = []
    for sheet in book.worksheets:
        rows = sheet.iter_rows(values_only=True)
        names = [str(name) for name in next(rows, ())]
        for row in rows:
            cells = zip(names, row, strict=False)
            line = ";".join(f'"{name}":"{value}"' for name, value in cells if value is not None)
            lines.extend([line] if line else [])
    book.close()
    return Extracted("\n".join(lines), tuple(lines))


def _xls(_body: bytes, _shown_path: str) -> Extracted:
    raise ExtractError("This stand-in has no library that reads .xls; save the file as .xlsx.")


def decode(body: bytes, shown_path: str) -> str:
    """Text in UTF-8 or in an encoding that can be guessed with confidence; a BOM is dropped."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return body.decode("utf-16")
        except UnicodeDecodeError:
            pass
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        controls = sum(byte < 9 or 13 < byte < 32 for byte in body[:4096])
        guess = None if controls * 50 > len(body[:4096]) else _guessed(body)
        if guess is None:
            raise ExtractError(f"Could not detect encoding for {shown_path}") from error
        return str(guess)


def _guessed(body: bytes) -> CharsetMatch | None:
    return from_bytes(body, cp_isolation=ENCODINGS).best()


ENCODINGS = ["cp1252", "gb18030", "big5", "cp932", "euc_jp", "cp949", "cp1251"]
READERS: Mapping[str, Callable[[bytes, str], Extracted]] = {
    "txt": _plain,
    "markdown": _markdown,
    "md": _markdown,
    "mdx": _markdown,
    "pdf": _pdf,
    "html": _html,
    "htm": _html,
    "xlsx": _xlsx,
    "xls": _xls,
    "docx": _docx,
    "csv": _csv,
    "vtt": _plain,
    "properties": _plain,
}
BINARY = frozenset({"pdf", "xlsx", "xls", "docx"})
EXTENSIONS = frozenset(READERS)
