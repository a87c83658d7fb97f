"""Text in pieces: every byte of it, none too large, cut where an edit elsewhere changes nothing."""

from __future__ import annotations

import csv
import io
import random
from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbsync.convert.cutting import cut
from kbsync.convert.fenced import convert as convert_fenced
from kbsync.convert.fenced import cut as cut_fenced
from kbsync.errors import FileError

WORDS = ["otter", "badger", "Ufer", "河", "heron", "reed", "Biber", "water"]
LINES = st.lists(
    st.sampled_from(
        [
            "# One",
            "## Two",
            "```",
            "~~~~",
            "",
            "  ",
            "text",
            "ein längerer Satz über Biber",
            "河" * 9,
        ]
    ),
    max_size=60,
)


def chapters(count: int, seed: int = 1) -> list[str]:
    chance = random.Random(seed)
    return [
        f"## Chapter {number}\n\n"
        + "\n\n".join(" ".join(chance.choices(WORDS, k=40)) for _ in range(5))
        + "\n\n"
        for number in range(count)
    ]


@given(LINES, st.sampled_from(["md", "txt"]), st.integers(40, 200))
def test_nothing_is_lost(lines: list[str], extension: str, most: int) -> None:
    """The pieces are the text but for what is blank or there twice, and none is too large."""
    plain = {"", "  ", "```", "~~~~"}
    told = [line if line in plain else f"{line} {n}" for n, line in enumerate(lines)]
    text = "\n".join(told).encode()

    pieces = [piece.body for piece in cut(extension, text, most)]

    end = 0
    for piece in pieces:
        assert 0 < len(piece) <= most
        piece.decode()
        start = text.index(piece, end)
        assert not text[end:start].strip()
        end = start + len(piece)
    assert not text[end:].strip()
    twice = text + b"\n\n" + text
    assert len({piece.body for piece in cut(extension, twice, most)}) == len(
        cut(extension, twice, most)
    )


@given(
    st.lists(st.lists(st.text("a;\"\r\n, '", max_size=8), min_size=2, max_size=2), max_size=40),
    st.integers(100, 300),
    st.sampled_from(["\r\n", "\n", "\r"]),
)
def test_records_stay_whole(rows: list[list[str]], most: int, end: str) -> None:
    """Each piece of a table has its first record, and all records are in one of them, in order."""
    file = io.StringIO()
    minimal = csv.writer(file, lineterminator=end)
    quoted = csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer = minimal if end == "\r\n" else quoted  # by itself it quotes its own line ends only
    writer.writerows([["name", "about"], *rows])
    text = file.getvalue().encode()

    pieces = cut("csv", text, most)

    found: list[list[str]] = []
    for piece in pieces:
        head, *some = csv.reader(io.StringIO(piece.body.decode(), newline=""))
        assert head == ["name", "about"]
        assert len(piece.body) <= most
        found += some
    if len({piece.body for piece in pieces}) == len(pieces) and len(text) <= most:
        assert found == rows
    assert {tuple(row) for row in found} == {tuple(row) for row in rows}


@pytest.mark.parametrize("place", range(10, 200, 17))
def test_an_edit_changes_one_piece(place: int) -> None:
    """Longer, shorter or gone: what is around a changed chapter is cut as before."""
    before = chapters(210)
    pieces = {piece.body for piece in cut("md", "".join(before).encode(), 9000)}
    assert len(pieces) > 20
    for changed in ("", before[place] + "And a little more.\n\n", "## Chapter new\n\nShort.\n\n"):
        after = [*before[:place], changed, *before[place + 1 :]]
        new = {piece.body for piece in cut("md", "".join(after).encode(), 9000)} - pieces
        assert len(new) <= 2


def test_the_strongest_border() -> None:
    """A chapter before a section, a heading before a paragraph, and none in a block of code."""
    text = "intro\n\n" + "## a\n\ntext\n\n" * 6 + "# B\n\nmore\n\n" + "## c\n\ntext\n\n" * 6
    assert [piece.title for piece in cut("md", text.encode(), 120)] == ["", "B"]

    code = "text\n\n```sh\n# no heading\n# none\n" + "ls\n" * 20 + "```\n\n" + "word\n\n" * 10
    assert not [piece.title for piece in cut("md", code.encode(), 90) if "no" in piece.title]


def test_a_record_that_does_not_fit() -> None:
    """A table is not cut within a record, nor one whose first record fills a document."""
    for text in ("a,b\n" + "x" * 300 + "\n", "a" * 80 + "\n" + "x,y\n" * 80, "x" * 300):
        with pytest.raises(FileError, match="cannot be split: a record of it"):
            cut("csv", text.encode(), 100)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_a_table(end: str) -> None:
    """A table is cut at its records, whatever ends its lines; its quoted cells keep theirs."""
    lines = [f"a,b{end}", *(f"{row},plain{end}" for row in range(80))]
    lines[40] = f'40,"first{end}second"{end}'
    pieces = [piece.body.decode() for piece in cut("csv", "".join(lines).encode(), 120)]
    assert len(pieces) > 5
    assert "".join(piece.removeprefix(lines[0]) for piece in pieces) == "".join(lines[1:])
    assert all(piece.startswith(lines[0]) and piece.endswith(end) for piece in pieces)
    assert sum(lines[40] in piece for piece in pieces) == 1


def test_a_quote_in_the_middle_of_a_field() -> None:
    """It encloses nothing: a table that has a 5" pipe is cut at its lines, and no quoted one is."""
    lines = ["id,text\n", '0,a 5" pipe\n', *(f"{each},plain\n" for each in range(1, 60))]
    lines[30] = '30,"two lines, one of a 6"" pipe\nand one more"\n'
    lines[50] = '50, "half a quote\n'
    pieces = cut("csv", "".join(lines).encode(), 120)
    head, found = lines[0], [piece.body.decode() for piece in pieces]
    assert all(piece.startswith(head) for piece in found)
    assert "".join(piece.removeprefix(head) for piece in found) == "".join(lines[1:])
    assert sum(lines[30] in piece for piece in found) == 1


def test_code_stays_code() -> None:
    """Each piece of a block of code is one."""
    body = "````json\n" + "\n".join(f'{{"otter": {number}}}' for number in range(60)) + "\n````\n"

    pieces = [piece.body.decode() for piece in cut_fenced(body.encode(), 200)]

    assert len(pieces) > 3
    for piece in pieces:
        assert piece.startswith("````json\n{")
        assert piece.endswith("}\n````\n")
        assert len(piece) <= 200
    assert sum(piece.count("otter") for piece in pieces) == 60


def test_a_fence_that_fills_a_document() -> None:
    """Code with a run of backticks as long as a document is refused, and nobody waits for it."""
    body = convert_fenced(b"`" * 600 + b"\n" + b"text\n" * 100, "json").encode()
    with pytest.raises(FileError, match="cannot be split: it has 600 backticks in a row"):
        cut_fenced(body, 1000)


@pytest.mark.parametrize("most", range(1, 8))
@pytest.mark.parametrize("extension", ["md", "txt", "csv"])
def test_documents_of_a_few_bytes(extension: str, most: int) -> None:
    """However small a document may be, cutting comes to an end."""
    text = b"# a\n\n# b\nab cd\n\n# c\n1,2\n"
    refused = pytest.raises(FileError) if extension == "csv" else nullcontext()
    with refused:
        assert all(0 < len(piece.body) <= most for piece in cut(extension, text, most))
