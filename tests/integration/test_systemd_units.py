"""`kbsync install-service`: its units as systemd itself reads them, and what it does with them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
UNITS = sorted((PROJECT / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
PROGRAM = Path(sys.executable).parent / "kbsync"
KEY = "dataset-abcdefghijklmnop12345678"

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze, a part of systemd"
)
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can look as another user")


class Machine:
    """A directory for units, a configuration, and a systemctl that writes down what it is told."""

    def __init__(self, home: Path) -> None:
        self.units = home / "units"
        self.config = home / "the config.toml"
        self.folder = home / "100% of docs"
        self.folder.mkdir()
        self._log = home / "called"
        self.systemctl = home / "bin" / "systemctl"
        self.systemctl.parent.mkdir()
        self.answer(0)
        (home / "dataset.key").write_text(KEY)
        (home / "dataset.key").chmod(0o600)
        self.configure('ledger = "/var/lib/kbsync/ledger.db"')

    def configure(self, first: str) -> None:
        self.config.write_text(
            f'{first}\n[server]\nbase_url = "https://dify.example"\napi_key_file = "dataset.key"\n'
            f'[[folders]]\nname = "docs"\npath = "{self.folder}"\ndataset = "KB"\n'
        )

    def answer(self, code: int) -> None:
        """Let systemctl end with this code from now on."""
        self.systemctl.write_text(f'#!/bin/sh\necho "$@" >> {self._log}\nexit {code}\n')
        self.systemctl.chmod(0o755)

    def install(self, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(PROGRAM), "install-service", "--config", str(self.config), "--directory",
             str(self.units), *options],
            env=os.environ | {"PATH": f"{self.systemctl.parent}:{os.environ['PATH']}"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def calls(self) -> list[str]:
        """What systemctl was told since the last call of this."""
        told = self._log.read_text().splitlines() if self._log.exists() else []
        self._log.unlink(missing_ok=True)
        return told

    def there(self) -> list[str]:
        return sorted(file.name for file in self.units.iterdir()) if self.units.exists() else []


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A machine whose files any user may enter, which pytest's directories are not."""
    with tempfile.TemporaryDirectory(prefix="kbsync-test-") as name:
        Path(name).chmod(0o755)
        yield Machine(Path(name))


AS_ROOT = ("--user", "root")


def test_a_service_is_installed(machine: Machine) -> None:
    """The unit fits this machine, is started, and installing again or as a timer replaces it."""
    done = machine.install(*AS_ROOT)
    assert done.returncode == 0, done.stderr
    assert machine.there() == ["kbsync.service"]
    assert machine.calls() == ["daemon-reload", "enable kbsync.service", "restart kbsync.service"]
    unit = (machine.units / "kbsync.service").read_text()
    assert f'ExecStart={PROGRAM} run --config "{machine.config}"\n' in unit
    assert f"LoadCredential=dataset-key:{machine.config.parent}/dataset.key\n" in unit
    assert f'RequiresMountsFor="{machine.config.parent}/100%% of docs"\n' in unit
    assert f'PrivateTmp=yes\nBindReadOnlyPaths="{machine.config.parent}/100%% of docs"\n' in unit
    assert "app-key" not in unit
    assert "User=root\n" in unit
    assert KEY not in unit + done.stdout
    assert machine.install(*AS_ROOT, "--timer", "--no-start").returncode == 0
    assert machine.there() == ["kbsync-reconcile.service", "kbsync-reconcile.timer"]
    assert machine.calls() == [
        "disable --now kbsync.service", "daemon-reload", "enable kbsync-reconcile.timer",
    ]  # fmt: skip
    done = machine.install("--uninstall")
    assert machine.calls()[-1] == "daemon-reload"
    assert machine.there() == []
    assert "are still there" in done.stdout
    assert "no unit of kbsync" in machine.install("--uninstall").stdout


