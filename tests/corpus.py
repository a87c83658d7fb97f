"""A folder of some hundred real documents of every kind, with the names people really give them.

The same count and seed give the same files, byte for byte. Each document contains one word that no
other document has, its marker, so that a test can ask whether exactly this version of this file was
found.
"""

from __future__ import annotations

import csv
import html
import io
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path, PurePosixPath
from random import Random
from typing import Final

import docx
import openpyxl
import pypdfium2
from bs4 import BeautifulSoup
from openpyxl.worksheet.worksheet import Worksheet
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas


@dataclass(frozen=True)
class CorpusFile:
    """One document: its relative POSIX path, its kind, and the one word only it contains."""

    path: str
    kind: str
    marker: str


def make_corpus(root: Path, *, count: int = 500, seed: int = 0) -> list[CorpusFile]:
    """Write `count` documents below `root` and return them in the order of writing.

    The first ones have the awkward names of `_AWKWARD`, whatever the seed; the rest are made up
    from it. Two corpora of different seeds share no marker.
    """
    paths = list(islice(_paths(Random(f"paths {seed}")), count))
    corpus = [CorpusFile(path, kind_of(path), make_marker(seed, path)) for path in paths]
    for file in corpus:
        _write(file, root)
    return corpus


def edit(file: CorpusFile, root: Path, marker: str) -> CorpusFile:
    """Rewrite a document with `marker` in the place of its old one and return it as it is now."""
    edited = replace(file, marker=marker)
    _write(edited, root)
    return edited


def make_marker(*parts: object) -> str:
    """A word of fourteen lower-case letters: the same for the same parts, another for others."""
    rng = Random(f"marker {parts!r}")
    return "".join(rng.choice(letters) for letters in ("bdfgjklmnprstvz", "aeiou") * 7)


def kind_of(path: str) -> str:
    """The kind of document a path's extension stands for."""
    return PurePosixPath(path).suffix.lstrip(".").lower()


def text_of(path: Path) -> str:
    """A document's text as its own library reads it, white space folded to single blanks."""
    return " ".join(_READERS[kind_of(path.name)](path.read_bytes()).split())


def reproducible(package: bytes, fill: Mapping[str, str] | None = None) -> bytes:
    """An office file without the time it was made, and with the texts of `fill` filled in.

    `fill` maps a placeholder to the XML that takes its place, in every part of the package.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, date_time=(2026, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, _timeless(name, old.read(name), fill or {}))
    return out.getvalue()


def _timeless(name: str, part: bytes, fill: Mapping[str, str]) -> bytes:
    if name == "docProps/core.xml":
        return re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2026-01-01T00:00:00Z", part)
    for placeholder, xml in fill.items():
        part = part.replace(placeholder.encode(), xml.encode())
    return part


# --- names ---------------------------------------------------------------------------------------


def _long_name(words: str, extension: str) -> str:
    """A name of exactly 255 bytes, the most a Linux file system takes, or a byte or two less."""
    stem = (words * 255).encode()[: 255 - len(extension)].decode(errors="ignore")
    return stem + extension


_DECOMPOSED: Final = unicodedata.normalize("NFD", "Café Übersicht")

_AWKWARD: Final = (
    "README.md",
    "readme.md",
    "a.txt",
    "-rf.txt",
    "Angebot (Kopie) (2).docx",
    "100% sicher & geprüft; #1.md",
    "50%20Rabatt%2Fneu.txt",
    "Bericht v1.2.final.FINAL.pdf",
    "SCAN0001.PDF",
    "Liste.XLSX",
    "two  blanks and a trailing one .md",
    "it's 'quoted' `twice`.html",
    'Was tun? "Häufige Fragen".md',
    "Protokoll 12:30 <Entwurf>.txt",
    "C:\\Temp\\alt.txt",
    "line\u2028separator and \u200bzero width.md",
    unicodedata.normalize("NFC", "Café Übersicht.md"),
    f"{_DECOMPOSED}.md",
    f"{_DECOMPOSED}/{_DECOMPOSED}.docx",
    "Straße/Größenübersicht – Änderungen.xlsx",
    "Αθήνα/Οδηγός χρήσης.pdf",
    "Αθήνα/Κατάλογος τιμών.csv",
    "東京/2026年度/議事録(最終版).docx",
    "東京/2026年度/価格表.xlsx",
    "北京/用户手册.html",
    "서울/회의록.vtt",
    "Москва/Договор № 7.txt",
    "القاهرة/دليل.md",
    "🚀 Launch/✅ fertig 👩‍🔬.md",
    "🚀 Launch/🇩🇪🇯🇵.csv",
    "one/two/three/four/five/deep.md",
    "one/two/three/four/five/deep.pdf",
    "one/two/three/four/five/tief – unten.docx",
    _long_name("very long name ", ".md"),
    _long_name("very long name ", ".txt"),
    _long_name("Übergrößenträger ", ".docx"),
    _long_name("議事録", ".md"),
    "v1." + _long_name("2 release notes ", ".html")[3:],
    _long_name("deep folder ", "") + "/" + _long_name("deep file ", ".csv"),
)
"""Names that have broken somebody's sync before: they are in every corpus that is large enough."""

