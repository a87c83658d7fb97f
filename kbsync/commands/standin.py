"""`kbsync standin`: run the embedded Dify-compatible server, for trying kbsync and testing it."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from kbsync.config.keys import read_key
from kbsync.config.parse import size
from kbsync.errors import ConfigError
from kbsync.log import printable

if TYPE_CHECKING:
    from kbsync.standin import Fault, StandIn

#: The server versions that the stand-in behaves as; the newest is the usual one.
VERSIONS = ("1.10.1", "1.16.1")

_DATASET = "Documents"


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the options ask for; `size_limit` in bytes, `pace` in seconds."""

    data: Path | None
    behave: str
    dialect: Literal["dify", "simple"]
    key: str
    pace: float
    workers: int
    size_limit: int
    rate_limit: int | None
    embedding_model: bool
    faults: Path | None


def _size(_ctx: click.Context, _option: click.Parameter, value: str) -> int:
    try:
        return size(value)
    except ValueError as error:
        raise click.BadParameter(f"it {error}") from None


@click.command(name="standin")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8399,
    show_default=True,
    help="Port to listen on; 0 for a free one.",
)
@click.option("--expose", is_flag=True, help="Allow a --host that others can reach.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DIR|FILE",
    help="Keep everything in this database; else in memory.",
)
@click.option(
    "--behave",
    type=click.Choice(VERSIONS),
    default=VERSIONS[-1],
    show_default=True,
    help="The version of Dify to behave as.",
)
@click.option(
    "--dialect",
    type=click.Choice(["dify", "simple"]),
    default="dify",
    show_default=True,
    help="The service API, or the older guide's form of it.",
)
@click.option("--key", default="dataset-standin", show_default=True, help="The API key.")
@click.option(
    "--pace",
    type=click.FloatRange(min=0),
    default=0.5,
    show_default=True,
    metavar="SECONDS",
    help="How long the indexing of a document takes.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="How many documents are indexed at a time.",
)
@click.option(
    "--size-limit",
    callback=_size,
    default="15MiB",
    show_default=True,
    metavar="SIZE",
    help="The largest file that is taken.",
)
@click.option(
    "--rate-limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Knowledge requests a minute; else as many as come.",
)
@click.option("--embedding-model", is_flag=True, help="Claim a model: high_quality works.")
@click.option(
    "--faults", type=click.Path(path_type=Path), metavar="FILE", help="What goes wrong, as TOML."
)
def command(
    *,
    host: str,
    port: int,
    expose: bool,
    data: Path | None,
    behave: str,
    dialect: Literal["dify", "simple"],
    key: str,
    pace: float,
    workers: int,
    size_limit: int,
    rate_limit: int | None,
    embedding_model: bool,
    faults: Path | None,
) -> int:
    """Run a small server that answers Dify's dataset API, for trying kbsync without a Dify.

    It is not Dify: it searches by keywords, has no model, and keeps everything in one SQLite
    database. Ctrl-C stops it.

    Example: kbsync standin --port 8399 --data standin.db --behave 1.16.1
    """
    if not expose and not _is_loopback(host):
        raise ConfigError(
            f"--host {printable(host)}: others could reach the stand-in there, read what it has"
            " and write to it; --expose allows that"
        )
    wish = _Wish(
        data=data,
        behave=behave,
        dialect=dialect,
        key=read_key("--key", key),
        pace=pace,
        workers=workers,
        size_limit=size_limit,
        rate_limit=rate_limit,
        embedding_model=embedding_model,
        faults=faults,
    )
    with extra_installed():
        from kbsync.standin import serve
    standin = _made(wish)
    try:
        with _stopped_by_sigterm():
            port = _free(host, port)
            _tell(standin, wish, host, port)
            serve(standin, host, port)
    except KeyboardInterrupt:
        pass
    except OSError as error:
        raise _unusable(host, port, error) from error
    finally:
        standin.close()
    click.echo("stopped")
    return 0