@pytest.mark.parametrize("kind", [(), ("--timer",)], ids=["service", "timer"])
def test_every_secret_is_handed_over(machine: Machine, kind: tuple[str, ...]) -> None:
    """Each file with a secret that the configuration names is given by systemd, which is root."""
    secret = "app-AbCdEfGhIjKlMnOpQrStUvWx"
    for name in ("app.key", "http.token", "report.key"):
        machine.config.with_name(name).write_text(secret)
        machine.config.with_name(name).chmod(0o600)
    with machine.config.open("a") as config:
        config.write('[[hooks]]\nworkflow = "report.key"\n[app]\napi_key_file = "app.key"\n')
        config.write('[http]\ntoken_file = "http.token"\n')
    done = machine.install(*kind)
    unit = machine.units / ("kbsync-reconcile.service" if kind else "kbsync.service")
    assert done.returncode == 0, done.stderr
    place = machine.config.parent
    lines = [line for line in unit.read_text().splitlines() if "LoadCredential" in line]
    assert lines == [
        f"LoadCredential=dataset-key:{place}/dataset.key",
        f"LoadCredential=app-key:{place}/app.key",
        f"LoadCredential=http-token:{place}/http.token",
        f"LoadCredential=workflow-report.key:{place}/report.key",
    ]
    assert secret not in done.stdout + done.stderr


def test_keys_that_systemd_cannot_tell_apart(machine: Machine) -> None:
    """Two workflows' key files of one name, and a name that systemd does not take, are refused."""
    for name in ("a/report.key", "b/report.key", "b/für alle.key"):
        file = machine.config.parent / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("app-AbCdEfGhIjKlMnOpQrStUvWx")
        with machine.config.open("a") as config:
            config.write(f'[[hooks]]\nworkflow = "{file}"\n')
    done = machine.install(*AS_ROOT)
    assert done.returncode == 2
    assert "a/report.key and" in done.stderr
    assert "need names that differ; rename one of them" in done.stderr
    assert "für alle.key; rename it as in report.key" in done.stderr
    assert machine.there() == []


def test_a_rehearsal_changes_nothing(machine: Machine) -> None:
    """--dry-run shows the units and the commands, and neither writes nor calls anything."""
    done = machine.install("--dry-run", *AS_ROOT)
    assert f"would write {machine.units}/kbsync.service" in done.stdout
    assert "ExecStart=" in done.stdout
    assert "would run systemctl restart kbsync.service" in done.stdout
    assert (machine.there(), machine.calls()) == ([], [])


def test_systemd_refuses(machine: Machine) -> None:
    """When systemctl fails, the command is named, and where to read why."""
    machine.answer(1)
    done = machine.install(*AS_ROOT)
    assert done.returncode == 1
    assert "`systemctl daemon-reload` failed; s" in done.stderr


def test_a_ledger_that_status_would_not_find(machine: Machine) -> None:
    """The service's ledger has to be where the service may write and `kbsync status` looks."""
    for setting in ("", 'ledger = "/srv/ledger.db"'):
        machine.configure(setting)
        done = machine.install(*AS_ROOT)
        assert done.returncode == 2
        assert 'set ledger = "/var/lib/kbsync/ledger.db" at the top of' in done.stderr
    assert machine.there() == []


@needs_root
def test_what_the_service_may_not_read(machine: Machine) -> None:
    """A folder or configuration that is closed to the service's user is told before it starts."""
    machine.folder.chmod(0o700)
    machine.config.chmod(0o600)
    done = machine.install()
    assert done.returncode == 2
    assert f"may not read {machine.config}; allow it" in done.stderr
    assert (
        f"user nobody may not read the directory {machine.folder}; run the service with"
        in done.stderr
    )
    assert machine.there() == []
    os.chown(machine.folder, 0, 12)
    machine.folder.chmod(0o750)
    machine.config.chmod(0o644)
    found = machine.install("--group", "man").stderr
    assert "may not read the directory" not in found


@needs_systemd
@pytest.mark.parametrize("kind", [(), ("--timer",)], ids=["service", "timer"])
def test_systemd_finds_nothing_to_say(machine: Machine, kind: tuple[str, ...]) -> None:
    """`systemd-analyze verify` is silent about every unit, with a path that has to be quoted."""
    assert machine.install(*AS_ROOT, *kind).returncode == 0
    units = [str(unit) for unit in machine.units.iterdir()]
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