_FOLDERS: Final = (
    "Projekte", "Archiv", "2025", "2026", "Kunden & Partner", "Vertrieb", "Qualität", "HR", "IT",
    "Fertigung – Halle 3", "Αθήνα", "設計", "old", "Old", "Entwürfe", "to do", "v2.1", "📁 Ablage",
    unicodedata.normalize("NFD", "Prüfberichte"), "Ünïcode", "R&D", "(intern)",
)  # fmt: skip

_STEMS: Final = (
    "README", "Protokoll", "Angebot", "Übersicht", "notes", "Meeting notes", "報告書", "Οδηγίες",
    "Prüfplan", "Checkliste – Wartung", "Invoice", "spec", "Fragen & Antworten", "📌 wichtig",
    "draft", unicodedata.normalize("NFD", "Rückmeldung"), "Kundengespräch", "index", "Release 4.2",
)  # fmt: skip

_EXTENSIONS: Final = (
    ".md", ".txt", ".html", ".pdf", ".md", ".csv", ".docx", ".md", ".xlsx", ".txt", ".vtt", ".html",
    ".md", ".txt", ".csv", ".pdf", ".md", ".html", ".docx", ".txt", ".xlsx", ".vtt", ".md", ".csv",
    ".md",
)  # fmt: skip
"""The mix of kinds: two of twenty-five, 8 %, for each kind that is slow to make."""


def _paths(rng: Random) -> Iterator[str]:
    """The awkward paths, then made-up ones without end; none comes twice."""
    yield from _AWKWARD
    taken = set(_AWKWARD)
    while True:
        for extension in _EXTENSIONS:
            path = _free(_folder(rng) / rng.choice(_STEMS), extension, taken)
            taken.add(path)
            yield path


def _folder(rng: Random) -> PurePosixPath:
    """A folder of at most five levels; the shallow ones come more often."""
    depth = rng.choice((0, 1, 1, 2, 2, 2, 3, 3, 4, 5))
    return PurePosixPath(*(rng.choice(_FOLDERS[: 5 + 4 * level]) for level in range(depth)))


def _free(stem: PurePosixPath, extension: str, taken: set[str]) -> str:
    """The path itself, or with the number a desktop would add if it is taken."""
    path, number = f"{stem}{extension}", 1
    while path in taken:
        number += 1
        path = f"{stem} ({number}){extension}"
    return path


# --- texts ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Text:
    """What a document says, before it takes the form of a kind."""

    title: str
    paragraphs: tuple[str, ...]


_WHO: Final = (
    "The night shift", "Goods-in", "Die Teamleitung", "Der Einkauf", "The service desk",
    "Our supplier in Porto", "Die Qualitätssicherung", "The auditor", "Frau Groß", "Customer 4711",
)  # fmt: skip
_DID: Final = (
    "asked for", "checked", "returned", "hat freigegeben:", "postponed", "prüfte", "lost",
    "has not yet seen",
)  # fmt: skip
_WHAT: Final = (
    "the test report", "drawing 88-1402", "die Wartungsliste", "two pallets of housings",
    "the contract", "das Protokoll der letzten Sitzung", "the calibration certificate",
    "den Prüfplan für Halle 3",
)  # fmt: skip
_ELSEWHERE: Final = (
    "Η παράδοση έγινε χωρίς προβλήματα.", "次回の会議は来週の火曜日です。",
    "Das Ergebnis: 5 µm ± 0,3 µm.", "Договор вступает в силу с 1 марта.", "請在星期五之前回覆。",
    "Všechno je v pořádku. 👍",
)  # fmt: skip


def _text(file: CorpusFile) -> _Text:
    """The text of a document: the path decides what it says, the marker is one word of it."""
    rng = Random(f"text {file.path}")
    length = 150 if rng.random() < 0.02 else rng.randint(2, 9)
    paragraphs = [_paragraph(rng, latin=file.kind == "pdf") for _ in range(length)]
    where = rng.randrange(length)
    paragraphs[where] += f" It is filed under {file.marker} since then."
    return _Text(f"Note {rng.randint(1000, 9999)} on {rng.choice(_WHAT)}", tuple(paragraphs))


def _paragraph(rng: Random, *, latin: bool) -> str:
    """A few sentences; `latin` leaves out the scripts that a PDF's built-in fonts cannot show."""
    sentences = [
        f"{rng.choice(_WHO)} {rng.choice(_DID)} {rng.choice(_WHAT)} ({rng.randint(1, 99)})."
        for _ in range(rng.randint(1, 4))
    ]
    if not latin and rng.random() < 0.3:
        sentences.append(rng.choice(_ELSEWHERE))
    return " ".join(sentences)


