"""`kbsync reconcile` from the command line to the documents on a server, over a socket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kbsync.model import State
from tests.corpus import edit, make_corpus, make_marker

from .place import Place, Said, a_place

VERSIONS = ["1.10.1", "1.16.1"]


@pytest.mark.parametrize("behave", VERSIONS)
def test_five_hundred_documents(tmp_path: Path, behave: str) -> None:
    """A folder of 500 mixed documents becomes equal, stays so for free, and follows changes."""
    with a_place(tmp_path, behave=behave) as place:
        corpus = make_corpus(place.root, count=500)
        first = place.kbsync("reconcile")
        assert first.code == 0, first.out + first.err
        place.equal()
        calls = place.calls()
        assert calls["create"] == 500
        assert calls["delete"] == 0
        assert all(document.metadata["kbsync_path"] for document in place.documents())

        _let_stamps_settle(place)
        second = place.kbsync("reconcile")
        assert second.code == 0, second.out + second.err
        assert place.calls() == {}

        edited = [edit(file, place.root, make_marker("new", file.path)) for file in corpus[40:60]]
        moving = place.root / corpus[60].path
        moving.rename(place.root / f"renamed file{moving.suffix}")
        for file in corpus[61:64]:
            (place.root / file.path).unlink()
        for file in corpus[64:94]:
            os.utime(place.root / file.path)
        third = place.kbsync("reconcile")
        assert third.code == 0, third.out + third.err
        calls = place.calls()
        assert (calls["create"], calls["delete"]) == (20, 20 + 3)
        place.equal()
        by_path = place.live()
        for file in edited:
            assert file.marker in by_path[file.path].text


def _let_stamps_settle(place: Place) -> None:
    """Make a run that sees the last two seconds' files with a stamp that can be trusted."""
    newest = max(path.stat().st_ctime for path in place.root.rglob("*"))
    while time.time() - newest <= 2.1:
        time.sleep(0.05)
    assert place.kbsync("reconcile").code == 0
    calls = place.calls()
    assert calls["create"] == calls["delete"] == 0


def test_the_simple_dialect(tmp_path: Path) -> None:
    """The older guide's form of the API is kept equal in the same way."""
    with a_place(tmp_path, dialect="simple") as place:
        corpus = make_corpus(place.root, count=60)
        first = place.kbsync("reconcile")
        assert first.code == 0, first.out + first.err
        place.equal()
        assert place.calls()["create"] == 60
        _let_stamps_settle(place)
        assert place.kbsync("reconcile").code == 0
        assert place.calls() == {}
        edit(corpus[50], place.root, make_marker("new"))
        (place.root / corpus[51].path).unlink()
        assert place.kbsync("reconcile").code == 0
        calls = place.calls()
        assert (calls["create"], calls["delete"]) == (1, 2)
        place.equal()


@pytest.mark.parametrize("style", ["dify", "simple"])
def test_a_named_style(tmp_path: Path, style: str) -> None:
    """With api_style set, nothing is probed."""
    with a_place(tmp_path, dialect=style) as place:
        place.configure(api_style=style)
        place.write("a.md", "some text about otters, long enough to be believed without asking")
        assert place.kbsync("reconcile").code == 0
        place.equal()


def test_awkward_entries(tmp_path: Path) -> None:
    """What cannot be sent is told in one line each, and every other file is synced."""
    with a_place(tmp_path) as place:
        place.configure(max_size="1KiB", split_up_to=0, exclude=["secret/"])
        place.write("good.md", "a good document, about badgers")
        place.write("empty.md", "")
        place.write("large.md", "x" * 1025)
        place.write("program.exe", "MZ")
        place.write("secret/plan.md", "not to be sent")
        place.write("~$letter.docx", "an office lock file")
        long_name = "n" * 247 + ".md"
        place.write(long_name, "a name of 250 bytes")
        raw = os.fsencode(place.root) + b"/caf\xe9.md"
        Path(os.fsdecode(raw)).write_text("a name that is not UTF-8")
        os.mkfifo(place.root / "pipe.md")
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(str(place.root / "sock.md"))
        (place.root / "loop").symlink_to(place.root, target_is_directory=True)
        outside = tmp_path / "outside.md"
        outside.write_text("outside the folder")
        (place.root / "link.md").symlink_to(outside)

        said = place.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        for name, reason in {
            "empty.md": "empty",
            "large.md": "1,025 bytes",
            "program.exe": "exe",
            "pipe.md": "FIFO",
            "sock.md": "socket",
            "loop": "symbolic link",
            "link.md": "symbolic link",
        }.items():
            assert reason in said.line(f"docs/{name}"), name
        assert set(place.live()) == {"good.md", long_name, "caf\udce9.md"}
        assert "outside the folder" not in {document.text for document in place.documents()}
        assert "secret" not in said.out
        assert "docs/caf\\xe9.md" in said.out
        again = place.kbsync("reconcile")
        assert "empty.md" not in again.out, "a known reason is told once"
        assert "empty.md" in place.kbsync("status", "--skipped", "--offline").out


