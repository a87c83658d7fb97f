"""Folders that get another name, lose their dataset, or leave the configuration: it is told."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from kbsync.standin import StandIn, running

from .place import Place, a_place


def some_files(place: Place) -> None:
    for number in range(3):
        place.write(f"{number}.md", f"document number {number}, about voles and their burrows")
    assert place.kbsync("reconcile").code == 0


def test_another_name_for_the_same_directory(tmp_path: Path) -> None:
    """Every document would be there twice: it is refused, with the name to set."""
    with a_place(tmp_path) as place:
        some_files(place)
        place.configure(name="papers")
        for command in ("plan", "reconcile", "audit"):
            said = place.kbsync(command)
            assert said.code == 2
            assert "3 documents are marked so" in said.line("folder 'papers' has the path")
            assert said.line("folder 'papers'").endswith("set name = 'docs'")
        said = place.kbsync("doctor")
        assert said.code == 2
        assert said.line("set name = 'docs'").strip().startswith("→")
        place.configure(name="docs")
        assert place.kbsync("reconcile").code == 0
        place.equal()


def test_a_folder_that_leaves_the_configuration(tmp_path: Path) -> None:
    """Its documents stay, which status and doctor tell; and there is a way to be rid of them."""
    with a_place(tmp_path) as place:
        some_files(place)
        other = tmp_path / "other"
        other.mkdir()
        (other / "a.md").write_text("all about herons and their nests")
        place.configure(name="other", path=str(other))
        assert place.kbsync("reconcile").code == 0
        assert len(place.documents()) == 4
        for command in ("status", "doctor"):
            said = place.kbsync(command)
            assert said.code == 0
            assert "its 3 documents stay in dataset 'KB'" in said.line("folder 'docs' is not in")
        assert place.kbsync("status", "--json").json["abandoned"][0]["name"] == "docs"

        place.configure(name="docs", path=str(place.root), exclude=["*"])
        assert place.kbsync("reconcile").code == 4
        assert "kbsync approve docs" in place.kbsync("status").line("held: docs")
        assert place.kbsync("approve", "docs", "--yes").code == 0
        assert place.kbsync("reconcile").code == 0
        place.configure(name="other", path=str(other), exclude=[])
        assert "abandoned" not in place.kbsync("status").out
        assert len(place.documents()) == 1


def test_a_dataset_that_is_not_there(tmp_path: Path) -> None:
    """Status and explain tell why files wait that the server would not have, until it does."""
    with a_place(tmp_path) as place:
        place.write("a.md", "all about herons and their nests")
        place.configure(dataset="Nowhere")
        assert place.kbsync("reconcile").code == 5
        assert "there is no dataset 'Nowhere'" in place.kbsync("status").line("refused")
        assert "Nowhere" in place.kbsync("status", "--json").json["refusals"][0]
        assert "Nowhere" in place.kbsync("explain", "docs/a.md").line("next:")
        place.configure(dataset="KB")
        assert place.kbsync("reconcile").code == 0
        assert place.kbsync("status", "--json").json["refusals"] == []


def of_server(place: Place) -> dict[str, int]:
    """The names of the server's datasets, with how many documents each has."""
    answer = httpx.get(
        f"{place.base_url}/datasets", headers={"Authorization": f"Bearer {place.standin.key}"}
    )
    return {row["name"]: row["document_count"] for row in answer.json()["data"]}


def by_a_person(place: Place, method: str, **arguments: Any) -> None:
    """What somebody does to the dataset in Dify."""
    answer = httpx.request(
        method,
        f"{place.base_url}/datasets/{place.dataset_id}",
        headers={"Authorization": f"Bearer {place.standin.key}"},
        **arguments,
    )
    assert answer.status_code in (200, 204), answer.text


@pytest.mark.parametrize("create", [True, False])
def test_a_dataset_that_is_renamed_in_dify(tmp_path: Path, create: bool) -> None:
    """It is filled on, for applications know it by its id; the name to set is told."""
    with a_place(tmp_path) as place:
        place.configure(create_dataset=create)
        some_files(place)
        by_a_person(place, "PATCH", json={"name": "Handbook"})
        place.write("0.md", "document number 0, about herons by now")
        said = place.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        assert said.line("is called 'Handbook' in Dify").endswith('set dataset = "Handbook"')
        place.equal()
        assert of_server(place) == {"Handbook": 3}
        said = place.kbsync("doctor")
        assert said.code == 0, said.out
        assert said.line("is called 'Handbook' in Dify").startswith("!")
        place.configure(dataset="Handbook")
        place.calls()
        assert place.kbsync("reconcile").code == 0
        assert place.calls()["create"] == 0
        assert "is called" not in place.kbsync("doctor").out
        place.equal()


def test_another_dataset_of_the_name(tmp_path: Path) -> None:
    """The name decides: a renamed dataset is left for a new one that has the name now."""
    with a_place(tmp_path) as place:
        some_files(place)
        by_a_person(place, "PATCH", json={"name": "Old"})
        place.dataset_id = place.standin.create_dataset("KB")
        place.write("0.md", "document number 0, about herons by now")
        said = place.kbsync("reconcile")
        assert said.code == 0
        assert "is called" not in said.out
        assert of_server(place) == {"KB": 3, "Old": 0}
        place.equal()


def test_a_dataset_that_is_deleted_in_dify(tmp_path: Path) -> None:
    """The audit tells that all its documents are gone, makes none, and has them sent again."""
    with a_place(tmp_path) as place:
        place.configure(create_dataset=True)
        some_files(place)
        by_a_person(place, "DELETE")
        said = place.kbsync("audit")
        assert said.code == 3, said.out + said.err
        assert said.out.count("missing: ") == 3
        assert of_server(place) == {}
        said = place.kbsync("audit", "--repair")
        assert said.code == 0, said.out + said.err
        assert of_server(place) == {"KB": 3}
        assert place.kbsync("audit").code == 0
        assert place.kbsync("reconcile").code == 0
        assert of_server(place) == {"KB": 3}


@pytest.mark.parametrize("setting", ["KB", "KB {dir1}"])
def test_another_server(tmp_path: Path, setting: str) -> None:
    """What is sent to one server is not called indexed at another: it is sent there, too."""
    with a_place(tmp_path) as place, closing(StandIn()) as other, running(other) as there:
        place.configure(dataset=setting, create_dataset=True)
        for number in range(3):
            place.write(f"IT/{number}.md", f"document number {number}, about voles and their nests")
        assert place.kbsync("reconcile").code == 0
        place.configure(base_url=there, api_key=other.key)
        assert f"the server was {place.base_url}, now {there}" in place.kbsync("plan").out
        assert place.kbsync("reconcile").code == 0
        datasets = httpx.get(f"{there}/datasets", headers={"Authorization": f"Bearer {other.key}"})
        (made,) = datasets.json()["data"]
        assert (made["name"], made["document_count"]) == (setting.replace("{dir1}", "IT"), 3)
        assert "the server was" not in place.kbsync("plan").out
        other.forget_requests()
        assert place.kbsync("reconcile").code == 0
        assert not other.requests


def test_another_address_of_the_same_server(tmp_path: Path) -> None:
    """A new name for the same server costs a question, and nothing is sent."""
    with a_place(tmp_path) as place:
        some_files(place)
        place.configure(base_url=place.base_url.replace("127.0.0.1", "localhost"))
        place.calls()
        assert place.kbsync("reconcile").code == 0
        calls = place.calls()
        assert calls["create"] == 0
        assert 0 < calls.total() < 5
        place.equal()
