"""The handbook that the demo syncs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

import pypdfium2
import pytest

from kbsync.standin import samples
from tests.corpus import text_of
from tests.make_samples import make_samples

FACTS: Final[Mapping[str, str]] = {
    "IT/Backup and restore.md": "every 2 hours from 06:00 to 22:00",
    "IT/Guest Wi-Fi.md": "a voucher is valid for 24 hours and for three devices",
    "IT/Passwords and second factor.md": "at least 14 characters",
    "IT/Printers.html": "error 49-32",
    "IT/Runbooks/Mail is down.md": "mx1.tarnfell.example",
    "IT/Runbooks/Server room too warm.md": "The alarm comes at 29 °C",
    "IT/Set up a new laptop.html": "Hold the power key for 15 seconds",
    "IT/Suspicious mail.txt": "the orange fish",
    "IT/VPN and remote access.md": "vpn.tarnfell.example",
    "Lab/Autoclave fault card.docx": "E27 Door seal has lost its pressure",
    "Lab/Calibration of balances.md": "must not exceed 0.15 mg",
    "Lab/Equipment register.xlsx": "LAB-0057 Weight set W-3",
    "Lab/Safety/Laboratory safety.pdf": "Rinse at the eye shower next to sink 4 for 15 minutes",
    "Meetings/All-hands September 2026.vtt": "The new production hall opens on 2 November",
    "People/Expenses.md": "45p a mile",
    "People/Holidays and leave.md": "27 vacation days",
    "People/Parental leave.md": "18 weeks on full pay",
    "People/Sickness.md": "From the eighth calendar day",
    "People/Working time.md": "core hours from 10:00 to 15:00",
    "People/Your first week.txt": "Probation lasts six months",
    "Sales/Price list.csv": 'TB-120,"Precision balance, 1200 g, 10 mg",piece,1290.00',
    "Sales/Returns and warranty.html": "The restocking fee is 15 %",
    "Urlaub & Reisen/Dienstreisen – Richtlinie.md": "0,30 € je Kilometer",
    "Urlaub & Reisen/Urlaubsantrag – so geht’s.md": "30 Urlaubstage",
    "Welcome.md": "founded in 1987 in a former wool mill",
    "Αθήνα/Άδειες και αργίες.md": "25 ημέρες άδειας",
    "東京オフィス/入社初日の案内.md": "入社日から20日付与",
}
"""Every document of the handbook, and something one can learn from it."""


@pytest.fixture(scope="module")
def handbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("handbook")
    samples.copy_to(target)
    return target


def test_every_document_is_copied_under_its_real_name(tmp_path: Path) -> None:
    """The copy holds every document of the package, under its real name, and reports each path."""
    target = tmp_path / "not there yet"
    written = samples.copy_to(target)
    assert written == sorted(path for path in target.rglob("*") if path.is_file())
    assert [path.relative_to(target).as_posix() for path in written] == sorted(FACTS)


def test_a_second_copy_restores_edited_documents_and_leaves_the_rest_alone(tmp_path: Path) -> None:
    """Copying again brings an edited document back and does not touch a file of somebody else's."""
    first = samples.copy_to(tmp_path)
    before = first[0].read_bytes()
    first[0].write_bytes(b"edited")
    (tmp_path / "mine.md").write_text("mine")
    assert samples.copy_to(tmp_path) == first
    assert first[0].read_bytes() == before
    assert (tmp_path / "mine.md").read_text() == "mine"


@pytest.mark.parametrize(("path", "fact"), FACTS.items())
def test_a_document_opens_and_says_what_one_looks_for(handbook: Path, path: str, fact: str) -> None:
    """Each document opens with the library of its kind and contains its fact."""
    assert fact in text_of(handbook / path)


def test_the_question_has_one_answer(handbook: Path) -> None:
    """No document shares as many words with the demo's question as the one that answers it."""
    query, answer = samples.QUESTION
    shared = {path: len(_words(query) & _words(text_of(handbook / path))) for path in FACTS}
    best = max(shared.values())
    assert [path for path, count in shared.items() if count == best] == [answer]
    assert "01632 960118" in text_of(handbook / answer)


def test_the_safety_rules_have_two_pages(handbook: Path) -> None:
    """The PDF has two pages, and both have text that can be read out of it."""
    with pypdfium2.PdfDocument(handbook / "Lab/Safety/Laboratory safety.pdf") as document:
        texts = [page.get_textpage().get_text_range() for page in document]
    assert [text.split("\r\n")[0] for text in texts] == [
        "Laboratory safety",
        "When something happens",
    ]


def test_the_binary_documents_are_what_their_generator_makes(
    handbook: Path, tmp_path: Path
) -> None:
    """The committed binary documents say what the generator beside these tests makes today."""
    for made in make_samples(tmp_path):
        assert text_of(made) == text_of(handbook / made.relative_to(tmp_path))


def test_the_package_holds_ascii_names_only() -> None:
    """Inside the package every name is ASCII, so that each archive and installer keeps it."""
    root = Path(str(files(samples) / "files"))
    names = [path.relative_to(root).as_posix() for path in root.rglob("*")]
    assert len(names) > len(FACTS)
    assert [name for name in names if not name.isascii()] == []


def test_the_handbook_is_small(handbook: Path) -> None:
    """All documents together stay below 400 kB."""
    assert sum((handbook / path).stat().st_size for path in FACTS) < 400_000


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))
