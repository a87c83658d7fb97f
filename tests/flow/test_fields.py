"""Metadata fields of a folder's own, from the configuration to the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from kbsync.assembly import opened
from kbsync.config import load
from kbsync.engine import Scope, following
from kbsync.model import State
from kbsync.service import traffic
from kbsync.service.gate import Gate

from .place import a_place

FIELDS = {"team": "{dir1}", "link": "https://x.example/{path}", "year": 2026, "at": "{modified}"}


@pytest.mark.parametrize("behave", ["1.10.1", "1.16.1"])
def test_fields_are_written_and_changed_without_an_upload(tmp_path: Path, behave: str) -> None:
    """Each document has its folder's fields; changed settings write metadata and nothing else."""
    with a_place(tmp_path, behave=behave) as place:
        file = place.write("IT/a b.md", "a document about otters and the rivers that they live in")
        place.write("top.md", "a document about badgers and where they sleep the whole day")
        assert place.kbsync("reconcile").code == 0
        place.calls()

        place.configure(metadata=FIELDS)
        said = place.kbsync("reconcile")
        assert said.code == 0
        assert "metadata of all documents are written again" in said.out
        calls = place.calls()
        assert calls["create"] == calls["update"] == calls["delete"] == 0
        told = {path: document.metadata for path, document in place.live().items()}
        assert told["IT/a b.md"]["link"] == "https://x.example/IT/a%20b.md"
        assert (told["IT/a b.md"]["team"], told["top.md"]["team"]) == ("IT", "")
        assert told["top.md"]["year"] == 2026
        assert told["IT/a b.md"]["at"] == int(file.stat().st_mtime)
        assert told["IT/a b.md"]["kbsync_path"] == "IT/a b.md"

        assert place.kbsync("reconcile").code == 0
        assert place.calls()["metadata"] == 0

        (place.root / "HR").mkdir()
        file.rename(place.root / "HR/a b.md")
        assert place.kbsync("reconcile").code == 0
        assert place.live()["HR/a b.md"].metadata["team"] == "HR"


SAID = "---\nauthor: Ana\nyear: {year}\n---\n"
BODY = "a document about otters and the rivers that they live in, long enough to be indexed"


@pytest.mark.parametrize("behave", ["1.10.1", "1.16.1"])
def test_what_files_say_of_themselves(tmp_path: Path, behave: str) -> None:
    """Front matter becomes fields; stripped, a change of it alone sends no document."""
    with a_place(tmp_path, behave=behave) as place:
        place.configure(
            metadata={"author": "{meta.author}", "year": "{meta.year:number}"},
            strip_front_matter=True,
        )
        file = place.write("a.md", SAID.format(year=2025) + BODY)
        place.write("b.html", f"<title>B</title><meta name=author content=Bo><p>{BODY}</p>")
        assert place.kbsync("reconcile").code == 0
        live = place.live()
        assert live["a.md"].body.decode() == BODY
        assert (live["a.md"].metadata["author"], live["a.md"].metadata["year"]) == ("Ana", 2025)
        assert live["b.html"].metadata["author"] == "Bo"
        place.calls()

        for said, told in (("2026", 2026), ("soon", None)):
            file.write_text(SAID.format(year=said) + BODY)
            assert "the content is the same" in place.kbsync("plan").line("docs/a.md")
            out = place.kbsync("reconcile").out
            assert ("metadata left out: year: 'soon' is no number" in out) == (told is None)
            assert place.live()["a.md"].metadata["year"] == told
        assert place.calls()["create"] == 0

        file.rename(place.root / "c.md")
        assert place.kbsync("reconcile").code == 0
        assert place.calls()["create"] == 0
        assert place.live()["c.md"].metadata["author"] == "Ana"

        place.configure(strip_front_matter=False)
        assert "settings changed" in place.kbsync("plan").line("docs/c.md")
        assert place.kbsync("reconcile").code == 0
        assert place.live()["c.md"].body.decode().startswith("---\nauthor: Ana")


def test_a_large_folder_is_described_beside_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between batches it is looked what is indexed: new files do not wait for all of it."""
    for module in (following, traffic):
        monkeypatch.setattr(module, "DESCRIBE_AT_ONCE", 2)
    with a_place(tmp_path) as place:
        for number in range(30):
            place.write(f"{number}.md", f"page {number} about otters")
        assert place.kbsync("reconcile").code == 0
        place.configure(metadata=FIELDS)
        place.write("new.md", "a new page about badgers")
        with opened(load(place.config)) as engine:
            gate = Gate(["docs"], chance=lambda: 0.5)
            engine.accept(*engine.look([Scope("docs")]))
            while engine.work_one(["docs"]):
                pass
            steps = 0
            follower = traffic.Follower(engine, gate, lambda: None)
            while place.record("new.md").state is not State.COMPLETED:
                rest, steps = follower.step(), steps + 1
            assert rest == 0.0
            assert engine.ledger.undescribed("docs")
            while follower.step() == 0.0:
                steps += 1
            assert not engine.ledger.undescribed("docs")
            assert steps >= 3


def test_a_wrong_field_is_named(tmp_path: Path) -> None:
    """A placeholder that there is not is told with the folder, the field and what there is."""
    with a_place(tmp_path) as place:
        place.configure(metadata={"team": "{department}"})

        said = place.kbsync("plan")

        assert said.code == 2
        assert 'metadata: "team": there is no {department}; there are' in said.err


def test_what_a_stranger_says_of_a_file(tmp_path: Path) -> None:
    """A head that no parser reads says nothing: its file is indexed, and all others are."""
    with a_place(tmp_path) as place:
        place.configure(metadata={"author": "{meta.author}", "year": "{meta.year:number}"})
        place.write("a.html", f"<title>x</title><p>{BODY}</p><![x")
        place.write("b.html", f'<meta charset="idna"><meta name="author" content="Ana"><p>{BODY}')
        place.write("c.md", f"---\n!!float\n---\n{BODY}")
        place.write("d.md", f"---\nauthor: 0b{'1' * 60000}\nyear: 0b{'1' * 60000}\n---\n{BODY}")
        place.write("e.md", f'---\nauthor: "A\\0na \\ud800"\n---\n{BODY}')
        assert place.kbsync("reconcile").code == 0
        authors = {path: one.metadata.get("author") for path, one in place.live().items()}
        assert authors == {
            "a.html": None, "b.html": "Ana", "c.md": None, "d.md": None, "e.md": "Ana ?",
        }  # fmt: skip