def test_an_unreadable_file(tmp_path: Path) -> None:
    """A file and a directory that cannot be read are told, and nothing of them is deleted."""
    with a_place(tmp_path) as place:
        place.write("good.md", "a good document, about badgers")
        place.write("closed/inner.md", "inside a directory that will be closed")
        place.write("closed.md", "a file that will be closed")
        assert place.kbsync("reconcile").code == 0
        place.equal()
        place.write("closed.md", "changed meanwhile, about newts")
        closed = [place.root / "closed.md", place.root / "closed"]
        for path in closed:
            path.chmod(0)
        said = _as_nobody(place, "reconcile")
        for path in closed:
            path.chmod(0o755)
        assert said.code == 3
        assert "permission denied" in said.line("docs/closed.md:").lower()
        assert "permission denied" in said.line("unknown  docs/closed:").lower()
        assert set(place.live()) == {"good.md", "closed.md", "closed/inner.md"}
        assert len(place.documents()) == 3
        assert place.kbsync("reconcile").code == 0
        place.equal()


def _as_nobody(place: Place, *arguments: str) -> Said:
    """Run a command without root's right to read everything; all its modules are imported."""
    if os.geteuid() != 0:
        return place.kbsync(*arguments)
    ledger = [place.ledger.parent, *place.ledger.parent.iterdir(), place.config]
    passage = {parent: parent.stat().st_mode for parent in place.root.parents}
    for path in ledger:
        os.chown(path, 65534, 65534)
    for parent, mode in passage.items():
        parent.chmod(mode | 0o011)
    os.seteuid(65534)
    try:
        return place.kbsync(*arguments)
    finally:
        os.seteuid(0)
        for parent, mode in passage.items():
            parent.chmod(mode)
        for path in [place.ledger.parent, *place.ledger.parent.iterdir(), place.config]:
            os.chown(path, 0, 0)


def test_equal_names_stay_apart(tmp_path: Path) -> None:
    """Equal base names, and long names that share 200 characters, stay two documents."""
    with a_place(tmp_path) as place:
        for path in ("one/README.md", "two/README.md"):
            place.write(path, f"the readme of {path}")
        stem = "/".join(["d" * 80] * 3) + "/" + "f" * 100
        for path in (f"{stem}1.md", f"{stem}2.md", f"{stem}.v1.md", f"{stem}.v2.md"):
            place.write(path, f"the long one {path[-5:]}")
        assert place.kbsync("reconcile").code == 0
        place.equal()
        assert len({document.name for document in place.documents()}) == 6


def test_the_old_version_answers_until_the_new_one_is_indexed(tmp_path: Path) -> None:
    """Without waiting, the replaced document stays until a later run has seen the new one ready."""
    moment = [1000.0]
    with a_place(tmp_path, pace=60.0, clock=lambda: moment[0]) as place:
        place.write("a.md", "first version, about herons and their nests in the old poplars")
        assert place.kbsync("reconcile", "--no-wait").code == 0
        moment[0] += 100
        assert place.kbsync("reconcile", "--no-wait").code == 0
        place.write("a.md", "second version, about herons and their nests in the new poplars")
        assert place.kbsync("reconcile", "--no-wait").code == 0
        texts = {document.indexing_status for document in place.documents()}
        assert len(place.documents()) == 2
        assert "completed" in texts
        assert place.live()["a.md"].body.startswith(b"first")
        moment[0] += 100
        assert place.kbsync("reconcile").code == 0
        place.equal()


def test_zero_segments_are_a_failure(tmp_path: Path) -> None:
    """A document that is completed without any text is failed with the reason, and retried once."""
    with a_place(tmp_path) as place:
        place.write("blank.html", "<html><body><p> </p></body></html>")
        place.write("good.md", "a good document, about badgers")
        said = place.kbsync("reconcile")
        assert said.code == 3
        assert "0 segments" in said.line("failed   docs/blank.html")
        assert place.record("blank.html").state is State.FAILED
        place.calls()
        assert place.kbsync("reconcile").code == 3
        assert place.calls()["create"] == 0
        assert "1 file will be sent again" in place.kbsync("retry", "docs/blank.html").out
        assert place.kbsync("reconcile").code == 3
        assert place.calls()["create"] == 1
        assert len(place.documents()) == 2
        place.write("blank.html", "not blank any more, about shrews")
        assert place.kbsync("reconcile").code == 0
        place.equal()


