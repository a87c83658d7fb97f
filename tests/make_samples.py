"""Makes the samples that cannot be typed: `python -m tests.make_samples` after an edit here.

The results are committed; a test compares them with what this makes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Final

import docx
import openpyxl
from docx.document import Document
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate

from tests.corpus import reproducible

FILES: Final = Path(__file__).resolve().parents[1] / "kbsync/standin/samples/files"
"""Where the samples are kept."""


def make_samples(root: Path) -> list[Path]:
    """Write the binary samples below `root` and return their paths."""
    paths = [root / name for name in _MAKERS]
    for path, make in zip(paths, _MAKERS.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make())
    return paths


# --- the fault card: docx ------------------------------------------------------------------------

_FAULT_CARD: Final = """
Title: Autoclave fault card

This card hangs beside autoclave 2 in room L.07. It tells you what the display means, what you may
do yourself, and who to call when the autoclave fails.

Heading 1: Fault E27: the door seal has lost its pressure

List Number: Do not open the door and do not press Reset: the chamber may still be under pressure
at 134 °C.

List Number: Press the red mushroom button and keep everybody two metres away.

List Number: Call the works engineer on call, day and night: 01632 960118. Say “autoclave 2, E27”.

List Number: Tell Priya Raman, extension 4231. Only she or the works engineer releases the autoclave
again.

Heading 1: After any fault

The load counts as not sterile, also when the cycle was nearly done. Repeat it with new indicator
strips. Write the fault, the time and your initials into the logbook. The pressure vessel is
inspected every twelve months, next in March 2027.

Heading 1: What the display says
"""

_FAULTS: Final = """
Code | Meaning | What you do
E03 | Water tank empty | Fill with demineralised water up to the upper mark and press Start.
E11 | Drain strainer blocked | Let it cool below 60 °C, rinse the strainer, start again.
E19 | Chamber heats too slowly | Divide the load. If it comes back, book a service.
E27 | Door seal has lost its pressure | Do not open. Call the works engineer, see above.
E40 | Printer out of paper | Paper is in drawer 3; the cycle goes on meanwhile.
"""


def _fault_card() -> bytes:
    document = docx.Document()
    for style, text in _blocks(_FAULT_CARD):
        document.add_paragraph(text, style=style)
    _add_table(document, list(_cells(_FAULTS)))
    out = io.BytesIO()
    document.save(out)
    return reproducible(out.getvalue())


def _add_table(document: Document, rows: list[list[str]]) -> None:
    table = document.add_table(rows=0, cols=len(rows[0]), style="Light Grid Accent 1")
    for row in rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text


# --- the safety rules: pdf -----------------------------------------------------------------------

_RULES: Final = """
Title: Laboratory safety

These rules hold for everyone who enters the laboratory at Carrowby, visitors included. The host
answers for visitors and never leaves them alone.

Heading 1: Before you enter

Safety glasses, a closed coat and closed shoes. Long hair is tied back. Glasses for visitors are in
the white box at the door.

Nobody works alone with acids, compressed gas or the autoclave. Outside 07:00 to 18:00 a second
person has to be within call.

Heading 1: Chemicals

Every bottle carries its name, the date it was opened and your initials. Bottles without a label are
disposed of every Friday at 14:00, whatever is in them.

Acids are kept in cabinet 1, bases in cabinet 2, solvents in the ventilated cabinet 5. Acids and
bases never share a tray.

The fume cupboard is safe up to the mark at 40 centimetres. If the airflow alarm sounds, close the
sash, switch off heaters and leave the reaction alone.

Heading 1: Waste

Halogenated solvents go into the red canister, all others into the blue one. A canister is full at
80 per cent. Facilities collects full canisters on Tuesdays.
\f
Title: When something happens

Heading 1: A chemical spill

Less than half a litre: warn the others, put on nitrile gloves, surround the spill with the
granulate from the yellow bin, then collect it in a bag marked with the name of the substance.

More than half a litre, or anything that smokes: everybody leaves, close the door, pull the blue
alarm handle outside. It starts the exhaust and calls the works fire team. Nobody goes back in
before they say so.

Mercury from an old thermometer: do not sweep. The mercury kit is in drawer 9; air the room for at
least 30 minutes.

Heading 1: Something in the eye

Rinse at the eye shower next to sink 4 for 15 minutes by the clock. Another person calls 999 and
takes the safety data sheet along.

Heading 1: Hydrofluoric acid

