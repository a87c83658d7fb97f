"""Every format that is converted, input and output; and files that mean harm."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pypdfium2
import pytest
from pptx import Presentation
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from kbsync.convert import child
from kbsync.convert.apart import Apart, Bounds
from kbsync.convert.judging import pieces, prepared
from kbsync.convert.registry import CONVERTERS, ready, tag
from kbsync.errors import FileError, NothingToIndex, NotNow
from kbsync.formats import CONVERTIBLE, LANGUAGES
from kbsync.model import SERVER_TYPES


def archive(members: dict[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, content in members.items():
            writer.writestr(name, content)
    return file.getvalue()


def mail() -> bytes:
    message = EmailMessage()
    message["From"] = "Ana <ana@example.org>"
    message["To"] = "team@example.org"
    message["Subject"] = "Gäste-WLAN"
    message.set_content("Vouchers last 36 hours.\n\nAna\n")
    message.add_alternative("<p>Vouchers last <b>36</b> hours.</p>", subtype="html")
    message.add_attachment(b"x", maintype="text", subtype="csv", filename="list.csv")
    return message.as_bytes()


def page_mail() -> bytes:
    message = EmailMessage()
    message["From"] = "ana@example.org"
    message.set_content("<style>p {}</style><p>One</p><p>Two &amp; three</p>", subtype="html")
    return message.as_bytes()


def notebook() -> bytes:
    cells = [
        {"cell_type": "markdown", "source": ["# Prices\n", "by month"]},
        {
            "cell_type": "code",
            "source": "print(1)",
            "outputs": [
                {"output_type": "stream", "text": ["1\n"]},
                {"data": {"text/plain": "2", "image/png": "AAAA"}},
            ],
        },
        {"cell_type": "code", "source": "", "outputs": []},
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}).encode()


ODT = """<?xml version="1.0"?><office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><office:body><office:text>
<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>
<text:h text:outline-level="2">Guest<text:s/>Wi-Fi</text:h>
<text:p>Vouchers <text:span>last</text:span> 36 hours.</text:p>
<text:section><text:list><text:list-item><text:p>one</text:p>
<text:list><text:list-item><text:p>two</text:p></text:list-item></text:list></text:list-item>
</text:list></text:section>
<table:table><table:table-row><table:table-cell><text:p>Floor</text:p></table:table-cell>
<table:table-cell><text:p>Key</text:p></table:table-cell></table:table-row>
<table:table-row><table:table-cell><text:p>2</text:p></table:table-cell>
<table:table-cell><text:p>a|b</text:p></table:table-cell></table:table-row></table:table>
</office:text></office:body></office:document-content>"""


def opendocument(content: str = ODT, manifest: str = "") -> bytes:
    return archive({"META-INF/manifest.xml": manifest, "content.xml": content})


def slides() -> bytes:
    show = Presentation()
    slide = show.slides.add_slide(show.slide_layouts[1])
    slide.shapes.title.text = "Guest Wi-Fi"
    slide.placeholders[1].text = "Vouchers last 36 hours."
    file = io.BytesIO()
    show.save(file)
    return file.getvalue()


def book() -> bytes:
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="a.opf"/></rootfiles></container>'
    )
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Handbook</dc:title></metadata>'
        '<manifest><item id="one" href="one.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="one"/></spine></package>'
    )
    chapter = "<html><body><h1>Wi-Fi</h1><p>Vouchers last 36 hours.</p></body></html>"
    return archive({"META-INF/container.xml": container, "a.opf": package, "one.xhtml": chapter})


GOLDEN: dict[str, tuple[str, bytes, str, str]] = {
    "json": ("json", b'{"a": 1}\n', '```json\n{"a": 1}\n```\n', "md"),
    "code with a fence": ("py", b'"""\n```\n"""', '````python\n"""\n```\n"""\n````\n', "md"),
    "utf-16 log": ("log", "späť\r\n".encode("utf-16"), "```\nspäť\n```\n", "md"),
    "rst": ("rst", b"Title\n=====\n", "Title\n=====\n", "txt"),
    "mail": (
        "eml",
        mail(),
        (
            "# Gäste-WLAN\n\nFrom: Ana <ana@example.org>  \nTo: team@example.org\n\n"
            "Vouchers last 36 hours.\n\nAna\n\nAttached: list.csv\n"
        ),
        "md",
    ),
    "html mail": (
        "eml",
        page_mail(),
        "# Mail without a subject\n\nFrom: ana@example.org\n\nOne\nTwo & three\n",
        "md",
    ),
    "mail in an encoding that there is not": (
        "eml",
        b"Subject: Plan\nContent-Type: text/plain; charset=x-unknown\n\nR\xe4ume im Geb\xe4ude\n",
        "# Plan\n\nRäume im Gebäude\n",
        "md",
    ),
    "notebook": (
        "ipynb",
        notebook(),
        "# Prices\nby month\n\n```python\nprint(1)\n```\n\n```\n1\n```\n\n```\n2\n```",
        "md",
    ),
    "odt": (
        "odt",
        opendocument(),
        (
            "## Guest Wi-Fi\n\nVouchers last 36 hours.\n\n- one\n  - two\n\n"
            "| Floor | Key |\n| --- | --- |\n| 2 | a\\|b |"
        ),
        "md",
    ),
    "rtf": (
        "rtf",
        rb"{\rtf1\ansi\ansicpg1252 {\b G\'e4ste}-WLAN\par 36 hours}",
        "Gäste-WLAN\n36 hours",
        "txt",
    ),
    "pptx": (
        "pptx",
        slides(),
        "<!-- Slide number: 1 -->\n# Guest Wi-Fi\nVouchers last 36 hours.",
        "md",
    ),
    "epub": (
        "epub",
        book(),
        "**Title:** Handbook\n\n# Wi-Fi\n\nVouchers last 36 hours.",
        "md",
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name: str) -> None:
    """What comes out of a file is this, to the letter."""
    extension, body, text, sent_as = GOLDEN[name]

    assert prepared(extension, body, Apart()) == (text.encode(), sent_as)


def test_every_type_has_its_converter() -> None:
    """What the settings offer is what there is, and nothing that the server takes itself."""
    assert CONVERTERS.keys() == CONVERTIBLE
    assert ready(CONVERTIBLE) == CONVERTIBLE
    assert not CONVERTIBLE & SERVER_TYPES
    assert tag("json") == "fenced-1"
    assert tag("pptx").startswith("office-1 markitdown-0.")
    for extension in LANGUAGES:
        assert prepared(extension, b"a", Apart())[1] == "md"


def pdf(text: str = "", password: str | None = None) -> bytes:
    file = io.BytesIO()
    encrypt = None if password is None else StandardEncryption(password)
    canvas = Canvas(file, encrypt=encrypt)
    canvas.rect(10, 10, 100, 100, fill=1)
    canvas.showPage()
    canvas.drawString(100, 100, text)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def test_a_good_pdf() -> None:
    """A PDF with text on any page is sent as it is."""
    body = pdf("Vouchers last 36 hours.")

    assert prepared("pdf", body, Apart()) == (body, None)


def pages(count: int, inserted: int = -1) -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file)
    for page in range(count):
        if page == inserted:
            canvas.drawString(50, 700, "Otters were seen here.")
            canvas.showPage()
        for line in range(30):
            canvas.drawString(50, 700 - 15 * line, f"page {page * page} line {line} of the report")
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def test_pages_in_parts() -> None:
    """A PDF that is too large is sent as several; an insertion leaves all but one of them alone."""
    body, most = pages(120), 12_000

    parts, sent_as = pieces("pdf", body, Apart(), most)
    assert sent_as is None
    assert len(parts) > 5
    assert all(len(part.body) <= most for part in parts)
    counts = [len(pypdfium2.PdfDocument(part.body)) for part in parts]
    assert sum(counts) == 120

    again, _ = pieces("pdf", pages(120, inserted=60), Apart(), most)
    assert len({part.body for part in again} - {part.body for part in parts}) == 1


def test_a_page_that_does_not_fit() -> None:
    """A PDF is not split within a page."""
    with pytest.raises(FileError, match="page 1 alone does not fit"):
        pieces("pdf", pages(3), Apart(), 900)


def test_what_came_out_is_too_large() -> None:
    """What was converted is sent in parts as well: of a block of code, each is one."""
    parts, sent_as = pieces("xml", b"<a/>\n" * 10**4 + b"<b/>", Apart(), 10_000)

    assert sent_as == "md"
    assert all(part.body.startswith(b"```xml\n<a/>\n") for part in parts)
    assert all(len(part.body) <= 10_000 for part in parts)


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lol [<!ENTITY a "'
    + "ha" * 50
    + '">'
    + "".join(
        f'<!ENTITY {new} "{f"&{old};" * 20}">'
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]><a>&i;</a>"
)
HOSTILE: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "billion laughs": ("odt", lambda: opendocument(LAUGHS), "amplification|memory"),
    "zip bomb": ("odt", lambda: opendocument("<a>" + " " * 2**28), "more memory"),
    "deep xml": ("odt", lambda: opendocument("<a>" * 10**5), "cannot be converted"),
    "locked": ("odt", lambda: opendocument("", "<encryption-data/>"), "needs a password"),
    "no archive": ("pptx", lambda: b"PK\3\4" + b"\0" * 500, "it is damaged"),
    "cut off": ("pptx", lambda: slides()[:9000], "it is damaged"),
    "deep json": ("ipynb", lambda: b"[" * 10**6, "nested too deeply"),
    "no notebook": ("ipynb", lambda: b"{}", "it has no cells"),
    "another archive": ("pptx", lambda: archive({"a": "x"}), r"damaged, or no \.pptx file\?"),
    "no mail": ("eml", lambda: b"\n\nhello", "it has no headers"),
    "no rich text": ("rtf", lambda: b"hello", "no rich text"),
    "binary as text": ("json", lambda: bytes(range(256)) * 99, "no text in any encoding"),
    "cut off pdf": ("pdf", lambda: pdf("a")[:400], "damaged"),
    "locked pdf": ("pdf", lambda: pdf("a", "secret"), "needs a password"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    """A file that means harm, or is broken, ends in a reason."""
    extension, body, reason = HOSTILE[name]
    memory = 2**28 if extension == "odt" else 2**30
    bounds = Bounds(work=10, wait=30, memory=memory, output=2**24)

    with pytest.raises(FileError, match=reason) as error:
        prepared(extension, body(), Apart(bounds))

    assert not isinstance(error.value, NothingToIndex)


@pytest.mark.parametrize(
    ("extension", "body", "reason"),
    [
        ("pdf", pdf(), "as of a scan"),
        (
            "odt",
            opendocument(re.sub("(?s)<office:text>.*</office:text>", "<office:text/>", ODT)),
            "no text in it",
        ),
        ("json", b" \n", "no text in it"),
    ],
)
def test_nothing_in_it(extension: str, body: bytes, reason: str) -> None:
    """A document without text is not damaged: there is nothing to index."""
    with pytest.raises(NothingToIndex, match=reason):
        prepared(extension, body, Apart())


# The processes. A script stands for Python, so that it can do what no converter should.


def script(tmp_path: Path, text: str) -> str:
    file = tmp_path / "python"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


def test_no_time_without_end() -> None:
    """A conversion that takes too long is ended."""
    with pytest.raises(FileError, match=r"within 0\.01 seconds"):
        Apart(Bounds(wait=0.01)).convert("mail", "eml", mail())


def test_no_process_to_be_had() -> None:
    """That says nothing of the file: it is tried again later."""
    with pytest.raises(NotNow, match="No such file"):
        Apart(python="/nowhere/python").convert("mail", "eml", mail())


def test_no_bounds_no_conversion(tmp_path: Path) -> None:
    """Where a child cannot limit itself nothing is parsed, and it is said what to allow."""
    apart = Apart(python=script(tmp_path, f"exit {child.UNBOUNDED}"))

    with pytest.raises(NotNow, match="prlimit64 setrlimit"):
        apart.convert("mail", "eml", mail())
    assert prepared("pdf", pdf()[:900], apart)[1] is None  # the server looks into it


def test_lower_limits_of_the_system_stay() -> None:
    """A child that may have less than it would takes that."""
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6));"
        "from kbsync.convert import child; sys.exit(child.main('mail', 'eml', 60, 2**31, 2**26, 0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=mail(), capture_output=True, check=False
    )

    assert (done.returncode, done.stdout[:12]) == (0, "# Gäste-WLAN".encode()[:12])


def test_a_child_knows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets no environment, where keys may be, no open file and no terminal."""
    monkeypatch.setenv("KBSYNC_SERVER__API_KEY", "dataset-secret")
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        told = Apart(python=script(tmp_path, "env; ls /proc/$$/fd; pwd; ps -o tty= $$")).convert(
            "mail", "eml", mail()
        )
        number = str(file.fileno())

    words = told.split()
    assert not [word for word in words if "KBSYNC" in word]
    assert number not in words
    assert words[-2:] == ["/", "?"]


def test_a_crash_is_a_reason(tmp_path: Path) -> None:
    """A converter that dies takes nobody with it."""
    with pytest.raises(FileError, match="the converter ended with -11"):
        Apart(python=script(tmp_path, "kill -SEGV $$")).convert("mail", "eml", mail())


def test_at_most_two_and_none_after_the_end(tmp_path: Path) -> None:
    """A third conversion waits for a place, and an interrupt ends all of them."""
    apart = Apart(python=script(tmp_path, f"touch {tmp_path}/started-$$; exec sleep 60"))
    outcomes: list[BaseException | None] = []

    def convert() -> None:
        try:
            apart.convert("mail", "eml", b"a: b\n\n")
        except NotNow as error:
            outcomes.append(error)

    threads = [threading.Thread(target=convert) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(list(tmp_path.glob("started-*"))) < 2:
        time.sleep(0.01)
    apart.interrupt()
    for thread in threads:
        thread.join(20)

    assert len(outcomes) == 3
    assert len(list(tmp_path.glob("started-*"))) == 2
