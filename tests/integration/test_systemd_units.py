"""The units in `systemd/`, as systemd itself reads them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
UNITS = sorted((PROJECT / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
PROGRAM = "/usr/local/bin/kbsync"

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze, a part of systemd"
)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units in a directory of their own, with this environment's kbsync as the program."""
    program = Path(sys.executable).parent / "kbsync"
    assert program.exists()
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace(PROGRAM, str(program)))
    return tmp_path


@needs_systemd
def test_systemd_finds_nothing_to_say(installed: Path) -> None:
    """`systemd-analyze verify` is silent about every unit."""
    units = [str(unit) for unit in installed.iterdir()]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "kbsync" in line]
    assert (done.returncode, ours) == (0, [])


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_the_sandbox_is_tight(unit: Path) -> None:
    """`systemd-analyze security` gives an exposure of at most 1.5 of 10."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert found is not None, done.stdout
    assert float(found[1]) <= 1.5


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_the_program_is_where_the_readme_puts_it(unit: Path) -> None:
    """A unit starts the link that the README tells to make."""
    readme = (PROJECT / "README.md").read_text()
    assert f"ln -s /opt/kbsync/bin/kbsync {PROGRAM}\n" in readme
    commands = [line for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    assert [command.split()[0] for command in commands] == [f"ExecStart={PROGRAM}"]
