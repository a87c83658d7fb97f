"""Renamed and moved files keep their documents: what is sent, and what the server has then."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbsync.model import State
from kbsync.standin import Fault

from .place import Place, a_place

DIALECTS = ["dify", "simple"]


@pytest.fixture(params=DIALECTS)
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    with a_place(tmp_path, dialect=request.param) as place:
        yield place


@pytest.fixture
def dify(tmp_path: Path) -> Iterator[Place]:
    with a_place(tmp_path) as place:
        yield place


def text(number: int | str) -> str:
    return f"number {number}, about voles and what they dig, long enough to be believed unasked"


def has_metadata(place: Place) -> bool:
    return place.standin.world.dify


def settle(place: Place) -> dict[str, str]:
    """Sync, and return the document of each file."""
    said = place.kbsync("reconcile")
    assert said.code == 0, said.out + said.err
    place.equal()
    place.calls()
    return documents(place)


def documents(place: Place) -> dict[str, str]:
    return {path: document.id for path, document in place.live().items()}


def moved(place: Place) -> dict[str, str]:
    """Sync after moves, and return the document of each file; nothing may be sent or deleted."""
    said = place.kbsync("reconcile")
    assert said.code == 0, said.out + said.err
    calls = place.calls()
    assert (calls["create"], calls["update"], calls["delete"]) == (0, 0, 0)
    place.equal()
    if has_metadata(place):
        for path, document in place.live().items():
            assert document.metadata["kbsync_path"] == path
    return documents(place)


def test_a_directory_of_three_hundred(place: Place) -> None:
    """A renamed directory is no upload and no deletion, and its metadata go by the hundred."""
    for number in range(300):
        place.write(f"old/{number % 7}/{number}.md", text(number))
    before = settle(place)
    (place.root / "old").rename(place.root / "new")
    plan = place.kbsync("plan")
    assert plan.out.count("> docs/new/") == 300
    assert "(from old/3/3.md)" in plan.line("> docs/new/3/3.md")
    assert "300 to move" in plan.line("files seen")
    said = place.kbsync("reconcile")
    assert said.code == 0, said.out + said.err
    assert "300 moved" in said.line("docs: 300 indexed")
    calls = place.calls()
    assert (calls["create"], calls["delete"]) == (0, 0)
    assert sum(calls.values()) < 20, calls
    place.equal()
    after = documents(place)
    assert after == {path.replace("old/", "new/"): id_ for path, id_ in before.items()}
    if has_metadata(place):
        for path, document in place.live().items():
            assert document.metadata["kbsync_path"] == path
    assert place.kbsync("reconcile").out.count("moved") == 0


def test_swap_chain_and_case(place: Place) -> None:
    """Files that change places, shift along or change their case keep their documents."""
    for name in ("a", "b", "c", "d", "e", "readme"):
        place.write(f"{name}.md", text(name))
    before = settle(place)
    root = place.root
    (root / "a.md").rename(root / "t.md")
    (root / "b.md").rename(root / "a.md")
    (root / "t.md").rename(root / "b.md")
    (root / "e.md").rename(root / "f.md")
    (root / "d.md").rename(root / "e.md")
    (root / "c.md").rename(root / "d.md")
    (root / "readme.md").rename(root / "README.md")
    after = moved(place)
    came = {"a": "b", "b": "a", "f": "e", "e": "d", "d": "c", "README": "readme"}
    assert after == {f"{new}.md": before[f"{old}.md"] for new, old in came.items()}


def test_copied_over_a_border(place: Place) -> None:
    """With another inode and time, the content alone tells that it is the same file."""
    place.write("here/a.md", text("a"))
    place.write("here/b.md", text("b"))
    before = settle(place)
    for name in ("a.md", "b.md"):
        place.write(f"there/{name}", (place.root / "here" / name).read_bytes())
    shutil.rmtree(place.root / "here")
    after = moved(place)
    assert after == {path.replace("here", "there"): id_ for path, id_ in before.items()}


def test_onto_an_existing_file(place: Place) -> None:
    """A file moved onto another keeps its document, and the other's goes."""
    place.write("a.md", text("a"))
    place.write("b.md", text("b"))
    before = settle(place)
    (place.root / "a.md").replace(place.root / "b.md")
    said = place.kbsync("reconcile")
    assert said.code == 0, said.out + said.err
    calls = place.calls()
    assert (calls["create"], calls["delete"]) == (0, 1)
    place.equal()
    assert documents(place) == {"b.md": before["a.md"]}