def test_a_document_in_error_shows_the_servers_text(tmp_path: Path) -> None:
    """The server's own error text is what a person sees."""
    with a_place(tmp_path) as place:
        place.write("old.xls", b"as old as that")
        said = place.kbsync("reconcile")
        assert said.code == 3
        assert "has no library that reads .xls" in said.line("failed   docs/old.xls")
        status = place.kbsync("status", "--json", "--offline").json
        assert status["failures"][0]["path"] == "old.xls"
        assert "reads .xls" in status["failures"][0]["reason"]


def test_settings_that_change_a_document_send_it_again(tmp_path: Path) -> None:
    """Another process_rule re-indexes every file of the folder, and plan says so beforehand."""
    with a_place(tmp_path) as place:
        for number in range(5):
            place.write(f"{number}.md", f"document number {number}, about voles")
        assert place.kbsync("reconcile").code == 0
        rule = 'process_rule = { mode = "custom", rules = { pre_processing_rules = [],'
        rule += ' segmentation = { separator = "\\n", max_tokens = 200 } } }'
        place.config.write_text(place.config.read_text() + rule + "\n")
        plan = place.kbsync("plan", "--json").json
        assert [change["action"] for change in plan["changes"]] == ["replace"] * 5
        assert {change["reason"] for change in plan["changes"]} == {"settings changed"}
        place.calls()
        assert place.kbsync("reconcile").code == 0
        assert place.calls()["create"] == 5
        place.equal()


def test_another_dataset(tmp_path: Path) -> None:
    """A folder pointed at another dataset moves there: new documents first, then the old go."""
    with a_place(tmp_path) as place:
        for number in range(3):
            place.write(f"{number}.md", f"document number {number}, about voles")
        assert place.kbsync("reconcile").code == 0
        other = place.standin.create_dataset("Other")
        place.configure(dataset="Other")
        said = place.kbsync("plan")
        assert "its 3 documents will be sent to the new one" in said.line("the dataset was 'KB'")
        assert "nothing to do" not in said.out
        assert place.kbsync("reconcile").code == 0
        assert place.documents() == []
        place.dataset_id = other
        place.equal()


def test_create_dataset(tmp_path: Path) -> None:
    """A dataset that does not exist is made when asked for, and an error otherwise."""
    with a_place(tmp_path) as place:
        place.write("a.md", "a document about beavers")
        place.configure(dataset="New one")
        said = place.kbsync("reconcile")
        assert said.code == 5
        assert "New one" in said.err
        assert "create_dataset" in said.err
        place.configure(create_dataset=True)
        assert place.kbsync("reconcile").code == 0
        assert place.record("a.md").live is not None


def test_unmanaged_documents_are_left_alone(tmp_path: Path) -> None:
    """Documents that somebody else put into the dataset are never touched."""
    with a_place(tmp_path) as place:
        theirs = place.standin.add_document(place.dataset_id, "by hand.md", b"made by hand")
        place.write("a.md", "a document about beavers")
        assert place.kbsync("reconcile").code == 0
        (place.root / "a.md").unlink()
        assert place.kbsync("reconcile").code == 0
        assert [document.id for document in place.documents()] == [theirs]


def test_held_deletions(tmp_path: Path) -> None:
    """An emptied folder holds its deletions, sends what is new, and lets go when allowed."""
    with a_place(tmp_path) as place:
        for number in range(12):
            place.write(f"{number}.md", f"document number {number}, about voles")
        assert place.kbsync("reconcile").code == 0
        for path in place.root.glob("*.md"):
            path.unlink()
        place.write("new.md", "a new one, about owls")
        said = place.kbsync("reconcile")
        assert said.code == 4
        assert "12 deletions are held" in said.err
        assert len(place.documents()) == 13
        assert (
            place.kbsync("status", "--json", "--offline").json["folders"][0]["held"]["count"] == 12
        )
        assert place.kbsync("plan").code == 4
        assert place.kbsync("reconcile", "--allow-delete").code == 0
        place.equal()


def test_a_missing_root(tmp_path: Path) -> None:
    """A folder that is not there keeps all its documents, and says so."""
    with a_place(tmp_path) as place:
        place.write("a.md", "a document about beavers")
        assert place.kbsync("reconcile").code == 0
        place.root.rename(tmp_path / "away")
        said = place.kbsync("reconcile", "--allow-delete")
        assert said.code == 4
        assert "nothing is done with its 1 document" in said.err
        (tmp_path / "away").rename(place.root)
        assert place.kbsync("reconcile").code == 0
        place.equal()


