"""`kbsync demo` as a process: what it shows, that it checks it, and what it leaves behind."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from kbsync.commands.demo_check import Truth, compare
from kbsync.commands.demo_place import Place, Synced, a_place
from kbsync.commands.demo_talk import question_about
from kbsync.standin import StandIn, running

PATIENCE = 120.0
COMMAND = [sys.executable, "-m", "kbsync", "demo"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A user with a kbsync of his own, a proxy, and an empty directory for temporary files."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "home").mkdir()
    return {
        **os.environ,
        "TMPDIR": str(tmp_path / "tmp"),
        "HOME": str(tmp_path / "home"),
        "KBSYNC_SERVER__BASE_URL": "http://127.0.0.1:9/v1",
        "KBSYNC_FOLDERS": "[]",
        "KBSYNC_CONFIG": str(tmp_path / "mine.toml"),
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }


@pytest.fixture
def leaves_nothing(environment: dict[str, str]) -> Iterator[None]:
    """Whatever the test did, no file of the demo is left behind."""
    yield
    assert [file for name in ("TMPDIR", "HOME") for file in Path(environment[name]).iterdir()] == []


def demo(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.mark.usefixtures("leaves_nothing")
def test_the_demo_in_a_pipe(environment: dict[str, str]) -> None:
    """Piped, it tells the whole story in plain lines, ends with the truth, and leaves nothing."""
    done = demo(environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    told = done.stdout
    assert "\x1b" not in told
    assert not [line for line in told.splitlines() if line != line.rstrip()]
    assert told.count("\nindexed  handbook/") == 27 + 2
    assert "Requests: 27 uploads, " in told
    assert "0 requests to the server; 27 files looked at" in told
    assert "~ handbook/IT/Guest Wi-Fi.md" in told
    assert "= handbook/People/Expenses.md" in told
    assert "> handbook/Sales/Price list 2027.csv  (from Sales/Price list.csv)" in told
    assert "Requests: 2 uploads, 2 deletions, " in told
    assert "01632 960118" in told
    assert re.search(r"from /.+/handbook/Lab/Autoclave fault card\.docx\n", told)
    assert "valid for 36 hours" in told.partition("== 4.")[2]
    asked = told.partition("== 5.")[2]
    assert re.search(r"valid for 36 hours.*\n\n\[1\] /.+/IT/Guest Wi-Fi\.md  \(unchanged", asked)
    assert told.endswith("✓ 27 files indexed, 27 documents on the server, 27 equal byte for byte\n")


@pytest.mark.usefixtures("leaves_nothing")
def test_the_demo_on_a_terminal(environment: dict[str, str]) -> None:
    """On a terminal it moves bars, against the oldest version just as well."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "--behave", "1.10.1"],
        env=environment | {"TERM": "xterm", "COLUMNS": "80"},
        stdout=theirs,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
    )
    os.close(theirs)
    told = _until_closed(ours)
    assert process.wait(PATIENCE) == 0, told
    assert "━" in told
    assert "Dify 1.10.1" in told
    assert "27 equal byte for byte" in told.splitlines()[-1]
    assert "sent     handbook/" not in told


def _until_closed(terminal: int) -> str:
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # how Linux says that the other side is gone
            part = b""
        if not part:
            os.close(terminal)
            return b"".join(parts).decode()
        parts.append(part)


@pytest.mark.usefixtures("leaves_nothing")
def test_a_folder_of_ones_own(environment: dict[str, str], tmp_path: Path) -> None:
    """A user's folder is synced, what is not in is told with its reason, and nothing is touched."""
    root = _own_folder(tmp_path / "my docs")
    before = _everything(root)
    done = demo(environment, "--dir", str(root))
    assert done.returncode == 0, done.stdout + done.stderr
    assert _everything(root) == before
    told = done.stdout
    assert "2 skipped: type .png\n      one.png\n      two.png\n" in told
    assert "1 skipped: an empty file" in told
    assert "1 skipped: a symbolic link" in told
    assert "\nfailed  " not in told
    assert "\n      broken.pdf\n" in told
    assert "0 requests to the server; 9 files looked at" in told
    assert re.search(rf"  from {re.escape(str(root))}/.+\n", told)
    assert told.endswith("✓ 3 files indexed, 3 documents on the server, 3 equal byte for byte\n")


def _own_folder(root: Path) -> Path:
    (root / "sub").mkdir(parents=True)
    (root / "travel.md").write_text("# Travel\n\nSecond class below four hours of travel.\n")
    leave = "Everybody has twenty-seven holidays this year.\n"
    (root / "sub" / "leave.txt").write_text(leave, encoding="utf-16")
    (root / os.fsdecode(b"caf\xe9.md")).write_text("Coffee beans are roasted every Thursday.\n")
    (root / "broken.pdf").write_bytes(b"%PDF-1.4 but not really")
    (root / "empty.md").touch()
    for name in ("one.png", "two.png", "notes"):
        (root / name).write_text("x")
    (root / "link.md").symlink_to("travel.md")
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o555 if path.is_dir() else 0o444)
            os.utime(path, (1_700_000_000, 1_700_000_000))
    return root


def _everything(root: Path) -> dict[Path, object]:
    """What there is, with contents and all times but that of the last access."""
    return {
        path: (
            path.lstat().st_mtime_ns,
            path.lstat().st_ctime_ns,
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() else None,
        )
        for path in [root, *root.rglob("*")]
    }


