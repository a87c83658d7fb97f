"""Formats and poor content, from the command line to the server."""

from __future__ import annotations

import os
import time
from pathlib import Path

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