def test_links_and_copies_are_no_renames(place: Place) -> None:
    """While the old path is there, the same file under another name is a new one."""
    place.write("a.md", text("a"))
    place.write("b.md", text("b"))
    before = settle(place)
    os.link(place.root / "a.md", place.root / "linked.md")
    shutil.copy2(place.root / "b.md", place.root / "copied.md")
    after = settle(place)
    assert {path: after[path] for path in before} == before
    assert len(set(after.values())) == 4


def test_another_type_is_another_document(place: Place) -> None:
    """With another extension the server would read a file in another way: it is sent anew."""
    place.write("a.txt", text("a"))
    settle(place)
    (place.root / "a.txt").rename(place.root / "a.md")
    assert place.kbsync("reconcile").code == 0
    calls = place.calls()
    assert (calls["create"], calls["delete"]) == (1, 1)
    place.equal()


def test_moved_and_edited(place: Place) -> None:
    """A file moved and edited at once is a new version: the old one answers until it is there."""
    place.write("old/a.md", text("a"))
    before = settle(place)
    (place.root / "old").rename(place.root / "new")
    with (place.root / "new/a.md").open("a") as file:
        file.write(" and more")
    assert "and edited" in place.kbsync("plan").line("> docs/new/a.md")
    place.standin.kill_workers()
    said = place.kbsync("reconcile", "--no-wait")
    assert said.code == 0, said.out + said.err
    assert documents(place) == {"new/a.md": before["old/a.md"]}
    assert place.calls()["delete"] == 0
    place.standin.revive_workers()
    assert place.kbsync("reconcile").code == 0
    assert place.calls()["delete"] == 1
    place.equal()


def test_the_old_name_is_not_used_twice(dify: Place) -> None:
    """The same content at the old place again is a document of its own, beside the moved one."""
    place = dify
    place.write("a.md", text("a"))
    before = settle(place)
    (place.root / "a.md").rename(place.root / "b.md")
    moved(place)
    place.write("a.md", text("a"))
    after = settle(place)
    assert after["b.md"] == before["a.md"]
    assert after["a.md"] != before["a.md"]
    names = {path: document.name for path, document in place.live().items()}
    assert names["a.md"] == names["b.md"].replace("]", "-2]")
    (place.root / "b.md").unlink()
    assert set(settle(place)) == {"a.md"}
    place.write("c.md", text("c"))
    (place.root / "a.md").replace(place.root / "d.md")
    after = settle(place)
    assert set(after) == {"c.md", "d.md"}


def test_an_edit_after_a_move(place: Place) -> None:
    """The next version of a moved file is created under its new name, and the old one goes."""
    place.write("a.md", text("a"))
    settle(place)
    (place.root / "a.md").rename(place.root / "b.md")
    moved(place)
    place.write("b.md", text("b"))
    said = place.kbsync("reconcile")
    assert said.code == 0, said.out + said.err
    calls = place.calls()
    assert (calls["create"], calls["delete"]) == (1, 1)
    place.equal()
    if has_metadata(place):
        assert place.documents()[0].name.startswith("b [")


def test_an_edit_in_place_after_a_move(dify: Place) -> None:
    """With replace = "in_place" a moved document gets its new name with the next edit."""
    place = dify
    place.configure(replace="in_place")
    place.write("a.md", text("a"))
    before = settle(place)
    (place.root / "a.md").rename(place.root / "b.md")
    moved(place)
    assert place.documents()[0].name.startswith("a [")
    place.write("b.md", text("b"))
    assert settle(place) == {"b.md": before["a.md"]}
    assert place.documents()[0].name.startswith("b [")


def test_moves_pass_a_hold(dify: Place) -> None:
    """While deletions are held, moves are made, and a held file that appears again is none."""
    place = dify
    place.configure(max_delete_count=3)
    for number in range(12):
        place.write(f"{number}.md", text(number))
    before = settle(place)
    for number in range(4):
        (place.root / f"{number}.md").rename(place.root.parent / f"{number}.away")
    (place.root / "5.md").rename(place.root / "five.md")
    said = place.kbsync("reconcile")
    assert said.code == 4
    assert "1 moved" in said.line("docs: 12 indexed")
    assert (place.calls()["create"], len(place.documents())) == (0, 12)
    for number in range(4):
        (place.root.parent / f"{number}.away").rename(place.root / f"back-{number}.md")
    after = moved(place)
    assert after["five.md"] == before["5.md"]
    assert {after[f"back-{number}.md"] for number in range(4)} == {
        before[f"{number}.md"] for number in range(4)
    }


