"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path

import click

from kbsync.config import find, load
from kbsync.config.parse import duration
from kbsync.errors import KbsyncError

config_option = click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    help="Configuration file; else $KBSYNC_CONFIG, ./kbsync.toml, the user's, the system's.",
)


def configured(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command `--config`, load the settings it names, and tell their warnings."""

    @config_option
    @wraps(function)
    def command(config: Path | None, **options: object) -> int:
        settings = load(config or click.get_current_context().obj)
        for warning in settings.warnings:
            click.echo(f"warning: {warning}", err=True)
        return function(settings, **options)

    return command


def configuration_file() -> Path:
    """The file that the command at work has its settings from."""
    context = click.get_current_context()
    return find(context.params.get("config") or context.obj)


class Span(click.ParamType[float]):
    """A length of time: seconds, or a duration as in the configuration ("90s", "15m")."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds; fails as a usage error that says what is allowed."""
        try:
            return duration(f"{value}s" if str(value)[-1:].isdigit() else value)
        except ValueError:
            self.fail(f"{value!r} is neither seconds nor a duration such as 15m", param, ctx)


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def complete_folder(
    ctx: click.Context,
    param: click.Parameter,  # noqa: ARG001 - the form that click calls
    incomplete: str,
) -> list[str]:
    """The configured folders whose names begin so, for a shell; none without a configuration."""
    try:
        settings = load(ctx.params.get("config") or ctx.obj)
    except KbsyncError:
        return []
    return [folder.name for folder in settings.folders if folder.name.startswith(incomplete)]


folder_names = click.argument(
    "folders", nargs=-1, metavar="[FOLDER]...", shell_complete=complete_folder
)
