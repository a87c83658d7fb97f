"""Formats and poor content, from the command line to the server."""

from __future__ import annotations

import io
import os
import re
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from kbsync.model import State

from .place import a_place

LOCKED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le")


def test_poor_content_is_not_sent(tmp_path: Path) -> None:
    """Blank files are skipped and locked ones fail, told once, until they change."""
    with a_place(tmp_path) as place:
        place.write("good.md", "a document about otters and the rivers they live in, long enough")
        blank = place.write("blank.md", " \n\n")
        place.write("locked.docx", LOCKED)

        said = place.kbsync("reconcile")
        assert said.code == 3
        assert said.line("docs/blank.md") == (
            "skipped  docs/blank.md: nothing but white space in it: nothing to index"
        )
        assert "needs a password" in said.line("failed   docs/locked.docx")
        assert place.record("blank.md").state is State.SKIPPED
        assert [document.name[:4] for document in place.documents()] == ["good"]

        os.utime(blank, (time.time(), time.time()))
        place.kbsync("reconcile")
        assert place.record("blank.md").state is State.SKIPPED
        assert "blank.md" in place.kbsync("status", "--skipped").out
        assert place.calls()["create"] == 1

        blank.write_text("now there is something in it, about badgers and where they sleep")
        place.kbsync("reconcile")
        assert set(place.live()) == {"good.md", "blank.md"}


def test_a_document_that_became_blank(tmp_path: Path) -> None:
    """The version before stays, and a person is told."""
    with a_place(tmp_path) as place:
        file = place.write("a.md", "a document about otters and the rivers they live in, long one")
        assert place.kbsync("reconcile").code == 0
        file.write_text("  ")

        said = place.kbsync("reconcile")

        assert said.code == 3
        assert said.line("docs/a.md: nothing").endswith(
            "; the version indexed before still answers"
        )
        assert set(place.live()) == {"a.md"}


def test_a_document_that_became_empty(tmp_path: Path) -> None:
    """What a walk finds not to be sendable is told once, as failed while the version before stays.

    The plan says the same; a file without a version before is skipped.
    """
    with a_place(tmp_path) as place:
        file = place.write("a.md", "a document about otters and the rivers they live in, long one")
        assert place.kbsync("reconcile").code == 0
        file.write_text("")
        place.write("b.md", "")
        empty, answers = (
            "an empty file: nothing to index",
            "; the version indexed before still answers",
        )
        plan = place.kbsync("plan")
        assert plan.line("docs/a.md") == f"! docs/a.md  ({empty}{answers})"
        assert plan.line("docs/b.md") == f". docs/b.md  ({empty})"

        said = place.kbsync("reconcile")

        assert said.code == 3
        assert said.line("docs/a.md") == f"failed   docs/a.md: {empty}{answers}"
        assert said.line("docs/b.md") == f"skipped  docs/b.md: {empty}"
        assert set(place.live()) == {"a.md"}


def test_other_encodings(tmp_path: Path) -> None:
    """A text in another encoding arrives readable, and is not sent again."""
    text = "Der Gutschein für das Gäste-WLAN gilt sechsunddreißig Stunden, für alle Gäste."
    with a_place(tmp_path) as place:
        place.write("latin.txt", text.encode("latin-1"))
        place.write("wide.txt", text.encode("utf-16"))
        assert place.kbsync("reconcile").code == 0
        assert {document.body.decode() for document in place.documents()} == {text}

        assert place.kbsync("reconcile").code == 0
        assert place.calls()["create"] == 2


def test_formats_are_converted_on_request(tmp_path: Path) -> None:
    """Without being asked for, nothing new is sent; then it is, once, as text of its own type."""
    with a_place(tmp_path) as place:
        place.write("a.md", "a document about otters and the rivers they live in, long enough")
        place.write("letter.eml", "Subject: Otters\nFrom: ana@example.org\n\nThey swim.\n" * 2)
        place.write("data.json", '{"otters": "they swim in rivers and sleep on the banks of them"}')
        said = place.kbsync("reconcile")
        assert said.code == 0
        assert 'convert = "documents" has it converted' in said.line("docs/letter.eml")
        assert 'convert = "all" has it converted' in said.line("docs/data.json")
        assert set(place.live()) == {"a.md"}
        place.calls()

        place.configure(convert=["eml", "json"])
        assert "can be sent now" in place.kbsync("plan").line("docs/letter.eml")
        assert place.kbsync("reconcile").code == 0
        live = place.live()
        assert live["letter.eml"].name.endswith(".md")
        assert live["letter.eml"].text.startswith("# Otters")
        assert live["data.json"].body.startswith(b"```json\n")
        assert place.calls()["create"] == 2

        place.configure(convert="all")
        assert place.kbsync("reconcile").code == 0
        assert place.calls()["create"] == 0
        assert "admitted by type .eml" in place.kbsync("explain", "docs/letter.eml").out


