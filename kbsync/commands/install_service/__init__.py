"""`kbsync install-service`: units for systemd that fit this machine, put in place and started."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from kbsync.commands.install_service.obstacles import obstacles
from kbsync.commands.install_service.units import SERVICE, STATE, TIMER, Place, units
from kbsync.config import load
from kbsync.errors import ConfigError, KbsyncError

_SYSTEM = Path("/etc/systemd/system")
#: Is there while systemd runs the machine (source: man sd_booted).
_RUNNING = Path("/run/systemd/system")
_CONFIG = Path("/etc/kbsync/config.toml")


@click.command(name="install-service")
@click.option(
    "-c",
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"Configuration of the service.  [default: {_CONFIG}]",
)
@click.option("--timer", is_flag=True, help="Reconcile every quarter of an hour, not all the time.")
@click.option("--user", metavar="NAME", help="Run as this user; else as one that systemd makes up.")
@click.option("--group", metavar="NAME", help="A group that may read the documents.")
@click.option("--no-start", is_flag=True, help="Install it, and start it at the next boot.")
@click.option("--uninstall", is_flag=True, help="Stop it and take the units away; all else stays.")
@click.option("--dry-run", is_flag=True, help="Show the units and the commands; change nothing.")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=_SYSTEM,
    show_default=True,
    help="Where the units go.",
)
@click.pass_context
def command(
    ctx: click.Context,
    config: Path | None,
    timer: bool,
    user: str | None,
    group: str | None,
    no_start: bool,
    uninstall: bool,
    dry_run: bool,
    directory: Path,
) -> int:
    """Run kbsync as a service of systemd, in a sandbox that sees the system read-only.

    The units get this program, the configuration, the keys as credentials, and the folders' mounts.
    Installing again brings them up to date; your own changes belong to `systemctl edit kbsync`.

    Example: kbsync install-service --dry-run
    """
    work = _Work(directory, dry_run=dry_run)
    if uninstall:
        return work.uninstall()
    config = (config or ctx.obj or _CONFIG).absolute()
    settings = load(config)
    place = Place(_program(), config, user, group)
    found = list(obstacles(place, settings))
    if found:
        raise ConfigError("\n".join(found))
    wanted, other = (TIMER, SERVICE) if timer else (SERVICE, TIMER)
    return work.install(units(wanted, place, settings), other, starts=not no_start)


def _program() -> Path:
    """This program, by the name that stays when it is updated."""
    called = Path(sys.argv[0]).absolute()
    return called if called.name == "kbsync" else Path(sys.prefix) / "bin" / "kbsync"


class Uninstallable(KbsyncError):
    """systemd would not have it; the text says where it tells why."""


class _Work:
    """Changes to the machine, or only their description."""

    def __init__(self, directory: Path, *, dry_run: bool) -> None:
        self._directory = directory
        self._dry_run = dry_run

    def install(self, wanted: Mapping[str, str], other: tuple[str, ...], *, starts: bool) -> int:
        """Put units in place of whatever kbsync had there, and start them."""
        self._stop(other)
        for name, text in wanted.items():
            self._write(self._directory / name, text)
        last = list(wanted)[-1]
        self._systemctl("daemon-reload")
        self._systemctl("enable", last)
        if starts:
            self._systemctl("restart", last)
        if not self._dry_run:
            click.echo(f"\nNext:\n  systemctl status {last}\n  kbsync status --watch")
        return 0

    def uninstall(self) -> int:
        """Take every unit away."""
        if not self._stop((*SERVICE, *TIMER)):
            click.echo(f"no unit of kbsync is in {self._directory}")
            return 0
        self._systemctl("daemon-reload")
        click.echo(f"the configuration, the keys and the ledger ({STATE}) are still there")
        return 0

    def _stop(self, names: tuple[str, ...]) -> bool:
        """Stop and remove those of these units that are there; False when none is."""
        there = [name for name in names if os.path.lexists(self._directory / name)]
        if there:
            self._systemctl("disable", "--now", *there)
        for name in there:
            self._remove(self._directory / name)
        return bool(there)

    def _write(self, file: Path, text: str) -> None:
        if self._dry_run:
            click.echo(f"would write {file}:\n\n{text}")
            return
        with _explained(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            new = file.with_name(f".{file.name}.new")
            new.write_text(text, encoding="utf-8")
            new.chmod(0o644)
            new.replace(file)
        click.echo(f"wrote {file}")

    def _remove(self, file: Path) -> None:
        if self._dry_run:
            click.echo(f"would remove {file}")
            return
        with _explained(file):
            file.unlink()
        click.echo(f"removed {file}")

    def _systemctl(self, *arguments: str) -> None:
        called = shlex.join(["systemctl", *arguments])
        if self._dry_run:
            click.echo(f"would run {called}")
            return
        try:
            done = subprocess.run(["systemctl", *arguments], check=False)  # noqa: S603, S607 - ours
        except FileNotFoundError:
            raise ConfigError(
                "there is no systemctl here: without systemd, start `kbsync run` by what starts the"
                " other services"
            ) from None
        if done.returncode != 0:
            raise Uninstallable(f"`{called}` failed; {_where_to_look(arguments[-1])}")
        click.echo(f"ran {called}")


def _where_to_look(what: str) -> str:
    if not _RUNNING.exists():
        return "systemd does not run this machine: start `kbsync run` by what does"
    unit = f" -u {what}" if "." in what else ""
    return f"see: journalctl{unit} -n 30"


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        who = "; run it as root" if isinstance(error, PermissionError) else ""
        raise ConfigError(f"{file}: {error.strerror}{who}") from error
