"""Text out of the formats that the server takes, and its words for files it cannot read."""

from __future__ import annotations

import io

import docx
import openpyxl
import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from kbsync.standin.extract import EXTENSIONS, Extracted, ExtractError, extract
from kbsync.standin.split import clean, keywords, split, tokens


def read(body: bytes, extension: str, pdf_as_text: str = "error") -> Extracted:
    return extract(body, extension, shown_path="/tmp/upload", pdf_as_text=pdf_as_text)


def pdf(text: str, password: str | None = None) -> bytes:
    written = io.BytesIO()
    encrypt = StandardEncryption(password) if password else None
    canvas = Canvas(written, encrypt=encrypt)
    if text:
        canvas.drawString(72, 720, text)
    canvas.showPage()
    canvas.save()
    return written.getvalue()


def test_all_extensions_of_the_server_are_read() -> None:
    """The list of a server with its own extraction (no Unstructured)."""
    assert sorted(EXTENSIONS) == sorted(
        "txt markdown md mdx pdf html htm xlsx xls docx csv vtt properties".split()  # noqa: SIM905
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("héllo".encode(), "héllo"),
        ("héllo".encode("utf-8-sig"), "héllo"),
        ("héllo".encode("utf-16"), "héllo"),
        ("Größe über für Straße, schöne Grüße aus München".encode("latin-1"), "Größe"),
        ("员工手册说明了休假规定和出差规定".encode("gbk"), "员工手册"),
        (b"a\x00b", "a\x00b"),
    ],
)
def test_encodings_are_guessed(body: bytes, text: str) -> None:
    """UTF-8 first, then by a byte order mark, then by what the bytes look like."""
    assert read(body, "txt").text.startswith(text)


def test_a_pdf_gives_the_text_of_its_pages() -> None:
    """A page without a text layer gives nothing and is no error."""
    assert read(pdf("Turbines and rotors"), "pdf").text.strip() == "Turbines and rotors"
    assert read(pdf(""), "pdf").text.strip() == ""


def test_markdown_loses_its_tags() -> None:
    """What stands between < and > on one line is gone; two megabytes of < alone are text."""
    assert read(b"a <b>c< d\n>e", "md").parts == ("a c< d\n>e",)
    assert read(b"<" * 2_000_000, "md").parts == ("<" * 2_000_000,)


def test_markdown_is_cut_before_its_headings() -> None:
    """Headings inside a code block do not count; all of the text is kept beside the parts."""
    text = "intro\n# One\nfirst\n```\n# no heading\n```\n## Two\nsecond"
    found = read(text.encode(), "md")
    assert found.text == text
    assert found.parts == ("intro", "One\nfirst\n```\n# no heading\n```", "Two\nsecond")


def test_html_gives_what_is_to_be_read() -> None:
    """Scripts and styles are left out."""
    page = b"<style>x</style><h1>Pumps</h1><p>Rotors</p><script>y</script>"
    assert read(page, "html").text == "PumpsRotors"


def test_tables_give_a_part_for_each_row() -> None:
    """With the name of the column before each value."""
    assert read(b"name,size\npump,3\nrotor,4\n", "csv").parts == (
        "name: pump;size: 3",
        "name: rotor;size: 4",
    )
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["name", "size"])
    sheet.append(["pump", 3])
    written = io.BytesIO()
    book.save(written)
    assert read(written.getvalue(), "xlsx").parts == ('"name":"pump";"size":"3"',)


def test_a_word_document_gives_paragraphs_and_tables_in_order() -> None:
    """A table becomes lines with bars."""
    document = docx.Document()
    document.add_paragraph("before")
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "pump", "3"
    document.add_paragraph("after")
    written = io.BytesIO()
    document.save(written)
    assert read(written.getvalue(), "docx").text == "before\n| pump | 3 |\nafter"


@pytest.mark.parametrize(
    ("body", "extension", "message"),
    [
        (bytes(range(256)) * 4, "md", "Could not detect encoding for /tmp/upload"),
        (pdf("x"), "md", "Could not detect encoding for /tmp/upload"),
        (b"junk", "pdf", "Failed to load document (PDFium: Data format error)."),
        (b"", "pdf", "Failed to load document (PDFium: Data format error)."),
        (pdf("x", "secret"), "pdf", "Failed to load document (PDFium: Incorrect password error)."),
        (b"junk", "docx", "Package not found at '/tmp/upload'"),
        (b"junk", "xlsx", "File is not a zip file"),
    ],
)
def test_junk_is_told_in_the_words_of_the_server(body: bytes, extension: str, message: str) -> None:
    """These texts become the ``error`` of the document."""
    with pytest.raises(ExtractError) as error:
        read(body, extension)
    assert str(error.value) == message


def test_pdf_bytes_under_a_text_name_are_nothing_on_old_servers() -> None:
    """They complete with no segment there."""
    assert read(pdf("x"), "md", "empty") == Extracted("", ())


def test_an_old_excel_file_is_an_error_that_says_what_to_do() -> None:
    """No library for .xls comes with kbsync."""
    with pytest.raises(ExtractError, match=r"save the file as \.xlsx"):
        read(b"\xd0\xcf\x11\xe0", "xls")


def test_segments_have_at_most_the_tokens_asked_for_and_lose_nothing() -> None:
    """Pieces are joined again as long as they fit."""
    text = "\n\n".join(f"Paragraph {n} about turbines. It goes on." for n in range(100))
    pieces = split([text], max_tokens=60, separator=None)
    assert max(map(tokens, pieces)) <= 60
    assert len(pieces) < 100
    assert "\n\n".join(pieces) == text


@pytest.mark.parametrize("text", ["x" * 5000, "字" * 5000, "word " * 2000])
def test_even_text_without_breaks_is_cut(text: str) -> None:
    """By letters, if there is nothing else."""
    pieces = split([text], max_tokens=500, separator=None)
    assert max(map(tokens, pieces)) <= 500
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_cleaning_takes_out_controls_and_runs_of_blanks() -> None:
    """As the automatic rule of the server does; links only on request."""
    assert clean("a\x00  b\n\n\n\nc") == "a b\n\nc"
    assert clean("see https://x.example/y me@x.example", links=True).strip() == "see"


def test_keywords_are_the_words_of_a_segment_without_the_commonest() -> None:
    """As they are written."""
    assert keywords("The pump is the Pump") == ["pump", "Pump"]
