"""`kbsync standin`: run the embedded Dify-compatible server, for trying kbsync and testing it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import click

from kbsync.commands.standin.address import free_port, unusable
from kbsync.commands.standin.introduction import introduce
from kbsync.commands.standin.wish import Wish, made
from kbsync.config.addresses import is_loopback
from kbsync.config.keys import read_key
from kbsync.config.parse import size
from kbsync.errors import ConfigError
from kbsync.log import printable

#: The server versions that the stand-in behaves as; the newest is the usual one.
VERSIONS = ("1.10.1", "1.16.1")


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
    if not expose and not is_loopback(host):
        raise ConfigError(
            f"--host {printable(host)}: others could reach the stand-in there, read what it has"
            " and write to it; --expose allows that"
        )
    wish = Wish(
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
    standin = made(wish)
    try:
        with _stopped_by_sigterm():
            port = free_port(host, port)
            introduce(standin, wish, host, port)
            serve(standin, host, port)
    except KeyboardInterrupt:
        pass
    except OSError as error:
        raise unusable(host, port, error) from error
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


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
