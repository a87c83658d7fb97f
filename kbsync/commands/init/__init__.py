"""`kbsync init`: write a configuration from a few answers."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click

from kbsync.commands.init.dialog import Given, asked
from kbsync.commands.init.preview import preview
from kbsync.commands.init.writing import Answers, Target, refuse_existing, write
from kbsync.config import Settings, find
from kbsync.config.addresses import address
from kbsync.config.folder import dataset_name
from kbsync.config.keys import ENV_KEY, ENV_KEY_FILE, has_credential
from kbsync.errors import ConfigError
from kbsync.log import printable


@click.command(name="init")
@click.option("--base-url", metavar="URL", help="API address of Dify, with or without /v1.")
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that holds the dataset API key; else you are asked for the key itself.",
)
@click.option(
    "--ca-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Certificates (PEM) of your own authority, for https.",
)
@click.option("--folder", type=click.Path(path_type=Path), help="Directory with the documents.")
@click.option("--dataset", metavar="NAME", help="Name or UUID of the knowledge base.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Configuration to write; ./kbsync.toml if not given.",
)
@click.option("--force", is_flag=True, help="Overwrite an existing configuration.")
@click.option(
    "-y",
    "--yes",
    is_flag=True,
    help="Ask and try nothing; the dataset is named as the folder.",
)
@click.pass_context
def command(
    ctx: click.Context,
    base_url: str | None,
    key_file: Path | None,
    ca_file: Path | None,
    folder: Path | None,
    dataset: str | None,
    output: Path | None,
    force: bool,
    yes: bool,
) -> int:
    """Write a configuration; on a terminal it asks for what is missing, and tries each answer.

    The address and the key are tried at once, the datasets are listed to choose from, and what
    would be sent is shown. Without a terminal, or with --yes, nothing is asked and nothing tried.

    \b
    Example: kbsync init --base-url https://dify.example/v1 --key-file /etc/kbsync/dataset.key \\
                 --folder /srv/docs/handbook --dataset Handbook --output /etc/kbsync/config.toml
    """  # noqa: D301 - click looks for the character \b
    output = (output or ctx.obj or Path("kbsync.toml")).absolute()
    refuse_existing(output, force=force)
    if dataset is None and folder is not None and yes:
        dataset = folder.absolute().name
    given = _checked(Given(base_url, key_file, ca_file, folder, dataset))
    tries = sys.stdin.isatty() and not yes
    answers = asked(given, output, force=force) if tries else _complete(given)
    settings = write(answers, output)
    _tell(answers, output, settings)
    if tries:
        preview(settings)
    _tell_next(output, tried=tries)
    return 0


def _checked(given: Given) -> Given:
    """The options as they are used; raises ConfigError for a wrong one."""
    for option, check, value in (
        ("--base-url", address, given.base_url),
        ("--dataset", dataset_name, given.dataset),
    ):
        if value is not None:
            try:
                check(value)
            except ValueError as error:
                raise ConfigError(f"{option} {error}") from None
    return Given(
        given.base_url,
        _readable("--key-file", given.key_file, "the dataset API key must be in it"),
        _readable("--ca-file", given.ca_file, "certificates in PEM form must be in it"),
        given.folder,
        given.dataset,
        has_key=_key_elsewhere(),
    )


def _complete(given: Given) -> Answers:
    """The answers when nobody can be asked."""
    needed = {
        "--base-url": given.base_url,
        "--folder": given.folder,
        "--dataset": given.dataset,
    }
    if not given.has_key:
        needed["--key-file"] = given.key_file
    missing = [option for option, value in needed.items() if value is None]
    if missing or given.base_url is None or given.folder is None or given.dataset is None:
        raise click.UsageError(f"missing {', '.join(missing)}: without a terminal nothing is asked")
    return Answers(
        base_url=address(given.base_url),
        folder=given.folder.absolute(),
        target=Target(given.dataset),
        key_file=given.key_file,
        key=None,
        ca_file=given.ca_file,
    )


def _readable(option: str, file: Path | None, content: str) -> Path | None:
    if file is None:
        return None
    try:
        file.open("rb").close()
    except OSError as error:
        raise ConfigError(f"{option} {file} cannot be read: {error.strerror}; {content}") from None
    return file.absolute()


def _key_elsewhere() -> bool:
    variables = {ENV_KEY, ENV_KEY_FILE} & os.environ.keys()
    return bool(variables) or has_credential(os.environ)


def _tell(answers: Answers, output: Path, settings: Settings) -> None:
    for warning in settings.warnings:
        click.echo(f"warning: {warning}", err=True)
    if not os.path.isdir(answers.folder):  # noqa: PTH112 - never raises
        click.echo(f"warning: there is no directory {printable(str(answers.folder))} yet", err=True)
    click.echo(f"wrote {printable(str(output))}")
    if answers.key is not None:
        click.echo(f"wrote {answers.key_file} with the key; only you can read it")


def _tell_next(output: Path, *, tried: bool) -> None:
    named = f" --config {printable(shlex.quote(str(output)))}"
    option = "" if _found_without_option(output) else named
    doctor = f"  kbsync doctor{option}      try it: server, key, dataset, folder\n"
    plan = (
        f"  kbsync plan{option}        see what would be sent{', file by file' if tried else ''}\n"
    )
    click.echo(f"\nNext:\n{doctor}{plan}  kbsync reconcile{option}   send it")


def _found_without_option(output: Path) -> bool:
    try:
        return find().samefile(output)
    except (ConfigError, OSError):
        return False
