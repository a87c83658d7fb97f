"""`kbsync search`: passages with their files, as a person meets them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbsync.commands.passages import excerpt, highlighted
from kbsync.standin import Fault

from .place import Place, a_place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with a_place(tmp_path) as made:
        made.write("IT/Guest Wi-Fi.md", "# Guest Wi-Fi\n\nA voucher is valid for 36 hours.\n")
        made.write("leave.md", "# Leave\n\nEverybody has 30 days of leave a year.\n")
        assert made.kbsync("reconcile").code == 0
        made.standin.forget_requests()
        yield made


def freshness(place: Place, query: str = "voucher valid") -> str:
    """What the first passage says of its file."""
    result = place.kbsync("search", query, "--json").json["results"][0]
    return str(result["freshness"])


def test_a_passage_comes_with_its_local_path(place: Place) -> None:
    """And is found in two requests."""
    said = place.kbsync("search", "voucher valid")
    path = place.root / "IT/Guest Wi-Fi.md"
    assert said.line("[1]") == f"[1] {path}  (unchanged since it was indexed)"
    assert "    A voucher is valid for 36 hours." in said.out
    assert said.code == 0
    assert place.calls() == {"dataset-list": 1, "dataset-get": 1, "retrieve": 1}


def test_the_words_of_the_query_are_highlighted_on_a_terminal() -> None:
    """Whole words, whatever their case."""
    marked = highlighted("A Voucher, no vouchers.", "voucher")
    assert marked == "A \x1b[33m\x1b[1mVoucher\x1b[0m, no vouchers."
    assert highlighted("plain", "?!") == "plain"


def test_json_has_everything(place: Place) -> None:
    """For programs: folder, path, file, freshness, document, text."""
    told = place.kbsync("search", "leave", "--json").json
    assert told["query"] == "leave"
    result = told["results"][0]
    live = place.live()["leave.md"]
    assert (result["folder"], result["path"]) == ("docs", "leave.md")
    assert result["file"] == str(place.root / "leave.md")
    assert (result["document_id"], result["document"]) == (live.id, live.name)
    assert "30 days" in result["text"]


def test_a_file_that_changed_since_says_so(place: Place) -> None:
    """By its content: a new date alone is no change."""
    file = place.root / "IT/Guest Wi-Fi.md"
    assert freshness(place) == "current"
    os.utime(file)
    assert freshness(place) == "current"
    file.write_text("# Guest Wi-Fi\n\nA voucher is valid for 48 hours.\n")
    assert freshness(place) == "changed"
    file.unlink()
    assert freshness(place) == "gone"


def test_while_a_new_version_is_on_its_way_the_old_one_is_told_as_changed(place: Place) -> None:
    """The server still answers from the old one."""
    place.write("IT/Guest Wi-Fi.md", "# Guest Wi-Fi\n\nA voucher is valid for 48 hours.\n")
    place.standin.faults.add(Fault("index-error", name="Wi-Fi", text="no"))
    assert place.kbsync("reconcile").code == 3
    assert freshness(place) == "changed"
    place.write("IT/Guest Wi-Fi.md", "# Guest Wi-Fi\n\nA voucher is valid for 36 hours.\n")
    assert freshness(place) == "current"


def test_documents_of_others_are_told_as_such(place: Place) -> None:
    """They are in the dataset, and no file here belongs to them."""
    place.standin.add_document(place.dataset_id, "other.txt", b"A zebra is striped.")
    said = place.kbsync("search", "zebra")
    assert said.line("[1]") == "[1] other.txt  (a document that no file here belongs to)"


def test_a_long_query_is_cut_with_a_word_about_it(place: Place) -> None:
    """At the 250 characters that a server takes."""
    said = place.kbsync("search", "leave " + "x" * 300)
    assert "the query has 306 characters; only the first 250 are searched for" in said.err
    assert said.code == 0
    assert "leave.md" in said.out


def test_metadata_narrow_a_search(place: Place) -> None:
    """By equality, inequality, or a part."""
    for where, found in (
        ("kbsync_path=leave.md", 1),
        ("kbsync_path!=leave.md", 0),
        ("kbsync_path~IT/", 0),
    ):
        results = place.kbsync("search", "leave", "--where", where, "--json").json["results"]
        assert len(results) == found, where
    said = place.kbsync("search", "leave", "--where", "nonsense")
    assert said.line("--where nonsense: write NAME=VALUE")
    assert said.code == 2


def test_a_method_that_the_dataset_has_not_is_refused_in_words(place: Place) -> None:
    """An economy dataset knows keywords only."""
    assert place.kbsync("search", "leave", "--method", "keyword").code == 0
    said = place.kbsync("search", "leave", "--method", "semantic")
    assert said.line("is indexed economically and knows keywords only")
    assert said.code == 5


def test_a_query_needs_no_quotes(place: Place) -> None:
    """Several words are one query."""
    assert (
        place.kbsync("search", "voucher", "valid").out
        == place.kbsync("search", "voucher valid").out
    )


def test_a_search_for_nothing_and_one_that_finds_nothing(place: Place) -> None:
    """Neither is silent."""
    assert place.kbsync("search", "  ").line("the query is empty")
    assert place.kbsync("search", "unicorns").line("nothing found for 'unicorns'")
    assert place.kbsync("search", "leave", "--folder", "nope").line("no folder named 'nope'")


def test_a_ledger_that_was_never_made_does_not_hinder(place: Place) -> None:
    """The passages are then told by their documents' names; nothing is written."""
    place.ledger.unlink()
    (place.ledger.parent / "ledger.db.backup").unlink(missing_ok=True)
    said = place.kbsync("search", "leave")
    assert "leave [" in said.line("[1]")
    assert not place.ledger.exists()


def test_a_server_without_a_search_says_what_to_do(tmp_path: Path) -> None:
    """The guide's form has none."""
    with a_place(tmp_path, dialect="simple") as place:
        assert place.kbsync("search", "x").line("this API style has no search; ask an application")


def test_an_excerpt_is_where_the_answer_is() -> None:
    """Of a long passage, the lines around the words of the question are shown."""
    lines = [f"Line {number} says nothing." for number in range(40)]
    lines[20] = "Fault E27 is the door seal."
    shown = excerpt("\n\n".join(lines), "What is fault E27?")
    assert lines[20] in shown
    assert len(shown) <= 5
    assert excerpt("  \n ", "What?") == []