It is not used here. If a customer's instrument may contain it, do not unpack it, and call Priya
Raman on extension 4231. Calcium gluconate gel is in the first-aid cabinet all the same.

Heading 1: Fire

Burning solvents: carbon dioxide extinguisher, at both doors. Burning clothes: emergency shower
first, blanket second. The assembly point of the laboratory is the bicycle shed at Gate A.

Heading 1: Write it down

Near misses are reported on form S-2 within 24 hours. We read them out once a month, without names.
"""


def _safety_rules() -> bytes:
    out = io.BytesIO()
    document = SimpleDocTemplate(out, pagesize=A4, title="Laboratory safety", invariant=1)
    document.build(list(_flow(_RULES)))
    return out.getvalue()


def _flow(pages: str) -> Iterator[Paragraph | PageBreak]:
    styles = getSampleStyleSheet()
    for page in pages.split("\f"):
        for style, text in _blocks(page):
            yield Paragraph(text, styles[_PDF_STYLES[style]])
        yield PageBreak()


_PDF_STYLES: Final[Mapping[str | None, str]] = {
    "Title": "Heading1",
    "Heading 1": "Heading2",
    None: "BodyText",
}


# --- the equipment register: xlsx ----------------------------------------------------------------

_EQUIPMENT: Final = """
Asset | What | Room | Keeper | Last check | Next check
LAB-0012 | Autoclave 2, 90 litres | L.07 | Priya Raman | 2026-03-12 | 2027-03-12
LAB-0031 | Analytical balance TB-220A, reference | L.02 | Owen Blake | 2026-06-02 | 2026-12-02
LAB-0044 | Climate chamber, -40 to 180 °C | L.11 | Hana Novak | 2025-11-20 | 2026-11-20
LAB-0057 | Weight set W-3, class E2 | L.02 | Owen Blake | 2025-02-18 | 2027-02-18
LAB-0063 | Fume cupboard, east | L.05 | Priya Raman | 2026-01-15 | 2027-01-15
LAB-0078 | Centrifuge, 4000 rpm | L.05 | Owen Blake | 2026-04-28 | 2027-04-28
LAB-0090 | Oscilloscope, four channels, 200 MHz | E.03 | Dilys Morgan | 2026-05-06 | 2028-05-06
LAB-0091 | Torque screwdriver, 0.5 to 5 Nm | W.14 | Dilys Morgan | 2026-08-03 | 2027-02-03
"""

_KEEPERS: Final = """
Keeper | Extension | Stands in for
Priya Raman | 4231 | Owen Blake
Owen Blake | 4233 | Priya Raman, except for the autoclave
Hana Novak | 4236 | Dilys Morgan
Dilys Morgan | 4272 | Hana Novak
"""


def _register() -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    _fill(book.create_sheet("Equipment"), _EQUIPMENT, widths={"A": 12, "B": 42, "D": 18, "E": 14})
    _fill(book.create_sheet("Keepers"), _KEEPERS, widths={"A": 18, "B": 12, "C": 40})
    out = io.BytesIO()
    book.save(out)
    return reproducible(out.getvalue())


def _fill(sheet: Worksheet, table: str, *, widths: Mapping[str, int]) -> None:
    for row in _cells(table):
        sheet.append([_value(cell) for cell in row])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for column, width in widths.items():
        sheet.column_dimensions[column].width = width
    sheet.freeze_panes = "A2"


def _value(cell: str) -> str | int | date:
    """Numbers and dates are kept as what they are."""
    if cell.isdecimal():
        return int(cell)
    try:
        return date.fromisoformat(cell)
    except ValueError:
        return cell


# --- the notation above --------------------------------------------------------------------------


def _blocks(text: str) -> Iterator[tuple[str | None, str]]:
    """Blocks between blank lines, each with the style named before its first colon, if any."""
    for block in text.strip().split("\n\n"):
        style, _, rest = " ".join(block.split()).partition(": ")
        yield (style, rest) if style in _STYLES else (None, " ".join(block.split()))


_STYLES: Final = ("Title", "Heading 1", "List Number")


def _cells(table: str) -> Iterator[list[str]]:
    for line in table.strip().splitlines():
        yield line.split(" | ")


_MAKERS: Final[Mapping[str, Callable[[], bytes]]] = {
    "Lab/Autoclave fault card.docx": _fault_card,
    "Lab/Equipment register.xlsx": _register,
    "Lab/Safety/Laboratory safety.pdf": _safety_rules,
}


if __name__ == "__main__":
    make_samples(FILES)
