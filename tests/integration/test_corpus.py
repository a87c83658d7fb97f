"""The generated corpus is what the flow tests take it for."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path, PurePosixPath

import pytest

from tests.corpus import CorpusFile, edit, kind_of, make_corpus, make_marker, text_of

KINDS = ("csv", "docx", "html", "md", "pdf", "txt", "vtt", "xlsx")


@dataclass(frozen=True)
class Corpus:
    root: Path
    files: list[CorpusFile]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    root = tmp_path_factory.mktemp("corpus")
    return Corpus(root, make_corpus(root))


@pytest.fixture(scope="module")
def texts(corpus: Corpus) -> dict[str, str]:
    return {file.path: text_of(corpus.root / file.path) for file in corpus.files}


def test_it_has_five_hundred_files_and_nothing_else(corpus: Corpus) -> None:
    """The folder holds exactly the files that are reported, five hundred by default."""
    on_disk = {
        path.relative_to(corpus.root).as_posix()
        for path in corpus.root.rglob("*")
        if path.is_file()
    }
    assert on_disk == {file.path for file in corpus.files}
    assert len(on_disk) == len(corpus.files) == 500


def test_every_document_opens_and_contains_its_marker_once(
    corpus: Corpus, texts: dict[str, str]
) -> None:
    """Each document opens with the library of its kind and has its marker in its text once."""
    assert [file for file in corpus.files if texts[file.path].count(file.marker) != 1] == []


def test_no_document_contains_the_marker_of_another(corpus: Corpus, texts: dict[str, str]) -> None:
    """A marker is found in one document only, not even as a part of a word in others."""
    everything = "\n".join(texts.values())
    assert [file for file in corpus.files if everything.count(file.marker) != 1] == []


def test_all_kinds_are_there_in_their_shares(corpus: Corpus) -> None:
    """Every kind comes, each kind that is slow to make about one time in twelve."""
    counts = Counter(file.kind for file in corpus.files)
    assert sorted(counts) == list(KINDS)
    assert all(35 <= counts[kind] <= 50 for kind in ("docx", "pdf", "xlsx"))


def test_names_are_as_awkward_as_promised(corpus: Corpus) -> None:
    """There are deep, long, equal, decomposed and multilingual names, and upper-case extensions."""
    paths = [PurePosixPath(file.path) for file in corpus.files]
    parts = {part for path in paths for part in path.parts}
    assert max(len(path.parts) for path in paths) == 6
    assert max(len(part.encode()) for part in parts) == 255
    assert max(Counter(path.name for path in paths).values()) > 2
    assert {path.suffix for path in paths} >= {".PDF", ".XLSX"}
    assert any(" " in part for part in parts)
    assert any(unicodedata.normalize("NFC", part) in parts - {part} for part in parts)
    letters = {unicodedata.name(letter, "").split()[0] for part in parts for letter in part}
    assert letters >= {"GREEK", "CJK", "HANGUL", "CYRILLIC", "ARABIC", "COMBINING"}
    assert any("🚀" in part for part in parts)


def test_the_same_seed_makes_the_same_bytes(tmp_path: Path) -> None:
    """Two corpora of one seed are the same files with the same bytes."""
    one = make_corpus(tmp_path / "one", count=120, seed=7)
    two = make_corpus(tmp_path / "two", count=120, seed=7)
    assert one == two
    differing = [
        file.path
        for file in one
        if (tmp_path / "one" / file.path).read_bytes()
        != (tmp_path / "two" / file.path).read_bytes()
    ]
    assert differing == []


def test_another_seed_makes_other_documents(tmp_path: Path) -> None:
    """Corpora of two seeds share no marker and differ in their paths."""
    one = make_corpus(tmp_path / "one", count=120, seed=1)
    two = make_corpus(tmp_path / "two", count=120, seed=2)
    assert {file.marker for file in one}.isdisjoint(file.marker for file in two)
    assert {file.path for file in one} != {file.path for file in two}


def test_a_smaller_corpus_is_the_beginning_of_a_larger_one(corpus: Corpus, tmp_path: Path) -> None:
    """The count only decides where to stop."""
    assert make_corpus(tmp_path, count=60) == corpus.files[:60]


@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_exchanges_the_marker_and_nothing_else(
    kind: str, corpus: Corpus, texts: dict[str, str], tmp_path: Path
) -> None:
    """An edited document of any kind has the new marker where the old one was."""
    file = next(file for file in corpus.files if file.kind == kind)
    marker = make_marker("edited", file.path)
    edited = edit(file, tmp_path, marker)
    assert edited == replace(file, marker=marker)
    assert text_of(tmp_path / file.path) == texts[file.path].replace(file.marker, marker)


def test_an_edit_back_restores_the_bytes(corpus: Corpus, tmp_path: Path) -> None:
    """Editing a document and editing it back leaves the bytes it had."""
    for file in corpus.files[:40]:
        edit(edit(file, tmp_path, "another"), tmp_path, file.marker)
        assert (tmp_path / file.path).read_bytes() == (corpus.root / file.path).read_bytes()


def test_markers_are_plain_words() -> None:
    """A marker is fourteen letters, so that every tokenizer keeps it whole."""
    markers = {make_marker(*parts) for parts in product(range(20), "abc")}
    assert len(markers) == 60
    assert all(len(marker) == 14 and marker.isascii() and marker.isalpha() for marker in markers)


def test_the_kind_follows_from_the_extension_in_any_case() -> None:
    """`SCAN.PDF` is a pdf like `scan.pdf`."""
    assert kind_of("old.stuff/SCAN.PDF") == kind_of("scan.pdf") == "pdf"
