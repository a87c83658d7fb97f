"""What a shell and a packager get: completion, a manual page, versions, a report for a defect."""

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path

import pytest

from kbsync import __version__
from kbsync.cli import COMMANDS, run
from kbsync.standin import Fault

from .place import Place, Said, a_place


def on_a_terminal(place: Place, *arguments: str, **environ: str) -> str:
    """What a command writes to a terminal, its escape sequences and all."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "kbsync", *arguments, "--config", str(place.config)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "60", **environ},
    ):
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65_536):
                shown += piece
        except OSError:  # how Linux says that the other end is closed
            pass
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def test_what_a_terminal_is_shown(tmp_path: Path) -> None:
    """NO_COLOR takes colours away; above the bars a line is whole, and names are as they are."""
    path = "[b]a long name, so that its line is wider than the terminal is[b].pdf"
    with a_place(tmp_path) as place:
        place.write(path, b"%PDF-1.7 cut off")
        assert "\x1b[32m+\x1b[0m docs/[b]" in on_a_terminal(place, "plan")
        plain = on_a_terminal(place, "plan", NO_COLOR="1")
        assert f"+ docs/{path}  (new)" in plain
        assert "\x1b" not in plain
        bars = on_a_terminal(place, "reconcile", NO_COLOR="1")
    assert f"failed   docs/{path}: it is damaged: no reader can open it\n" in bars
    assert "last: [b]a long name" in bars
    assert not re.search(r"\x1b\[[\d;]*3\d", bars)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    with a_place(tmp_path) as place:
        return place


def ran(*arguments: str) -> Said:
    """A command that needs no configuration."""
    out = io.StringIO()
    with redirect_stdout(out):
        code = run(list(arguments))
    return Said(code, out.getvalue(), "")


def completed(words: str, **environ: str) -> list[str]:
    """What bash is offered for the last of these words."""
    done = subprocess.run(
        [sys.executable, "-m", "kbsync"],
        env={
            **os.environ,
            **environ,
            "_KBSYNC_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_commands_options_and_folders_are_completed(place: Place) -> None:
    """Commands by their beginning, a command's options, and the configured folders."""
    assert completed("kbsync re") == ["reconcile", "retry"]
    assert "--watch" in completed("kbsync status --w")
    assert completed("kbsync approve d", KBSYNC_CONFIG=str(place.config)) == ["docs"]
    assert completed("kbsync approve d", KBSYNC_CONFIG="/nowhere") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script(shell: str) -> None:
    """Each shell has one, which calls kbsync and which the shell itself can read."""
    said = ran("completion", shell)
    assert said.code == 0
    assert f"_KBSYNC_COMPLETE={shell}_complete" in said.out
    if (path := shutil.which(shell)) is not None:
        assert subprocess.run([path, "-n"], input=said.out, text=True, check=False).returncode == 0


def test_the_manual_page() -> None:
    """It tells every command, and its formatter has nothing to complain of."""
    page = ran("man").out
    for name in COMMANDS:
        shown = name.replace("-", r"\-")
        assert f".SS kbsync {shown}" in page
    assert r"\fB\-w, \-\-watch\fR" in page
    if shutil.which("groff") is None:
        pytest.skip("no groff on this machine: the page's form is not checked")
    checked = subprocess.run(
        ["groff", "-man", "-ww", "-z", "-b", "-Tutf8", "-Kutf8"],
        input=page,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_versions() -> None:
    """The program first, then what it runs on."""
    lines = ran("--version").out.splitlines()
    assert lines[0] == f"kbsync {__version__}"
    assert f"httpx {version('httpx')}" in lines
    assert any(line.startswith("SQLite ") for line in lines)


def test_a_report_says_what_happened_and_not_to_what(tmp_path: Path) -> None:
    """Versions, findings and history without the key, addresses and names, for its owner only."""
    with a_place(tmp_path) as place:
        place.configure(instance="alcatraz-fileserver")
        place.write("layoffs/Ms Miller.md", "a file about newts")
        with place.config.open("a") as config:
            config.write('[[hooks]]\nwebhook = "http://localhost:1/of/somebody"\n')
        place.write("scan.md", "a scan about newts")
        text = "no text layer in layoffs/plan.pdf, says alcatraz-fileserver"
        place.standin.faults.add(Fault("index-error", name="scan", times=None, text=text))
        assert place.kbsync("reconcile", "--quiet").code == 3
        file = tmp_path / "report.txt"
        assert place.kbsync("doctor", "--report", str(file)).code == 0
        report = file.read_text()
        for name in (
            "Miller",
            "layoffs",
            "alcatraz",
            str(place.root),
            place.standin.key,
            place.base_url.removeprefix("http://"),
            "localhost",
            "somebody",
        ):
            assert name not in report
        assert file.stat().st_mode & 0o777 == 0o600
        assert "1 failed in <folder 1>: no text layer in <file " in report
        assert "<folder 1>: 1 completed, 1 failed" in report
        assert f"kbsync {__version__}" in report
        assert "reconcile" in report
        assert "not told <hook 1>: cannot be reached" in report
        assert place.kbsync("doctor", "--report", str(tmp_path / "no" / "where")).code == 2


def test_a_report_of_a_broken_configuration(place: Place, tmp_path: Path) -> None:
    """What is found is in it, also when nothing can be read."""
    place.config.write_text("[server\n")
    file = tmp_path / "report.txt"
    assert place.kbsync("doctor", "--report", str(file)).code == 2
    assert "fail configuration" in file.read_text()
