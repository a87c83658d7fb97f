"""Names that people, programs and other systems really give files: one document each."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from kbsync.model import Key
from kbsync.naming import MAX_LENGTH, decode, key_digest

from .place import Place, a_place

_NFC = unicodedata.normalize("NFC", "Café.md")
NAMES = [
    _NFC,
    unicodedata.normalize("NFD", _NFC),
    "readme.md",
    "README.md",
    "Readme.MD",
    "new\nline.md",
    "tab\there.md",
    "bell\x07.md",
    "right\u202eto left\u202c.md",
    "zero\u200bwidth.md",
    "zerowidth.md",
    "dots...md",
    " spaces .md",
    "spaces.md",
    'all \\:*?"<>| of them.md',
    "percent %22 %2F.md",
    "🚀 launch 👩‍🚀.md",
    "é" * 126 + ".md",
    "x" * 252 + ".md",
    "x" * 251 + "y.md",
    ".hidden.md",
    "no [3fa9c1d2e5b7-77ab0e12].md",
    "…/…/…/dots.md",
    "a › b.md",
    "a/b.md",
    os.fsdecode(b"caf\xe9.md"),
]


@pytest.mark.parametrize("behave", ["1.10.1", "1.16.1"])
def test_one_document_for_each_file(tmp_path: Path, behave: str) -> None:
    """Twins in form, case or look are files of their own, and each is found again by its name."""
    with a_place(tmp_path, behave=behave) as place:
        _write(place)
        said = place.kbsync("reconcile")
        assert said.code == 0, said
        place.equal()
        digests = set()
        for document in place.documents():
            mark = decode(document.name)
            assert mark is not None, document.name
            assert len(document.name) <= MAX_LENGTH
            assert mark.readable == mark.readable.strip()
            digests.add(mark.key_digest)
        assert digests == {key_digest("test", Key("docs", name)) for name in NAMES}

        place.lose_ledger()
        assert place.kbsync("reconcile").code == 0
        assert place.calls()["create"] == 0
        place.equal()


def _write(place: Place) -> None:
    for number, name in enumerate(NAMES):
        place.write(name, f"file number {number} is about otters and the rivers that they live in")
    files = [file for file in place.root.rglob("*") if file.is_file()]
    assert len(files) == len(NAMES) == len(set(NAMES))
