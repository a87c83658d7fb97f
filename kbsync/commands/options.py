"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import click

from kbsync.config import Settings, load

P = ParamSpec("P")
R = TypeVar("R")


def configured(function: Callable[Concatenate[Settings, P], R]) -> Callable[P, R]:
    """Give a command `--config`, load the settings it names, and tell their warnings."""

    @click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path),
        help="Configuration file; else $KBSYNC_CONFIG, ./kbsync.toml, the user's, the system's.",
    )
    @click.pass_context
    @wraps(function)
    def command(
        ctx: click.Context, /, *args: P.args, config: Path | None = None, **kwargs: P.kwargs
    ) -> R:
        settings = load(config or ctx.obj)
        for warning in settings.warnings:
            click.echo(f"warning: {warning}", err=True)
        return function(settings, *args, **kwargs)

    return command  # type: ignore[return-value]  # click adds `config` itself


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
folder_names = click.argument("folders", nargs=-1, metavar="[FOLDER]...")