@contextmanager
def extra_installed() -> Iterator[None]:
    """Around imports of the stand-in; raises ConfigError when what it needs is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "kbsync":
            raise
        raise ConfigError(
            f"the embedded server needs the Python package {error.name!r}, which is not installed:"
            ' pip install "kbsync[standin]"'
        ) from error


def _made(wish: _Wish) -> StandIn:
    from kbsync.standin import StandIn

    faults = _faults(wish.faults)
    try:
        return StandIn(
            data=wish.data,
            behave=wish.behave,
            dialect=wish.dialect,
            key=wish.key,
            pace=wish.pace,
            workers=wish.workers,
            size_limit=wish.size_limit,
            embedding_model=wish.embedding_model,
            rate_limit=wish.rate_limit,
            faults=faults,
        )
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(
            f"--data {printable(str(wish.data))} cannot be the stand-in's database: {error};"
            " name a directory that is there, or a file in one"
        ) from error


def _faults(file: Path | None) -> list[Fault]:
    if file is None:
        return []
    from kbsync.standin import FaultFileError, load_faults

    try:
        return load_faults(file)
    except FaultFileError as error:
        raise ConfigError(f"--faults {error}") from error


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _free(host: str, port: int) -> int:
    """The port, or a free one for 0, so that a busy one is told before anything else is."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind((host, port))
        return int(trial.getsockname()[1])


def _unusable(host: str, port: int, error: OSError) -> ConfigError:
    where = printable(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    return ConfigError(f"{where}: {error.strerror or error}; --host and --port choose another")


# What is told


def _tell(standin: StandIn, wish: _Wish, host: str, port: int) -> None:
    url = f"http://{_reached_as(host)}:{port}/v1"
    dataset = _dataset(standin, wish)
    kept = "in memory, gone when it stops" if wish.data is None else printable(str(wish.data))
    click.echo(f"kbsync {click.style('stand-in', bold=True)}: this is not Dify.")
    click.echo(
        f"It answers the dataset API {_as_what(wish)}, searches by keywords, and answers questions"
        " with sentences that it finds.\n"
        f"\n"
        f"  base URL  {click.style(url, bold=True)}\n"
        f"  key       {click.style(wish.key, bold=True)}\n"
        f"  app keys  {standin.app_key} (chat), {standin.workflow_key}\n"
        f"  data      {kept}"
    )
    for fault in standin.faults.active:
        click.echo(f"  fault     {fault.kind} ({fault.times or 'always'})")
    if not _is_loopback(host):
        click.secho("\nOthers can reach it; key and documents travel unencrypted.", fg="yellow")
    example = _example(url, (wish.key, standin.app_key), wish, dataset)
    click.echo(f"\nA configuration for it, such as kbsync.toml:\n\n{example}")
    click.echo("Ctrl-C stops it.")


def _as_what(wish: _Wish) -> str:
    return f"as Dify {wish.behave} does" if wish.dialect == "dify" else "in its older, simple form"


def _reached_as(host: str) -> str:
    """The host of a base URL: not the address that stands for all of them."""
    if not host or (not _is_loopback(host) and _is_wildcard(host)):
        return os.uname().nodename
    return f"[{host}]" if ":" in host else host


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _dataset(standin: StandIn, wish: _Wish) -> str:
    """What a configuration names: the simple form can make no dataset, so there is one for it."""
    if wish.dialect == "dify":
        return _DATASET
    from kbsync.standin.store import Dataset

    found = standin.world.store.find(Dataset, "name = ?", _DATASET)
    return found[0].id if found else standin.create_dataset(_DATASET)


def _example(url: str, keys: tuple[str, str], wish: _Wish, dataset: str) -> str:
    key, app_key = (key.replace("\\", "\\\\").replace('"', '\\"') for key in keys)
    lines = [
        "[server]",
        f'base_url = "{url}"',
        f'api_key = "{key}"',
        "",
        "[app]",
        f'api_key = "{app_key}"',
        "",
        "[[folders]]",
        'name = "documents"',
        'path = "/path/to/your/documents"',
        f'dataset = "{dataset}"',
    ]
    if wish.dialect == "dify":
        lines.append("create_dataset = true")
    if not wish.embedding_model:
        lines.append('indexing_technique = "economy"  # it has no embedding model')
    return "".join(f"  {line}".rstrip() + "\n" for line in lines)
