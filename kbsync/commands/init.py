"""`kbsync init`: write a configuration from a few answers."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from kbsync.config import find, load
from kbsync.config.folder import dataset_name
from kbsync.config.keys import CREDENTIAL, ENV_KEY, ENV_KEY_FILE, has_credential, read_key
from kbsync.config.server import address
from kbsync.errors import ConfigError
from kbsync.log import printable

T = TypeVar("T")

_TEMPLATE = """\
# kbsync: what is kept equal to what. Every other setting has a default;
# config.example.toml of the project explains them all.

[server]
# The API address of your Dify.
base_url = {base_url}
{key}

[[folders]]
# Part of each document's identity: keep it.
name = {name}
# The directory whose documents are sent.
path = {path}
# The dataset (knowledge base) that shall equal it, by name or UUID.
dataset = {dataset}
# Make the dataset when there is none of this name.
create_dataset = {create}
# What to send, as in .gitignore; none: every type the server takes.
#include = ["*.md", "*.pdf"]
#exclude = ["drafts/"]
"""


@dataclass(frozen=True, slots=True)
class Answers:
    """What `init` was told; `key` is a new one to be written, `key_file` None when neither is."""

    base_url: str
    folder: Path
    dataset: str
    key_file: Path | None
    key: str | None


@click.command(name="init")
@click.option("--base-url", metavar="URL", help="API address of Dify, with or without /v1.")
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that holds the dataset API key; else you are asked for the key itself.",
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
@click.option("-y", "--yes", is_flag=True, help="Ask nothing; the dataset is named as the folder.")
@click.pass_context
def command(
    ctx: click.Context,
    base_url: str | None,
    key_file: Path | None,
    folder: Path | None,
    dataset: str | None,
    output: Path | None,
    force: bool,
    yes: bool,
) -> int:
    """Write a configuration; asks for what is missing when it runs on a terminal.

    \b
    Example: kbsync init --base-url https://dify.example/v1 --key-file /etc/kbsync/dataset.key \\
                 --folder /srv/docs/handbook --dataset Handbook --output /etc/kbsync/config.toml
    """  # noqa: D301 - click looks for the character \b
    output = (output or ctx.obj or Path("kbsync.toml")).absolute()
    _refuse_existing(output, force=force)
    if dataset is None and folder is not None and yes:
        dataset = folder.absolute().name
    if sys.stdin.isatty() and not yes:
        answers = _asked(base_url, key_file, folder, dataset, output, force=force)
    else:
        answers = _given(base_url, key_file, folder, dataset)
    warnings = _write(answers, output)
    _tell(answers, output, warnings)
    return 0


def _refuse_existing(file: Path, *, force: bool) -> None:
    if not force and os.path.lexists(file):
        raise ConfigError(f"{file} exists; --force overwrites it, --output names another file")


def _given(
    base_url: str | None, key_file: Path | None, folder: Path | None, dataset: str | None
) -> Answers:
    """The answers when nobody can be asked."""
    needed = {"--base-url": base_url, "--folder": folder, "--dataset": dataset}
    if not _key_elsewhere():
        needed["--key-file"] = key_file
    missing = [option for option, value in needed.items() if value is None]
    if missing or base_url is None or folder is None or dataset is None:
        raise click.UsageError(f"missing {', '.join(missing)}: without a terminal nothing is asked")
    return Answers(
        base_url=_checked("--base-url", address, base_url),
        folder=folder.absolute(),
        dataset=_checked("--dataset", dataset_name, dataset),
        key_file=_existing(key_file),
        key=None,
    )


def _asked(
    base_url: str | None,
    key_file: Path | None,
    folder: Path | None,
    dataset: str | None,
    output: Path,
    *,
    force: bool,
) -> Answers:
    """The answers, with questions for those that were not given."""
    url = (
        _checked("--base-url", address, base_url)
        if base_url is not None
        else _ask("API address of Dify (such as https://dify.example/v1)", address)
    )
    key = None
    if key_file is not None:
        key_file = _existing(key_file)
    elif not _key_elsewhere():
        key_file = output.parent / "dataset.key"
        _refuse_existing(key_file, force=force)
        key = _ask(f"Dataset API key (hidden; goes to {key_file})", _key, hidden=True)
    root = folder if folder is not None else _ask("Directory with the documents", _directory)
    name = (
        _checked("--dataset", dataset_name, dataset)
        if dataset is not None
        else _ask("Name of the knowledge base", dataset_name, default=root.absolute().name[:40])
    )
    return Answers(url, root.absolute(), name, key_file, key)


def _ask(
    question: str,
    check: Callable[[str], T],
    *,
    default: str | None = None,
    hidden: bool = False,
) -> T:
    def checked(text: str) -> T:
        try:
            return check(text)
        except (ValueError, ConfigError) as error:
            raise click.UsageError(f"it {error}") from None

    answer: T = click.prompt(
        question, default=default, hide_input=hidden, value_proc=checked, err=True
    )
    return answer


def _checked(option: str, check: Callable[[object], str], value: str) -> str:
    try:
        return check(value)
    except ValueError as error:
        raise ConfigError(f"{option} {error}") from None


def _key(text: str) -> str:
    return read_key("it", text)


def _directory(text: str) -> Path:
    path = Path(os.path.expanduser(text))  # noqa: PTH111 - never raises
    if not _is_directory(path):
        raise ValueError("must be a directory; there is none")
    return path


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _existing(key_file: Path | None) -> Path | None:
    if key_file is None:
        return None
    try:
        key_file.open("rb").close()
    except OSError as error:
        raise ConfigError(
            f"--key-file {key_file} cannot be read: {error.strerror};"
            " the dataset API key must be in it"
        ) from None
    return key_file.absolute()


def _key_elsewhere() -> bool:
    variables = {ENV_KEY, ENV_KEY_FILE} & os.environ.keys()
    return bool(variables) or has_credential(os.environ)


def _write(answers: Answers, output: Path) -> tuple[str, ...]:
    """Write the key, if it is new, and the configuration, proven first; returns its warnings."""
    text = _configuration(answers)
    environ = _environment(with_key=answers.key_file is None)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with _beside(output, text, 0o644) as config:
            if answers.key is not None and answers.key_file is not None:
                with _beside(answers.key_file, f"{answers.key}\n", 0o600) as key:
                    warnings = _proven(config, output, environ | {ENV_KEY_FILE: str(key)})
                    key.replace(answers.key_file)
            else:
                warnings = _proven(config, output, environ)
            config.replace(output)
    except OSError as error:
        raise ConfigError(f"{error.filename or output}: {error.strerror}") from error
    return warnings


def _configuration(answers: Answers) -> str:
    key = (
        f"# The file with the dataset API key.\napi_key_file = {_toml(str(answers.key_file))}"
        if answers.key_file
        else f"# The key comes from {ENV_KEY} or the systemd credential {CREDENTIAL}."
    )
    return _TEMPLATE.format(
        base_url=_toml(answers.base_url),
        key=key,
        name=_toml(_folder_name(answers.folder)),
        path=_toml(str(answers.folder)),
        dataset=_toml(answers.dataset),
        create="false" if _is_uuid(answers.dataset) else "true",
    )


def _folder_name(folder: Path) -> str:
    name = re.sub(r"[^\w.-]+", "-", folder.name).strip("-.")[:64]
    return name or "documents"


def _is_uuid(dataset: str) -> bool:
    try:
        uuid.UUID(dataset)
    except ValueError:
        return False
    return True


def _toml(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError(
            f"{printable(text)}: a name that is not UTF-8 cannot be written to a configuration;"
            " configure a directory above it"
        ) from None
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


@contextmanager
def _beside(file: Path, text: str, mode: int) -> Iterator[Path]:
    """A complete file next to `file`, gone at the end unless it was moved."""
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _environment(*, with_key: bool) -> dict[str, str]:
    """The variables without ours, which would hide what the file says, but for a key's."""
    kept = {ENV_KEY, ENV_KEY_FILE} if with_key else set()
    return {
        name: value
        for name, value in os.environ.items()
        if name in kept or not name.startswith("KBSYNC_")
    }


def _proven(config: Path, output: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    try:
        return load(config, environ=environ).warnings
    except ConfigError as error:
        raise ConfigError(str(error).replace(str(config), str(output))) from None


def _tell(answers: Answers, output: Path, warnings: tuple[str, ...]) -> None:
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    if not _is_directory(answers.folder):
        click.echo(f"warning: there is no directory {printable(str(answers.folder))} yet", err=True)
    click.echo(f"wrote {printable(str(output))}")
    if answers.key is not None:
        click.echo(f"wrote {answers.key_file} with the key; only you can read it")
    named = f" --config {printable(shlex.quote(str(output)))}"
    option = "" if _found_without_option(output) else named
    click.echo(
        f"\nNext:\n"
        f"  kbsync doctor{option}      try it: server, key, dataset, folder\n"
        f"  kbsync plan{option}        see what would be sent\n"
        f"  kbsync reconcile{option}   send it"
    )


def _found_without_option(output: Path) -> bool:
    try:
        return find().samefile(output)
    except (ConfigError, OSError):
        return False