# --- writing -------------------------------------------------------------------------------------


def _write(file: CorpusFile, root: Path) -> None:
    path = root / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_WRITERS[file.kind](_text(file)))


def _markdown(text: _Text) -> bytes:
    return "\n\n".join((f"# {text.title}", *text.paragraphs, "")).encode()


def _plain(text: _Text) -> bytes:
    return "\r\n".join((text.title, "", *text.paragraphs, "")).encode()


def _html(text: _Text) -> bytes:
    title = html.escape(text.title)
    body = "\n".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in text.paragraphs)
    head = f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>{title}</title></head>'
    return f"{head}\n<body><h1>{title}</h1>\n{body}\n</body></html>\n".encode()


def _csv(text: _Text) -> bytes:
    """As a spreadsheet saves it: with a byte order mark and CR LF."""
    out = io.StringIO()
    csv.writer(out).writerows(_rows(text))
    return out.getvalue().encode("utf-8-sig")


def _vtt(text: _Text) -> bytes:
    cues = (
        f"{_clock(5 * number)} --> {_clock(5 * number + 4)}\n{paragraph}\n"
        for number, paragraph in enumerate(text.paragraphs)
    )
    return "\n".join(("WEBVTT", "", f"NOTE {text.title}", "", *cues)).encode()


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.000"


def _pdf(text: _Text) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1)
    canvas.setTitle(text.title)
    for page in _pages((text.title, "", *text.paragraphs)):
        block = canvas.beginText(60, 780)
        block.setFont("Helvetica", 11)
        block.textLines(page)
        canvas.drawText(block)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def _pages(paragraphs: Iterable[str]) -> Iterator[list[str]]:
    """The lines of each page, broken between words."""
    lines = [
        line
        for paragraph in paragraphs
        for line in simpleSplit(paragraph, "Helvetica", 11, A4[0] - 120) or [""]
    ]
    for start in range(0, len(lines), 50):
        yield lines[start : start + 50]


def _docx(text: _Text) -> bytes:
    between = "</w:t></w:r></w:p><w:p><w:r><w:t>"
    body = between.join(html.escape(paragraph, quote=False) for paragraph in text.paragraphs)
    return reproducible(_docx_template(), {"@title@": text.title, "@body@": body})


@cache
def _docx_template() -> bytes:
    """An empty document: making one takes the library longer than filling in a hundred."""
    document = docx.Document()
    document.add_heading("@title@", level=1)
    document.add_paragraph("@body@")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _xlsx(text: _Text) -> bytes:
    book = openpyxl.Workbook()
    for row in _rows(text):
        _sheet(book).append(row)
    out = io.BytesIO()
    book.save(out)
    return reproducible(out.getvalue())


def _sheet(book: openpyxl.Workbook) -> Worksheet:
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    return sheet


def _rows(text: _Text) -> Iterator[tuple[str | int, str, str | int]]:
    yield "No.", text.title, "Length"
    for number, paragraph in enumerate(text.paragraphs, start=1):
        yield number, paragraph, len(paragraph)


_WRITERS: Final[Mapping[str, Callable[[_Text], bytes]]] = {
    "csv": _csv,
    "docx": _docx,
    "html": _html,
    "md": _markdown,
    "pdf": _pdf,
    "txt": _plain,
    "vtt": _vtt,
    "xlsx": _xlsx,
}


# --- reading -------------------------------------------------------------------------------------


def _decoded(data: bytes) -> str:
    return data.decode("utf-8-sig")


def _text_of_html(data: bytes) -> str:
    return BeautifulSoup(data, "html.parser").get_text(" ")


def _text_of_pdf(data: bytes) -> str:
    with pypdfium2.PdfDocument(data) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


def _text_of_docx(data: bytes) -> str:
    document = docx.Document(io.BytesIO(data))
    cells = (cell.text for table in document.tables for row in table.rows for cell in row.cells)
    return "\n".join((*(paragraph.text for paragraph in document.paragraphs), *cells))


def _text_of_xlsx(data: bytes) -> str:
    book = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    rows = (row for sheet in book.worksheets for row in sheet.iter_rows(values_only=True))
    return "\n".join(" ".join(str(value) for value in row if value is not None) for row in rows)


_READERS: Final[Mapping[str, Callable[[bytes], str]]] = {
    "csv": _decoded,
    "docx": _text_of_docx,
    "html": _text_of_html,
    "md": _decoded,
    "pdf": _text_of_pdf,
    "txt": _decoded,
    "vtt": _decoded,
    "xlsx": _text_of_xlsx,
}
