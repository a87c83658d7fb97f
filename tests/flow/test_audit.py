"""`kbsync audit`: what people did to our documents is found, told, and put right."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from kbsync.standin import Fault, StoredDocument

from .place import Place, a_place
from .test_adopt import VERSIONS, another, fill, ids
from .test_service import eventually, is_equal, quick, service, stop


def test_an_audit_makes_no_dataset(tmp_path: Path) -> None:
    """Before the first run there is nothing to compare, and the dataset is left to that run."""
    with a_place(tmp_path) as place:
        place.write("one.md", "text")
        place.configure(dataset="New", create_dataset=True)
        place.calls()

        said = place.kbsync("audit")

        assert (said.code, said.out) == (0, "docs: as agreed\n")
        assert place.calls()["dataset-create"] == 0
        assert place.kbsync("reconcile").code == 0
        assert place.calls()["dataset-create"] == 1


def ask(place: Place, method: str, path: str, **arguments: object) -> None:
    """One request of a person with a key, and of a server that has taken it up."""
    answer = httpx.request(
        method,
        f"{place.base_url}/datasets/{place.dataset_id}/documents/{path}",
        headers={"Authorization": f"Bearer {place.standin.key}"},
        **arguments,  # type: ignore[arg-type]  # httpx's own
    )
    assert answer.status_code in (200, 204), answer.text
    place.documents()


def set_status(place: Place, action: str, document: StoredDocument) -> None:
    ask(place, "PATCH", f"status/{action}", json={"document_ids": [document.id]})


def twin(place: Place, document: StoredDocument) -> None:
    place.standin.add_document(place.dataset_id, document.name, b"a twin, about herons and cranes")


def orphan(place: Place, document: StoredDocument) -> None:
    """A document of a file that is gone, which the ledger does not know."""
    name = f"gone [{'0' * 12}-{'1' * 8}].md"
    document_id = place.standin.add_document(
        place.dataset_id, name, b"about voles and their burrows"
    )
    told = {"kbsync_path": "gone.md", "kbsync_source": "test/docs"}
    base = f"{place.base_url}/datasets/{place.dataset_id}"
    headers = {"Authorization": f"Bearer {place.standin.key}"}
    fields = httpx.get(f"{base}/metadata", headers=headers).json()["doc_metadata"]
    values = [
        {"id": field["id"], "name": field["name"], "value": told[field["name"]]}
        for field in fields
        if field["name"] in told
    ]
    change = {"document_id": document_id, "metadata_list": values, "partial_update": True}
    ask(place, "POST", "metadata", json={"operation_data": [change]})


Doing = Callable[[Place, StoredDocument], None]
DRIFTS: dict[str, Doing] = {
    "missing": lambda place, one: ask(place, "DELETE", one.id),
    "disabled": lambda place, one: set_status(place, "disable", one),
    "archived": lambda place, one: set_status(place, "archive", one),
    "renamed": lambda place, one: place.standin.change_document(one.id, name="My own name.md"),
    "error": lambda place, one: place.standin.change_document(
        one.id, indexing_status="error", error="the vector store was lost"
    ),
    "empty": lambda place, one: place.standin.remove_segments(one.id),
    "edited": lambda place, one: place.standin.change_document(
        one.id, word_count=one.word_count + 7
    ),
    "doubled": twin,
    "orphan": orphan,
}


@pytest.mark.parametrize("behave", VERSIONS)
@pytest.mark.parametrize("kind", DRIFTS)
def test_each_kind(tmp_path: Path, behave: str, kind: str) -> None:
    """Each is found once, told by status and explain, changes nothing, and is put right."""
    with a_place(tmp_path, behave=behave) as place:
        fill(place, 5)
        place.standin.add_document(place.dataset_id, "a person's own.txt")
        assert place.kbsync("audit").code == 0
        DRIFTS[kind](place, place.live()["part 1/1.md"])
        before = place.documents()
        said = place.kbsync("audit")
        assert said.code == 3, said.out + said.err
        path = "gone.md" if kind == "orphan" else "part 1/1.md"
        assert f"{kind}: " in said.line(f"docs/{path}")
        assert "1 found; 1 not made by kbsync" in said.line("docs: ")
        assert place.documents() == before
        assert "1 not as agreed" in place.kbsync("status", "--offline").out
        if kind != "orphan":
            assert "document" in place.kbsync("explain", f"docs/{path}").line("drift:")
        again = place.kbsync("audit", "--json").json
        assert [found["kind"] for found in again["folders"][0]["findings"]] == [kind]

        said = place.kbsync("audit", "--repair")
        assert said.code == (4 if kind == "orphan" else 0), said.out + said.err
        assert "1 put right" in said.out
        if kind == "orphan":  # it may be another machine's
            assert place.kbsync("reconcile", "--allow-delete").code == 0
        own = next(one for one in place.documents() if one.name == "a person's own.txt")
        ask(place, "DELETE", own.id)
        place.equal()
        assert all(one.enabled and not one.archived for one in place.documents())
        said = place.kbsync("audit")
        assert (said.code, "as agreed" in said.line("docs: ")) == (0, True)


def test_renamed_by_somebody_and_no_new_version(tmp_path: Path) -> None:
    """A renamed document that answers for a file which cannot be sent stays that file's."""
    with a_place(tmp_path) as place:
        fill(place, 3)
        live = place.live()["part 1/1.md"]
        place.standin.faults.add(Fault("index-error", times=None))
        place.write("part 1/1.md", "another text, about voles, that the server cannot index")
        assert place.kbsync("reconcile").code == 3
        DRIFTS["renamed"](place, live)
        assert place.kbsync("audit", "--repair").code == 3
        assert place.live()["part 1/1.md"].id == live.id
        place.standin.faults.clear()
        place.write("part 1/1.md", "a better text, about voles and their burrows")
        assert place.kbsync("reconcile").code == 0
        place.equal()