def test_a_move_of_all_files(dify: Place) -> None:
    """A folder whose files all moved one level down is not taken for emptied."""
    place = dify
    for number in range(120):
        place.write(f"{number}.md", text(number))
    before = settle(place)
    (place.root / "in").mkdir()
    for number in range(120):
        (place.root / f"{number}.md").rename(place.root / "in" / f"{number}.md")
    assert moved(place) == {f"in/{path}": document for path, document in before.items()}


def second_folder(place: Place, name: str = "other", **settings: str) -> Path:
    """Add a folder to the configuration, by default in the same dataset."""
    root = place.root.parent / name
    root.mkdir()
    keys = {"name": name, "path": str(root), "dataset": "KB", "indexing_technique": "economy"}
    lines = [f'{key} = "{value}"' for key, value in (keys | settings).items()]
    with place.config.open("a") as config:
        config.write("[[folders]]\n" + "\n".join(lines) + "\n")
    return root


def test_between_folders_of_one_dataset(dify: Place) -> None:
    """Files that change places across two folders of a dataset keep their documents."""
    place = dify
    other = second_folder(place)
    place.write("a.md", text("a"))
    (other / "b.md").write_text(text("b"))
    place.write("stays.md", text("stays"))
    assert place.kbsync("reconcile").code == 0
    place.calls()
    before = {document.metadata["kbsync_path"]: document.id for document in place.documents()}
    (place.root / "a.md").rename(other / "a.md")
    (other / "b.md").rename(place.root / "b.md")
    assert "(from docs/a.md)" in place.kbsync("plan").line("> other/a.md")
    said = place.kbsync("reconcile")
    assert said.code == 0, said.out + said.err
    calls = place.calls()
    assert (calls["create"], calls["delete"]) == (0, 0)
    after = {document.metadata["kbsync_path"]: document for document in place.documents()}
    assert {path: document.id for path, document in after.items()} == before
    assert after["a.md"].metadata["kbsync_source"] == "test/other"
    assert after["b.md"].metadata["kbsync_source"] == "test/docs"


def test_between_datasets(dify: Place) -> None:
    """A file that moves to a folder of another dataset is created there and deleted here."""
    place = dify
    elsewhere = place.standin.create_dataset("Elsewhere")
    other = second_folder(place, dataset="Elsewhere")
    place.write("a.md", text("a"))
    place.write("stays.md", text("stays"))
    (other / "b.md").write_text(text("b"))
    assert place.kbsync("reconcile").code == 0
    place.calls()
    (place.root / "a.md").rename(other / "a.md")
    assert place.kbsync("reconcile").code == 0
    calls = place.calls()
    assert (calls["create"], calls["delete"]) == (1, 1)
    assert len(place.standin.documents(elsewhere)) == 2


def test_between_folders_of_other_settings(dify: Place) -> None:
    """A file that moves to a folder with other processing is indexed as that folder says."""
    place = dify
    other = second_folder(place, doc_language="German")
    place.write("a.md", text("a"))
    place.write("stays.md", text("stays"))
    (other / "b.md").write_text(text("b"))
    assert place.kbsync("reconcile").code == 0
    place.calls()
    (place.root / "a.md").rename(other / "a.md")
    assert place.kbsync("reconcile").code == 0
    calls = place.calls()
    assert (calls["create"], calls["delete"]) == (1, 1)


def test_moved_while_it_is_indexed(place: Place) -> None:
    """A file renamed while the server indexes it is followed to its end and sent once."""
    place.standin.kill_workers()
    place.write("a.md", text("a"))
    assert place.kbsync("reconcile", "--no-wait").code == 0
    assert place.record("a.md").state is State.INDEXING
    (place.root / "a.md").rename(place.root / "b.md")
    assert place.kbsync("reconcile", "--no-wait").code == 0
    assert place.record("b.md").state is State.INDEXING
    place.standin.revive_workers()
    assert place.kbsync("reconcile").code == 0
    assert place.calls()["create"] == 1
    place.equal()


