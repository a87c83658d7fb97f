"""OpenDocument texts: headings, paragraphs, lists and tables."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from kbsync.errors import FileError

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_UNSEEN = frozenset({f"{_OFFICE}annotation", f"{_TEXT}tracked-changes"})


def convert(body: bytes, extension: str) -> str:  # noqa: ARG001 - as every family's
    """The document's text as Markdown."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        missing = {"META-INF/manifest.xml", "content.xml"} - set(archive.namelist())
        if missing:
            raise FileError(f"it is damaged, or no OpenDocument: it has no {min(missing)}")
        if "encryption-data" in archive.read("META-INF/manifest.xml").decode("utf-8", "replace"):
            raise FileError("it needs a password: save it without one")
        document = ET.fromstring(archive.read("content.xml"))  # noqa: S314 - in a bounded process
    text = document.find(f".//{_OFFICE}text")
    if text is None:
        raise FileError("it is no OpenDocument text")
    return "\n\n".join(block for block in _blocks(text) if block.strip())


def _blocks(element: ET.Element) -> Iterator[str]:
    for child in element:
        if child.tag == f"{_TEXT}h":
            level = child.get(f"{_TEXT}outline-level", "1")
            yield "#" * min(6, int(level)) + " " + _line(child)
        elif child.tag == f"{_TEXT}p":
            yield _line(child)
        elif child.tag == f"{_TEXT}list":
            yield "\n".join(_items(child, ""))
        elif child.tag == f"{_TABLE}table":
            yield _table(child)
        elif child.tag not in _UNSEEN:
            yield from _blocks(child)


def _items(element: ET.Element, indent: str) -> Iterator[str]:
    for item in element.iterfind(f"{_TEXT}list-item"):
        for child in item:
            if child.tag == f"{_TEXT}list":
                yield from _items(child, indent + "  ")
            elif child.tag not in _UNSEEN:
                yield f"{indent}- {_line(child)}"


def _table(table: ET.Element) -> str:
    rows = []
    for row in table.iter(f"{_TABLE}table-row"):
        cells = [
            " ".join(_line(part) for part in cell.iter(f"{_TEXT}p")).replace("|", "\\|")
            for cell in row.iterfind(f"{_TABLE}table-cell")
        ]
        rows.append(f"| {' | '.join(cells)} |")
    if rows:
        rows.insert(1, "|" + " --- |" * rows[0].replace("\\|", "").count(" | ") + " --- |")
    return "\n".join(rows)


def _line(element: ET.Element) -> str:
    return " ".join("".join(_pieces(element)).split())


def _pieces(element: ET.Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        if child.tag in {f"{_TEXT}s", f"{_TEXT}tab", f"{_TEXT}line-break"}:
            yield " "
        elif child.tag not in _UNSEEN:
            yield from _pieces(child)
        yield child.tail or ""