def test_after_a_clock_was_set_back(tmp_path: Path) -> None:
    """Rows that seem to be of the future are not taken for files under work."""
    with a_place(tmp_path) as place:
        fill(place, 3)
        with closing(sqlite3.connect(place.ledger)) as db, db:
            db.execute("UPDATE files SET changed_at = changed_at + 86400")
        DRIFTS["disabled"](place, place.live()["part 1/1.md"])
        assert "disabled: " in place.kbsync("audit").line("part 1/1.md")


def test_what_is_accepted(tmp_path: Path) -> None:
    """What a person deleted or disabled stays so, until its file changes or is repaired."""
    with a_place(tmp_path) as place:
        fill(place, 5)
        place.configure(drift="accept")
        assert place.kbsync("audit").code == 0
        live = place.live()
        DRIFTS["missing"](place, live["part 1/1.md"])
        DRIFTS["disabled"](place, live["part 2/2.md"])
        DRIFTS["doubled"](place, live["part 3/3.md"])
        DRIFTS["edited"](place, live["part 4/4.md"])
        said = place.kbsync("audit")
        assert said.code == 3, said.out + said.err
        assert "1 found" in said.line("docs: ")
        assert "taken as agreed" in said.line("part 1/1.md")
        assert "doubled" in said.line("part 3/3.md")
        explained = place.kbsync("explain", "docs/part 1/1.md")
        assert "deleted in Dify" in explained.line("accepted:")
        place.calls()
        for arguments in (["reconcile"], ["reconcile", "--full"], ["audit"]):
            place.kbsync(*arguments)
        assert place.calls()["create"] == 0
        assert place.live().keys() == live.keys() - {"part 1/1.md"}
        assert [one.id for one in place.documents() if not one.enabled] == [live["part 2/2.md"].id]
        place.write("part 1/1.md", "edited since, about otters")
        place.write("part 2/2.md", "edited since, about voles")
        assert place.kbsync("reconcile").code == 0
        assert place.kbsync("audit", "--repair").code == 0
        place.equal()
        assert all(one.enabled for one in place.documents())


def test_a_document_that_stays_broken(tmp_path: Path) -> None:
    """A document that fails again is not sent a third time, but left with the reason."""
    with a_place(tmp_path) as place:
        fill(place, 3)
        DRIFTS["error"](place, place.live()["part 1/1.md"])
        place.standin.faults.add(Fault("index-error", name="1", text="no vectors", times=None))
        assert place.kbsync("audit", "--repair").code == 3
        place.calls()
        place.kbsync("audit", "--repair")
        assert place.calls()["create"] == 0
        assert "no vectors" in place.kbsync("status", "--offline").line("part 1/1.md")


@pytest.mark.parametrize("kind", ["shift-insert", "shift-skip"])
def test_a_list_that_shifts(tmp_path: Path, kind: str) -> None:
    """What is added or deleted while the list is read makes no finding."""
    with a_place(tmp_path) as place:
        fill(place, 210)
        place.standin.faults.add(Fault(kind, times=2))  # type: ignore[arg-type]  # a Kind
        said = place.kbsync("audit")
        assert said.code == 0, said.out + said.err