def archived(members: Mapping[str, str], told: int = 0) -> bytes:
    """An archive of these members, and with `told` of sizes that it only tells."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
        for member in archive.filelist if told else ():
            member.file_size = told
    return file.getvalue()


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lol [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 99}">' for a, b in zip("abcdefg", "bcdefgh", strict=True))
    + "]><a>&h;</a>"
)


def test_a_hostile_folder(tmp_path: Path) -> None:
    """Files that mean harm end with a reason each, and what lies beside them is sent."""
    laughs = {"META-INF/manifest.xml": "", "content.xml": LAUGHS}
    with a_place(tmp_path) as place:
        place.configure(convert="all", metadata={"title": "{meta.title}"})
        hostile: dict[str, tuple[str | bytes, str]] = {
            "bomb.docx": (archived({"document.xml": ""}, 2**31), "would unpack to 2,147,483,648"),
            "no.odt": (archived({"content.xml": "<a/>"}), "it has no META-INF/manifest.xml"),
            "laughs.odt": (archived(laughs), "cannot be converted"),
            "cut.pdf": (b"%PDF-1.4\n1 0 obj\n<<", "damaged"),
            "line.csv": ("a,b\n" + "x" * 16 * 2**20, "a record of it"),
            "deep.ipynb": ("[" * 200_000, "nested too deeply"),
            "noise.md": (bytes(range(256)) * 400, "no text in any encoding"),
            "fake.docx": (b"PK\x03\x04" + b"\0" * 900, "damaged"),
        }
        for name, (body, _) in hostile.items():
            place.write(name, body)
        place.write("deep.html", "<div>" * 50_000 + "otters in the rivers, and where they sleep")
        place.write("laughs.xml", LAUGHS)
        place.write("front.md", "---\na: &a [x]\nb: [*a, *a]\n---\nabout otters and the rivers")
        place.write("good.md", "about otters and the rivers that they live in, and about reeds")

        said = place.kbsync("reconcile")

        assert said.code == 3
        for name, (_, reason) in hostile.items():
            assert re.search(reason, said.line(f"failed   docs/{name}")), name
        assert set(place.live()) >= {"front.md", "good.md", "laughs.xml"}
        assert "&h;" in place.live()["laughs.xml"].body.decode()


def test_a_scan_and_a_locked_file(tmp_path: Path) -> None:
    """A PDF without text is told to need OCR, a broken one to be broken, before the upload."""
    scan, text = io.BytesIO(), io.BytesIO()
    for file, words in ((scan, ""), (text, "Vouchers for the guest Wi-Fi last 36 hours")):
        canvas = Canvas(file)
        canvas.rect(10, 10, 100, 100, fill=1)
        canvas.drawString(100, 100, words)
        canvas.save()
    with a_place(tmp_path) as place:
        place.write("scan.pdf", scan.getvalue())
        place.write("text.pdf", text.getvalue())
        place.write("cut.pdf", text.getvalue()[:300])
        said = place.kbsync("reconcile")
        assert said.code == 3
        assert "needs text recognition (OCR)" in said.line("skipped  docs/scan.pdf")
        assert "damaged" in said.line("failed   docs/cut.pdf")
        assert set(place.live()) == {"text.pdf"}


RECOGNISER = """#!{python}
import sys
assert sys.argv[1:] == "--quiet --skip-text --jobs 1 --language eng+deu - -".split()
assert sys.stdin.buffer.read().startswith(b"%PDF-")
sys.stdout.buffer.write(open({text!r}, "rb").read())
"""


def test_a_scan_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ocrmypdf is there and asked for, scans that were skipped are sent with their text."""
    with a_place(tmp_path) as place:
        text, programs = tmp_path / "text.pdf", tmp_path / "bin"
        for file, words in ((text, "Vouchers last 36 hours"), (place.root / "scan.pdf", "")):
            canvas = Canvas(str(file))
            canvas.rect(10, 10, 100, 100, fill=1)
            canvas.drawString(100, 100, words)
            canvas.save()
        monkeypatch.setenv("PATH", str(programs))
        place.configure(ocr="eng+deu")
        assert "needs text recognition" in place.kbsync("reconcile").line("docs/scan.pdf")
        assert "there is no ocrmypdf" in place.kbsync("doctor").line("ocr = ")

        programs.mkdir()
        program = programs / "ocrmypdf"
        program.write_text(RECOGNISER.format(python=sys.executable, text=str(text)))
        program.chmod(0o755)
        assert "its text can be recognised now" in place.kbsync("plan").line("docs/scan.pdf")
        assert place.kbsync("reconcile").code == 0
        (document,) = place.documents()
        assert document.body == text.read_bytes()

        program.write_text("#!/bin/sh\necho it has no such language >&2; exit 3\n")
        (place.root / "scan.pdf").write_bytes((place.root / "scan.pdf").read_bytes() + b"\n")
        said = place.kbsync("reconcile").line("failed   docs/scan.pdf")
        assert "ocrmypdf could not read it (3): it has no such language" in said
