"""Every command of the README is run here, as it stands there, or is named with what tries it."""

from __future__ import annotations

import io
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from kbsync.cli import run
from kbsync.standin import StandIn, running

from .place import Said

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
COMMANDS = list(
    dict.fromkeys(
        re.split(r"\s{2,}#", line.removeprefix("$ "))[0].rstrip()
        for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
        for line in block.splitlines()
    )
)
#: What needs the network, root or another program, and what tries it.
ELSEWHERE = {
    "pipx install .": "make release-check",
    "uv tool install .": "make release-check",
    "python3 -m venv /opt/kbsync && /opt/kbsync/bin/pip install .": "test_packaging",
    "ln -s /opt/kbsync/bin/kbsync /usr/local/bin/kbsync": "test_systemd_units, by its target",
    "docker build -t kbsync .": "test_packaging, as far as it goes without docker",
    "systemctl reload kbsync": "test_service_signals, by the signal that it sends",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, StandIn, str]]:
    """The README's folder in an empty home, and a server with an application."""
    monkeypatch.chdir(tmp_path)
    for name in [*os.environ]:
        if name.startswith(("KBSYNC_", "XDG_", "STATE_DIRECTORY")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "handbook"
    folder.mkdir()
    (folder / "travel.md").write_text("# Travel\n\nSecond class below four hours.\n")
    (folder / "wifi.md").write_text("# Guest Wi-Fi\n\nA voucher for the guest Wi-Fi: 24 hours.\n")
    standin = StandIn(embedding_model=True)
    with running(standin) as url:
        (tmp_path / "dataset.key").write_text(standin.key)
        (tmp_path / "dataset.key").chmod(0o600)
        monkeypatch.setenv("KBSYNC_APP__API_KEY", standin.app_key)
        yield tmp_path, standin, url
    standin.close()


def test_every_command(home: tuple[Path, StandIn, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed one after another as the README has them, all of kbsync's succeed."""
    directory, _, url = home
    answers = f"--base-url {url} --key-file dataset.key --folder handbook"
    more = {
        "kbsync init": answers + " --dataset Handbook",
        "kbsync init --output /etc/kbsync/config.toml": answers + " --dataset Handbook --force",
        "kbsync install-service": "--config kbsync.toml --user root --dry-run",
    }
    typed = [command for command in COMMANDS if command.startswith("kbsync ")]
    assert len(typed) >= 16
    for command in typed:
        line = f"{command} {more.get(command, '')}".replace("/etc/kbsync", str(directory / "etc"))
        if command == "kbsync run":
            said = _served(directory)
        elif "--user nobody" in command and os.getuid() != 0:
            continue
        else:
            with monkeypatch.context() as variables:
                if command == "kbsync install-service":
                    variables.setenv("KBSYNC_LEDGER", "/var/lib/kbsync/ledger.db")
                said = _typed(line)
        if "--user nobody" in command:
            assert "user nobody may not" in said.out  # pytest's directories are closed to others
            continue
        assert said.code == 0, f"{line}\n{said.out}{said.err}"


def test_the_others_are_tried_elsewhere() -> None:
    """Commands of make are targets; whatever is left is named above, and nothing else is."""
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    rest = [command for command in COMMANDS if not command.startswith("kbsync ")]
    made = [shlex.split(command)[1] for command in rest if command.startswith("make ")]
    assert len(made) >= 6
    assert set(made) <= targets
    assert [command for command in rest if not command.startswith("make ")] == list(ELSEWHERE)


def test_what_it_points_to_is_there() -> None:
    """Every file that the README links or shows is in the project, and each heading it names."""
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", README):
        file, _, anchor = target.partition("#")
        assert (PROJECT / file).exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", (PROJECT / file).read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^a-z0-9]+", "-", head.lower()) for head in headings}


def _typed(line: str) -> Said:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(shlex.split(line)[1:])
    return Said(code, out.getvalue(), err.getvalue())


def _served(directory: Path) -> Said:
    """`kbsync run` until it has started, and then Ctrl-C."""
    with subprocess.Popen(
        [sys.executable, "-m", "kbsync", "run"],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": str(PROJECT), "KBSYNC_HTTP__LISTEN": "127.0.0.1:0"},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        told = ""
        for line in process.stderr:
            told += line
            if "event=started" in line:
                process.send_signal(signal.SIGINT)
    return Said(process.returncode, "", told)