@pytest.mark.usefixtures("leaves_nothing")
def test_a_folder_without_documents(environment: dict[str, str], tmp_path: Path) -> None:
    """An empty folder is no failure."""
    (tmp_path / "nothing").mkdir()
    done = demo(environment, "--dir", str(tmp_path / "nothing"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ 0 files indexed" in done.stdout


def test_nothing_is_written_into_ones_own_folder(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """A folder that holds the directory for temporary files is refused before anything is made."""
    done = demo(environment, "--dir", str(tmp_path))
    assert done.returncode == 2
    assert "TMPDIR" in done.stderr
    assert list((tmp_path / "tmp").iterdir()) == []


def test_what_is_kept_can_be_gone_on_with(environment: dict[str, str], tmp_path: Path) -> None:
    """With --keep, configuration, ledger and server data stay, and the commands told work."""
    root = _own_folder(tmp_path / "docs")
    done = demo(environment, "--dir", str(root), "--keep")
    assert done.returncode == 0, done.stdout + done.stderr
    (kept,) = (tmp_path / "tmp").iterdir()
    assert f"Kept in {kept}" in done.stdout
    assert {"kbsync.toml", "ledger.db", "standin.db"} <= {path.name for path in kept.iterdir()}
    config = str(kept / "kbsync.toml")
    assert f"kbsync status --config {config}" in done.stdout
    status = subprocess.run(
        [sys.executable, "-m", "kbsync", "status", "--offline", "--json", "--config", config],
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    assert json.loads(status.stdout)["folders"][0]["counts"]["completed"] == 3


@pytest.mark.usefixtures("leaves_nothing")
def test_ctrl_c_cleans_up(environment: dict[str, str]) -> None:
    """Ctrl-C in the middle of a sync ends it at once and leaves nothing behind."""
    process = subprocess.Popen(
        COMMAND, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("sent "):
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_without_the_extra(environment: dict[str, str]) -> None:
    """Without the optional packages, one line says what to install."""
    code = (
        "import sys; sys.modules['uvicorn'] = None; from kbsync.cli import run;"
        " sys.exit(run(['demo']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert 'pip install "kbsync[standin]"' in done.stderr
    assert done.stderr.count("\n") == 1


# That it would say so


@contextmanager
def synced(tmp_path: Path, **files: str) -> Iterator[tuple[Place, Synced]]:
    """A place of the demo after its sync."""
    root = tmp_path / "docs"
    root.mkdir()
    for name, text in files.items():
        (root / f"{name}.md").write_text(text)
    with a_place(tmp_path, root, "docs", "1.16.1", pace=0) as place:
        yield place, place.sync()


def test_the_comparison_is_content_with_equal_documents(tmp_path: Path) -> None:
    """Files and documents that are equal are counted, and nothing is wrong."""
    with synced(tmp_path, one="The first.", two="The second.") as (place, last):
        assert compare(place, last) == Truth(
            files=2, documents=2, failed=0, equal=2, changed=0, wrong=[]
        )


def test_the_comparison_finds_a_lost_document(tmp_path: Path) -> None:
    """A file that the ledger calls indexed and the server does not have is wrong."""
    with synced(tmp_path, one="The first.", two="The second.") as (place, last):
        lost = place.documents()[0]
        place.standin.world.store.run("DELETE FROM document WHERE id = ?", lost.id)
        assert len(compare(place, last).wrong) == 1


def test_the_comparison_finds_another_content(tmp_path: Path) -> None:
    """Other bytes on the server are wrong, unless the file changed since it was synced."""
    with synced(tmp_path, one="The first.") as (place, last):
        place.standin.world.store.run("UPDATE file SET body = ?", b"Something else.")
        file_is_older = replace(last, began=last.began + 3600)
        assert compare(place, file_is_older).wrong == [
            "one.md: the document has another content than the file"
        ]
        (place.root / "one.md").write_text("Edited.")
        assert compare(place, last).changed == 1


def test_the_comparison_finds_a_document_too_many(tmp_path: Path) -> None:
    """A document that belongs to no file is wrong."""
    with synced(tmp_path, one="The first.") as (place, last):
        place.standin.add_document(place.documents()[0].dataset_id, "stray.txt")
        assert compare(place, last).wrong == ["stray.txt: a document of no file"]


def test_the_comparison_knows_files_in_parts(tmp_path: Path) -> None:
    """A file that is too large for one document has several, and one that is lost is wrong."""
    with synced(tmp_path, one="The first.", large=f"{'x' * 998}\n\n" * 16_000) as (place, last):
        truth = compare(place, last)
        assert (truth.files, truth.equal, truth.in_parts, truth.wrong) == (2, 1, 1, [])
        assert truth.documents == 3
        part = next(one for one in place.documents() if one.name.startswith("large"))
        place.standin.world.store.run("DELETE FROM document WHERE id = ?", part.id)
        assert len(compare(place, last).wrong) == 1


def test_the_comparison_finds_a_file_that_was_forgotten(tmp_path: Path) -> None:
    """A file that the walk saw and the ledger does not know is wrong."""
    with synced(tmp_path, one="The first.") as (place, last):
        forgotten = replace(last, present=last.present + 1)
        assert compare(place, forgotten).wrong == ["2 files were seen, the ledger knows 1"]


# Questions


def test_a_question_has_one_answer() -> None:
    """The words that are searched for stand in one document only; copies are not asked about."""
    standin = StandIn()
    dataset = standin.create_dataset("KB")
    with running(standin):
        for name, text in {
            "a.md": "Alpha beta gamma delta.\nThat which this will with these.",
            "b.md": "Alpha beta gamma delta.",
            "c.md": "Alpha beta gamma delta.\nEpsilon zeta theta iota.",
        }.items():
            standin.add_document(dataset, name, text.encode())
        chosen = question_about(standin.documents(dataset))
        assert chosen is not None
        assert (chosen[0].name, chosen[1]) == ("c.md", "Epsilon zeta theta iota")
        assert question_about(standin.documents(dataset)[:2]) is None
    standin.close()
