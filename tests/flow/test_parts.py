"""Files that are too large for one document: parts that live and die as one file."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from kbsync import naming
from kbsync.model import State
from kbsync.standin import StoredDocument

from .place import Place, a_place
from .test_audit import ask

LIMIT = 4000


def sections(count: int = 40) -> list[str]:
    chance = random.Random(7)
    words = ["otter", "badger", "river", "bank", "grebe", "heron", "kingfisher", "reed", "water"]
    return [
        f"## Chapter {number}\n\n" + " ".join(chance.choice(words) for _ in range(60)) + "\n\n"
        for number in range(count)
    ]


def in_order(documents: Sequence[StoredDocument]) -> list[StoredDocument]:
    return sorted(documents, key=lambda one: int(str(one.metadata["kbsync_part"]).split()[0]))


def told(place: Place) -> str:
    """The file's text, put together again from its parts, all of which answer."""
    documents = in_order(place.documents())
    numbers = [one.metadata["kbsync_part"] for one in documents]
    assert numbers == [f"{one} of {len(numbers)}" for one in range(1, len(numbers) + 1)]
    assert all(one.display_status == "available" and one.segments for one in documents)
    assert all(len(one.body) <= LIMIT for one in documents)
    return "".join(one.body.decode() for one in documents)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with a_place(tmp_path) as place:
        place.configure(max_size=LIMIT)
        yield place


def test_an_edit_sends_one_part(place: Place) -> None:
    """Only what changed is sent; the numbers of the others change in their metadata."""
    text = sections()
    file = place.write("big.md", "".join(text))
    assert "in parts" in place.kbsync("plan").line("big.md")
    said = place.kbsync("reconcile")
    assert said.code == 0, said
    assert told(place) == file.read_text()
    first = {one.name: one.id for one in place.documents()}
    assert len(first) > 3
    assert all((mark := naming.decode(name)) and mark.is_part for name in first)
    assert place.record("big.md").state is State.COMPLETED
    place.calls()

    text[20:20] = ["## New\n\nAn insertion about otters. " + "reed " * 700 + "\n\n"]
    file.write_text("".join(text))
    assert place.kbsync("reconcile").code == 0

    assert told(place) == file.read_text()
    second = {one.name: one.id for one in place.documents()}
    kept = first.items() & second.items()
    assert len(kept) >= len(first) - 2
    assert place.calls()["create"] == len(second) - len(kept)
    assert place.kbsync("reconcile").code == 0
    assert place.calls()["create"] == 0


def test_one_file_in_all_that_is_told(place: Place) -> None:
    """Counts, the plan, explain and the deletion limits know one file."""
    file = place.write("big.md", "".join(sections()))
    place.write("small.md", "something about otters in the river that is long enough to index")
    place.configure(max_delete_count=1)
    place.kbsync("reconcile")
    counts = place.kbsync("status", "--json").json["folders"][0]["counts"]
    assert counts["completed"] == 2
    explained = place.kbsync("explain", "docs/big.md").out
    parts = len(place.documents()) - 1
    assert f"parts:          {parts}, all of them indexed" in explained

    file.unlink()
    assert place.kbsync("reconcile").code == 0
    assert [one.name[:5] for one in place.documents()] == ["small"]


def test_it_shrinks_and_grows(place: Place) -> None:
    """One document becomes parts and parts one document; the old goes when the new answers."""
    file = place.write("big.md", "".join(sections(3)))
    place.kbsync("reconcile")
    place.equal()

    file.write_text("".join(sections(30)))
    assert place.kbsync("reconcile").code == 0
    assert told(place) == file.read_text()

    file.write_text("".join(sections(2)))
    assert place.kbsync("reconcile").code == 0
    place.equal()


def test_moved_trashed_and_back(place: Place) -> None:
    """A rename sends nothing; a deleted file's parts go out of service, and back, together."""
    place.configure(trash_days=3)
    file = place.write("big.md", "".join(sections()))
    place.kbsync("reconcile")
    ids = {one.id for one in place.documents()}
    place.calls()

    moved = file.rename(file.with_name("moved.md"))
    assert place.kbsync("reconcile").code == 0
    assert {one.id: one.metadata["kbsync_path"] for one in place.documents()} == dict.fromkeys(
        ids, "moved.md"
    )
    text = moved.read_text()
    moved.unlink()
    place.kbsync("reconcile")
    assert {one.id for one in place.documents() if not one.enabled} == ids
    moved.write_text(text)
    assert place.kbsync("reconcile").code == 0
    assert {one.id for one in place.documents() if one.enabled} == ids
    assert place.calls()["create"] == 0

    place.write("big.md", text)  # its parts would have the names of those that moved away
    assert place.kbsync("reconcile").code == 0
    assert len({one.name for one in place.documents()}) == 2 * len(ids)


def test_a_lost_ledger(place: Place) -> None:
    """Parts are taken over without sending anything, and `adopt` calls none of them outdated."""
    file = place.write("big.md", "".join(sections()))
    place.kbsync("reconcile")
    ids = {one.id for one in place.documents()}
    place.lose_ledger()
    assert "1 in parts, which the next run compares" in place.kbsync("adopt").out
    said = place.kbsync("reconcile")
    assert said.code == 0
    assert "of which 0 changed" in said.line("big.md")
    assert "changed since it was sent" not in said.out
    assert {one.id for one in place.documents()} == ids
    assert place.calls()["create"] == 0
    assert told(place) == file.read_text()


def test_drift_of_a_part(place: Place) -> None:
    """A part that somebody deleted is found, and alone is sent again."""
    file = place.write("big.md", "".join(sections()))
    place.kbsync("reconcile")
    ask(place, "DELETE", place.documents()[1].id)
    place.calls()

    found = place.kbsync("audit", "--repair")
    assert "was deleted in Dify" in found.out
    assert place.kbsync("reconcile").code == 0
    assert told(place) == file.read_text()
    assert place.calls()["create"] == 1


def test_what_cannot_be_split(place: Place) -> None:
    """Other types, and tables with an endless record, are skipped or fail with the reason."""
    place.write("page.html", "<p>" + "otters " * 800)
    place.write("table.csv", "name,about\notter," + "x" * 5000 + "\n")
    place.write("good.csv", "name,about\n" + "".join(f"otter {n},river\n" for n in range(600)))
    said = place.kbsync("reconcile")
    assert said.code == 3
    assert "max_size is 4,000 bytes" in said.line("docs/page.html")
    assert "a record of it" in said.line("failed   docs/table.csv")
    assert all(one.body.startswith(b"name,about\n") for one in place.documents())

    place.configure(split_up_to=0)
    assert "too large" in place.kbsync("reconcile").out
