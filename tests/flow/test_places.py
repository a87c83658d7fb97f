"""A dataset for each directory of a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from .place import Place, a_place

TEXT = "a document about otters and the rivers they live in, long enough to be indexed: "


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with a_place(tmp_path) as place:
        place.configure(dataset="Team {dir1}", create_dataset=True)
        yield place


def held(place: Place) -> dict[str, set[str]]:
    """The files whose documents answer, by the name of their dataset."""
    headers = {"Authorization": f"Bearer {place.standin.key}"}
    datasets = httpx.get(f"{place.base_url}/datasets?limit=100", headers=headers).json()["data"]
    return {
        one["name"]: {
            str(document.metadata["kbsync_path"])
            for document in place.standin.documents(one["id"])
            if document.display_status == "available"
        }
        for one in datasets
        if one["name"] != "KB"
    }


def test_made_on_demand(place: Place) -> None:
    """Each directory has its dataset, made with its first file; a moved file goes to the other."""
    place.write("IT/a.md", TEXT + "a")
    place.write("IT/deep/b.md", TEXT + "b")
    place.write("HR/c.md", TEXT + "c")
    place.write("top.md", TEXT + "top")
    said = place.kbsync("reconcile")
    assert said.code == 0, said
    assert held(place) == {"Team IT": {"IT/a.md", "IT/deep/b.md"}, "Team HR": {"HR/c.md"}}
    assert 'in no directory that dataset = "Team {dir1}" could name' in said.line("docs/top.md")
    place.calls()
    assert place.kbsync("reconcile").code == 0
    assert not place.calls().total()

    (place.root / "IT/a.md").rename(place.root / "HR/a.md")
    place.write("Legal/d.md", TEXT + "d")
    assert place.kbsync("reconcile").code == 0
    assert held(place) == {
        "Team IT": {"IT/deep/b.md"},
        "Team HR": {"HR/a.md", "HR/c.md"},
        "Team Legal": {"Legal/d.md"},
    }
    assert "Team HR" in place.kbsync("explain", "docs/HR/a.md").line("dataset:")
    folder = place.kbsync("status", "--json").json["folders"][0]
    assert sorted(folder["datasets"]) == ["Team HR", "Team IT", "Team Legal"]
    found = place.kbsync("search", "otters", "--method", "keyword", "--limit", "20")
    assert "HR/a.md" in found.out
    assert "Legal/d.md" in found.out
    said = place.kbsync("doctor")
    assert said.code == 0
    assert "there is none yet" not in said.out


def test_drift_and_a_lost_ledger(place: Place) -> None:
    """The audit looks at each dataset; without a ledger, each is taken over before it is filled."""
    for path in ("IT/a.md", "IT/b.md", "HR/c.md"):
        place.write(path, TEXT + path)
    place.kbsync("reconcile")
    before = held(place)
    place.lose_ledger()
    (place.root / "IT/b.md").unlink()
    assert place.kbsync("reconcile").code == 0
    assert place.calls()["create"] == 0
    assert place.kbsync("reconcile", "--allow-delete").code == 0
    assert held(place) == {**before, "Team IT": {"IT/a.md"}}

    datasets = place.kbsync("status", "--json").json["folders"][0]["datasets"]
    (document,) = place.standin.documents(datasets["Team HR"])
    place.standin.change_document(document.id, enabled=False)
    assert "disabled" in place.kbsync("audit", "--repair").out
    assert held(place)["Team HR"] == {"HR/c.md"}


def test_another_setting(place: Place) -> None:
    """Files go to where a changed setting says, and their old documents go."""
    place.write("IT/a.md", TEXT + "a")
    place.write("HR/c.md", TEXT + "c")
    place.kbsync("reconcile")
    for setting, wanted in (
        ("Group {dir1}", {"Group IT": {"IT/a.md"}, "Group HR": {"HR/c.md"}}),
        ("All", {"All": {"IT/a.md", "HR/c.md"}}),
        ("Team {dir1}", {"Team IT": {"IT/a.md"}, "Team HR": {"HR/c.md"}}),
    ):
        place.configure(dataset=setting)
        assert place.kbsync("reconcile").code == 0
        assert {name: files for name, files in held(place).items() if files} == wanted


def test_a_file_that_the_new_setting_has_no_dataset_for(place: Place) -> None:
    """It is not sent, settled or waiting, and no dataset is named as the setting."""
    place.configure(dataset="All")
    place.write("top.md", TEXT + "top")
    place.write("IT/a.md", TEXT + "a")
    assert [place.kbsync("reconcile").code for _ in range(2)] == [0, 0]
    place.configure(dataset="Team {dir1}")
    said = place.kbsync("reconcile")
    assert said.code == 3, said  # its document is still where it should not be
    assert 'in no directory that dataset = "Team {dir1}" could name' in said.line("docs/top.md")
    assert held(place) == {"All": {"top.md"}, "Team IT": {"IT/a.md"}}

    place.configure(dataset="0a1b2c3d-0000-4000-8000-000000000000")  # none: what is new waits
    place.write("late.md", TEXT + "late")
    assert place.kbsync("reconcile").code == 5
    place.configure(dataset="Team {dir1}", max_documents=5)
    assert "could name" in place.kbsync("reconcile").line("docs/late.md")
    assert held(place) == {"All": {"top.md"}, "Team IT": {"IT/a.md"}}


def test_a_full_dataset(place: Place) -> None:
    """What does not fit goes to one more; a file stays where it is, and fills what became free."""
    place.configure(dataset="KB {dir1}", max_documents=3)
    for number in range(8):
        place.write(f"x/{number}.md", TEXT + str(number))
    assert place.kbsync("reconcile").code == 0
    first = held(place)
    assert {name: len(files) for name, files in first.items()} == {
        "KB x": 3,
        "KB x-2": 3,
        "KB x-3": 2,
    }
    place.calls()

    last = min(first["KB x-3"])
    (place.root / last).write_text(TEXT + "edited")
    (place.root / "x/8.md").write_text(TEXT + "new")
    (place.root / min(first["KB x-2"])).rename(place.root / "x/moved.md")
    assert place.kbsync("reconcile").code == 0
    second = held(place)
    assert {name: len(files) for name, files in second.items()} == {
        "KB x": 3,
        "KB x-2": 3,
        "KB x-3": 3,
    }
    assert last in second["KB x-3"]
    assert "x/moved.md" in second["KB x-2"]
    assert place.calls()["create"] == 2
    assert "KB x-3" in place.kbsync("explain", f"docs/{last}").line("dataset:")

    place.lose_ledger()
    assert place.kbsync("reconcile").code == 0
    assert place.calls()["create"] == 0
    assert held(place) == second

    place.configure(max_documents=2)
    assert place.kbsync("reconcile").code == 0
    assert held(place) == second
    place.configure(max_documents=0)
    assert place.kbsync("reconcile", "--allow-delete").code == 0
    assert {name: len(files) for name, files in held(place).items()} == {
        "KB x": 9,
        "KB x-2": 0,
        "KB x-3": 0,
    }


def test_a_full_dataset_of_parts(place: Place) -> None:
    """Parts stay together: a dataset that has room takes one file more, and no other beside it."""
    place.configure(dataset="All", max_documents=5, max_size="2KB")
    for number in range(4):
        lines = (f"{TEXT}{number} {line} voles and their burrows\n" for line in range(200))
        place.write(f"{number}.txt", "\n".join(lines))
    assert place.kbsync("reconcile").code == 0
    filled = held(place)
    assert filled.keys() == {"All", "All-2", "All-3", "All-4"}
    assert sorted(map(sorted, filled.values())) == [[f"{number}.txt"] for number in range(4)]


def test_settings(place: Place) -> None:
    """A placeholder that there is not, and datasets that may not be made, are refused."""
    place.configure(dataset="{dir}")
    said = place.kbsync("plan")
    assert said.code == 2
    assert 'dataset = "{dir}" must have braces around nothing but dir1 to dir9' in said.err
    place.configure(dataset="{dir1}", create_dataset=False)
    assert "needs create_dataset = true" in place.kbsync("plan").err
    place.configure(dataset="KB", max_documents=5)
    assert "max_documents needs create_dataset = true" in place.kbsync("plan").err
    place.configure(dataset="N" * 36, create_dataset=True)
    assert "leaves 35 characters for the name" in place.kbsync("plan").err
    place.configure(dataset="0a1b2c3d-0000-4000-8000-000000000000")
    assert "max_documents needs the dataset's name" in place.kbsync("plan").err