def test_keep_on_delete(tmp_path: Path) -> None:
    """With on_delete = "keep" a removed file's document stays."""
    with a_place(tmp_path) as place:
        place.configure(on_delete="keep")
        place.write("a.md", "a document about beavers")
        assert place.kbsync("reconcile").code == 0
        (place.root / "a.md").unlink()
        assert place.kbsync("reconcile").code == 0
        assert len(place.documents()) == 1


def test_in_place_replacement(tmp_path: Path) -> None:
    """With replace = "in_place" the document keeps its id."""
    with a_place(tmp_path) as place:
        place.configure(replace="in_place")
        place.write("a.md", "first version, about herons and their nests in the old poplars")
        assert place.kbsync("reconcile").code == 0
        before = place.live()["a.md"].id
        place.write("a.md", "second version, about herons and their nests in the new poplars")
        assert place.kbsync("reconcile").code == 0
        place.equal()
        assert place.live()["a.md"].id == before


def test_full_run_finds_what_metadata_hides(tmp_path: Path) -> None:
    """`--full` hashes every file and makes no request when all are equal."""
    with a_place(tmp_path) as place:
        place.write("a.md", "a document about beavers")
        assert place.kbsync("reconcile").code == 0
        place.calls()
        assert place.kbsync("reconcile", "--full").code == 0
        assert place.calls() == {}


def test_explain(tmp_path: Path) -> None:
    """`explain` tells state, live document and next step, also for what is not there."""
    with a_place(tmp_path) as place:
        place.configure(exclude=["drafts/"])
        place.write("a.md", "a document about beavers")
        place.write("drafts/b.md", "a draft")
        assert place.kbsync("reconcile").code == 0
        told = place.kbsync("explain", str(place.root / "a.md"), "--json").json
        assert told["state"].startswith("completed")
        assert place.documents()[0].id in told["live_document"]
        assert 'excluded by exclude "drafts/"' in place.kbsync("explain", "docs/drafts/b.md").out
        assert "unknown to the ledger" in place.kbsync("explain", "docs/none.md").out
        outside = ("/elsewhere/x.md", "docs/../x.md", "docs/..")
        for path in outside:
            said = place.kbsync("explain", path)
            assert (said.code, "is in no configured folder" in said.err) == (2, True), path
        for path in ("docs", "docs/", str(place.root), "docs/drafts"):
            said = place.kbsync("explain", path)
            assert said.code == 2, path
            assert said.err.startswith(f"kbsync: {path!r} is a directory; give a file's path")


def test_another_directory_under_the_same_name(tmp_path: Path) -> None:
    """A folder whose path is changed holds all deletions, however few they are."""
    with a_place(tmp_path) as place:
        for number in range(3):
            place.write(f"{number}.md", f"document number {number}, about voles and their burrows")
        assert place.kbsync("reconcile").code == 0
        other = tmp_path / "other"
        other.mkdir()
        (other / "x.md").write_text("the only document of the other directory, about stoats")
        place.configure(path=str(other))
        said = place.kbsync("reconcile")
        assert said.code == 4
        assert f"the folder was {place.root} and is now {other}" in said.err
        assert len(place.documents()) == 4
        assert place.kbsync("reconcile").code == 4, "and still at the next run"
        assert place.kbsync("reconcile", "--allow-delete").code == 0
        assert len(place.documents()) == 1


def test_a_renamed_root_is_the_same_folder(tmp_path: Path) -> None:
    """A root that was moved together with its files is recognised, and nothing is held."""
    with a_place(tmp_path) as place:
        for number in range(3):
            place.write(f"{number}.md", f"document number {number}, about voles and their burrows")
        assert place.kbsync("reconcile").code == 0
        place.root = place.root.rename(tmp_path / "renamed")
        place.configure(path=str(place.root))
        (place.root / "1.md").unlink()
        assert place.kbsync("reconcile").code == 0
        place.equal()


def test_old_failures_are_named_again(tmp_path: Path) -> None:
    """A run that does nothing names what is still failing, also when it is quiet."""
    with a_place(tmp_path) as place:
        place.write("broken.pdf", b"%PDF-1.7 cut off")
        assert place.kbsync("reconcile").code == 3
        said = place.kbsync("reconcile", "--quiet")
        assert said.code == 3
        assert "it is damaged" in said.line("failed   docs/broken.pdf")


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    """`kbsync reconcile | head -1` does all of its work."""
    with a_place(tmp_path) as place:
        for number in range(40):
            place.write(f"{number}.md", f"document number {number}, about voles and their burrows")
        command = [sys.executable, "-m", "kbsync", "reconcile", "--config", str(place.config)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.stdout.close()
            process.wait()
        place.equal()