def test_refused_content_is_not_sent_again_by_a_rename(dify: Place) -> None:
    """A version that failed to be indexed stays parked at its new place; the one before answers."""
    place = dify
    place.write("a.md", text("a"))
    before = settle(place)
    place.standin.faults.add(Fault("index-error", name="^a", text="no", times=None))
    place.write("a.md", text("a bad one"))
    assert place.kbsync("reconcile").code == 3
    place.calls()
    (place.root / "a.md").rename(place.root / "b.md")
    said = place.kbsync("reconcile")
    assert said.code == 3, said.out + said.err
    assert place.calls()["create"] == 0
    record = place.record("b.md")
    assert record.state is State.FAILED
    assert record.live is not None
    assert record.live.document_id == before["a.md"]


def test_back_after_a_deletion_without_an_answer(place: Place) -> None:
    """A file that comes back after its document may have been deleted is looked after."""
    place.write("a.md", text("a"))
    place.write("b.md", text("b"))
    settle(place)
    (place.root / "a.md").unlink()
    place.standin.faults.add(Fault("cut-after", "DELETE", times=None))
    assert place.kbsync("reconcile", "--timeout", "1").code != 0
    assert len(place.documents()) == 1
    place.standin.faults.clear()
    place.write("a.md", text("a"))
    assert place.kbsync("reconcile").code == 0
    place.equal()


def test_out_of_the_trash_under_another_name(dify: Place) -> None:
    """A file that returns in time under another name brings its document back into service."""
    place = dify
    place.configure(trash_days=7)
    place.write("a.md", text("a"))
    place.write("stays.md", text("stays"))
    before = settle(place)
    (place.root / "a.md").rename(place.root.parent / "a.md")
    assert place.kbsync("reconcile").code == 0
    assert {one.id: one.enabled for one in place.documents()} == {
        before["a.md"]: False,
        before["stays.md"]: True,
    }
    (place.root.parent / "a.md").rename(place.root / "b.md")
    after = moved(place)
    assert after == {"b.md": before["a.md"], "stays.md": before["stays.md"]}
    assert all(document.enabled for document in place.documents())


def test_a_lost_ledger_after_a_move(dify: Place) -> None:
    """Whose a moved document is, its metadata tell; its name stays taken."""
    place = dify
    place.write("a.md", text("a"))
    before = settle(place)
    (place.root / "a.md").rename(place.root / "b.md")
    moved(place)
    shutil.rmtree(place.ledger.parent)
    assert moved(place) == {"b.md": before["a.md"]}
    place.write("a.md", text("a"))
    after = settle(place)
    assert after["b.md"] == before["a.md"]
    assert after["a.md"] != before["a.md"]


def test_back_after_it_may_have_gone_out_of_service(dify: Place) -> None:
    """A file that comes back while nobody knows whether its document was disabled answers again."""
    place = dify
    place.configure(on_delete="disable")
    place.write("a.md", text("a"))
    place.write("b.md", text("b"))
    before = settle(place)
    (place.root / "a.md").unlink()
    place.standin.faults.add(Fault("cut-after", "PATCH", times=None))
    assert place.kbsync("reconcile", "--timeout", "1").code != 0
    place.standin.faults.clear()
    place.write("a.md", text("a"))
    assert settle(place) == before
    assert all(document.enabled for document in place.documents())


def test_an_audit_after_a_move(dify: Place) -> None:
    """A moved document is as agreed, whatever its name says."""
    place = dify
    place.write("a.md", text("a"))
    settle(place)
    (place.root / "a.md").rename(place.root / "b.md")
    moved(place)
    said = place.kbsync("audit")
    assert said.code == 0, said.out + said.err


def test_names_that_are_not_text(dify: Place) -> None:
    """A file whose name is not UTF-8 keeps its document, too, and the history tells of its move."""
    place = dify
    odd = place.root / os.fsdecode(b"caf\xe9.md")
    odd.write_text(text("a"))
    before = set(settle(place).values())
    odd.rename(place.root / os.fsdecode(b"bistr\xf4.md"))
    said = place.kbsync("reconcile")
    assert said.code == 0, said.err
    assert r"docs/bistr\xf4.md: from caf\xe9.md" in said.out
    assert {document.id for document in place.documents()} == before
    assert r"from caf\xe9.md" in place.kbsync("history").out
