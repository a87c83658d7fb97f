"""The questions of `kbsync init`; each answer is tried before the next question is put."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click
from pydantic import SecretStr

from kbsync.backend.interface import Backend
from kbsync.commands.doctor.findings import Finding, Result, fail, parted
from kbsync.commands.doctor.folders import folder_root
from kbsync.commands.doctor.server import greeted, proxy_of, reached
from kbsync.commands.init.datasets import chosen
from kbsync.commands.init.writing import Answers, refuse_existing
from kbsync.config import FolderSettings, ServerSettings
from kbsync.config.addresses import address
from kbsync.config.keys import DATASET_KEY, chosen_key, read_key
from kbsync.errors import BackendError, ConfigError
from kbsync.log import printable, scrubbed
from kbsync.transport import KeyRefused

T = TypeVar("T")

_ADDRESS = "API address of Dify (such as https://dify.example/v1)"


@dataclass(frozen=True, slots=True)
class Given:
    """What the options said; `has_key` when a variable or systemd has the key already."""

    base_url: str | None
    key_file: Path | None
    ca_file: Path | None
    folder: Path | None
    dataset: str | None
    has_key: bool = False


@dataclass(frozen=True, slots=True)
class _Key:
    secret: str
    new: str | None
    file: Path | None


def asked(given: Given, output: Path, *, force: bool) -> Answers:
    """The answers, with questions for those that were not given.

    Raises:
        KbsyncError: a given answer turned out to be wrong; one that was asked for is asked again.
    """
    key_file = output.parent / "dataset.key"
    if given.key_file is None and not given.has_key:
        refuse_existing(key_file, force=force)
    url, key, backend = _server(given, key_file)
    with closing(backend):
        folder = _folder(given)
        target = chosen(backend, folder, given.dataset)
    return Answers(url, folder, target, key.file, key.new, given.ca_file)


def _server(given: Given, key_file: Path) -> tuple[str, _Key, Backend]:
    """An address that answers and takes the key: both are asked for until they do."""
    url, key = _address(given), _key(given, key_file)
    while True:
        found = _connected(url, key, given)
        match found:
            case KeyRefused() if key.new is not None:
                doubt = key.secret.startswith(DATASET_KEY.other)
                _show(f"{found}{'; this one is the key of an app' if doubt else ''}")
                key = _key(given, key_file)
            case BackendError() if given.base_url is None and not isinstance(found, KeyRefused):
                _show(scrubbed(str(found), [key.secret]))
                url = _address(given)
            case BackendError():
                raise found
            case _:
                return url, key, found


def _connected(url: str, key: _Key, given: Given) -> Backend | BackendError:
    from kbsync.backend.registry import open_backend

    server = _settings(url, given, key.secret)
    verify = str(server.ca_file) if server.ca_file else True
    try:
        backend = open_backend(server.url, key.secret, "auto", verify=verify)
    except BackendError as error:
        return error
    known = "takes the key" if backend.lists else "cannot try the key before the first upload"
    _show(f"{server.url} speaks the {backend.style} API and {known}", good=True)
    return backend


def _address(given: Given) -> str:
    """An address at which something answers, tried without the key."""
    if given.base_url is not None:
        url = address(given.base_url)
        if trouble := _trouble(url, given):
            raise ConfigError(f"--base-url: {trouble.finding}; {trouble.remedy}")
        return url
    while True:
        url = _ask(_ADDRESS, address)
        trouble = _trouble(url, given)
        if trouble is None:
            return url
        remedy = trouble.remedy or ""
        if given.ca_file is None:
            remedy = remedy.replace("set server.ca_file to it", "start again with --ca-file FILE")
        _show(f"{trouble.finding}; {remedy}")


def _trouble(url: str, given: Given) -> Finding | None:
    """What is wrong with an address, or None; a slow one is no wrong one."""
    server = _settings(url, given)
    try:
        greeting = greeted(server)
    except BackendError as error:
        return fail("server", url, *parted(str(error), "correct it"))
    found = reached(server.url, greeting, proxy_of(server))
    return found if found.result is Result.FAIL or greeting.is_page else None


def _settings(url: str, given: Given, key: str = "") -> ServerSettings:
    return ServerSettings(base_url=url, api_key=SecretStr(key), ca_file=given.ca_file)


def _key(given: Given, key_file: Path) -> _Key:
    if given.key_file is not None or given.has_key:
        table = {} if given.key_file is None else {"api_key_file": str(given.key_file)}
        variables = _variables() if given.key_file is None else {}
        found = chosen_key(table, variables, key_file, os.environ)
        if found.problems:
            raise ConfigError(found.problems[0])
        return _Key(found.secret, None, given.key_file)
    told = "Dataset API key, in Dify: Knowledge > Service API"
    secret = _ask(f"{told} (hidden; goes to {key_file})", lambda text: read_key("it", text), True)
    return _Key(secret, secret, key_file)


def _variables() -> dict[str, object]:
    names = {DATASET_KEY.variable: "api_key", DATASET_KEY.file_variable: "api_key_file"}
    return {key: os.environ[name] for name, key in names.items() if name in os.environ}


def _folder(given: Given) -> Path:
    """A directory that can be read; one that was given may come later."""
    if given.folder is not None:
        return given.folder.absolute()
    while True:
        path = _ask("Directory with the documents", _path)
        found = folder_root(_as_folder(path))
        if found.result is Result.OK:
            return path
        _show(f"{found.finding.removesuffix('; nothing is deleted meanwhile')}; {found.remedy}")


def _as_folder(path: Path) -> FolderSettings:
    return FolderSettings.model_validate({"name": "init", "path": str(path), "dataset": "init"})


def _path(text: str) -> Path:
    if "\0" in text or not text.strip():
        raise ValueError("must be a directory")
    return Path(os.path.expanduser(text)).absolute()  # noqa: PTH111 - never raises


def _ask(question: str, check: Callable[[str], T], hidden: bool = False) -> T:
    def checked(text: str) -> T:
        try:
            return check(text)
        except (ValueError, ConfigError) as error:
            raise click.UsageError(f"it {str(error).removeprefix('it ')}") from None

    answer: T = click.prompt(question, hide_input=hidden, value_proc=checked, err=True)
    return answer


def _show(text: str, *, good: bool = False) -> None:
    mark = click.style("ok" if good else "no", fg="green" if good else "red", bold=True)
    click.echo(f"  {mark}: {printable(text)}", err=True)