def test_the_cost(tmp_path: Path) -> None:
    """One request for each hundred documents; findings are looked at a second time."""
    with a_place(tmp_path) as place:
        fill(place, 210)
        place.calls()
        assert place.kbsync("audit").code == 0
        calls = place.calls()
        assert (calls["list"], calls["get"]) == (3, 0)
        DRIFTS["missing"](place, place.live()["part 1/1.md"])
        place.calls()
        assert place.kbsync("audit").code == 3
        calls = place.calls()
        assert (calls["list"], calls["get"]) == (3, 1)


def test_others_are_left_alone(tmp_path: Path) -> None:
    """Another instance's documents, whatever became of them, are no finding of ours."""
    with a_place(tmp_path) as place, another(place, "other", "elsewhere") as other:
        fill(place, 3)
        for number in range(3):
            other.write(f"theirs {number}.md", f"theirs, number {number}, about voles")
        assert other.kbsync("reconcile").code == 0
        theirs = [one for one in place.documents() if one.name.startswith("theirs")]
        set_status(place, "disable", theirs[0])
        place.standin.change_document(theirs[1].id, indexing_status="error", error="broken")
        unknown = place.standin.add_document(place.dataset_id, "x [0123456789ab-01234567].md")
        before = place.documents()
        said = place.kbsync("audit", "--repair", "--json")
        assert said.code == 0
        told = said.json["folders"][0]
        assert (told["findings"], told["others"]) == ([], {"other/docs": 3})
        assert (told["unknown"], told["unmanaged"]) == (1, 0)
        assert place.documents() == before
        assert unknown in ids(place)


def test_a_dataset_that_was_emptied(tmp_path: Path) -> None:
    """Somebody deleted everything: it is all sent again, each once."""
    with a_place(tmp_path) as place:
        fill(place, 30)
        for document in place.documents():
            ask(place, "DELETE", document.id)
        assert place.kbsync("audit").code == 3
        place.calls()
        assert place.kbsync("audit", "--repair").code == 0
        assert place.calls()["create"] == 30
        place.equal()


def test_the_simple_style(tmp_path: Path) -> None:
    """A server that cannot list says so."""
    with a_place(tmp_path, dialect="simple") as place:
        place.write("a.md", "some text about otters, long enough to be believed without asking")
        assert place.kbsync("reconcile").code == 0
        said = place.kbsync("audit")
        assert (said.code, "lists no documents" in said.line("docs: ")) == (0, True)


def test_an_unreachable_server(tmp_path: Path) -> None:
    """Without an answer there is no finding."""
    with a_place(tmp_path) as place:
        fill(place, 3)
        place.standin.faults.add(Fault("outage", times=None))
        assert place.kbsync("audit").code == 5


def test_the_service(tmp_path: Path) -> None:
    """The service audits at its own times, and puts right what it finds if it shall."""
    with a_place(tmp_path) as place:
        fill(place, 5)
        # An audit leaves out what is being worked on, as files that were just written are.
        eventually(lambda: " 0 to look into" in place.kbsync("reconcile").out, "at rest", place)
        assert place.kbsync("audit").code == 0
        live = place.live()
        DRIFTS["missing"](place, live["part 1/1.md"])
        DRIFTS["disabled"](place, live["part 2/2.md"])
        quick(place)
        place.configure(audit="100ms", drift="restore")
        with service(place) as process:
            eventually(
                lambda: is_equal(place) and all(one.enabled for one in place.documents()),
                "put right",
                place,
            )
            assert stop(process) == 0


def test_beside_the_service(tmp_path: Path) -> None:
    """The running service is asked, answers as the command itself would, and puts it right."""
    with a_place(tmp_path) as place:
        quick(place)
        fill(place, 3)
        with service(place) as process:
            status = ("status", "--json", "--offline")
            eventually(
                lambda: bool(place.kbsync(*status).json["service"]), "the service's word", place
            )
            assert place.kbsync("audit").out == "docs: as agreed\n"
            ask(place, "DELETE", place.live()["part 1/1.md"].id)
            said = place.kbsync("audit")
            assert said.code == 3
            assert "missing: its document was deleted in Dify" in said.line("docs/part 1/1.md")
            assert said.line("docs: ") == "docs: 1 found"
            told = place.kbsync("audit", "--repair", "--json")
            assert told.code == 0
            [found] = told.json["folders"][0]["findings"]
            assert (found["kind"], found["repaired"]) == ("missing", True)
            eventually(lambda: is_equal(place), "the repair", place)
            assert stop(process) == 0
