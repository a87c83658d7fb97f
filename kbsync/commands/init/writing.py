"""The configuration that answers come to: proven by loading it before it takes its place."""

from __future__ import annotations

import json
import os
import re
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kbsync.config import Settings, load
from kbsync.config.keys import CREDENTIAL, ENV_KEY, ENV_KEY_FILE
from kbsync.errors import ConfigError
from kbsync.log import printable

_TEMPLATE = """\
# kbsync: what is kept equal to what. Every other setting has a default;
# config.example.toml of the project explains them all.
{ledger}
[server]
# The API address of your Dify.
base_url = {base_url}
{key}{ca_file}

[[folders]]
# Part of each document's identity: keep it.
name = {name}
# The directory whose documents are sent.
path = {path}
# The dataset (knowledge base) that shall equal it, by name or UUID.
dataset = {dataset}
# Make the dataset when there is none of this name.
create_dataset = {create}
{processing}# What to send, as in .gitignore; none: every type the server takes.
#include = ["*.md", "*.pdf"]
#exclude = ["drafts/"]
"""


@dataclass(frozen=True, slots=True)
class Target:
    """The dataset that was chosen, by name or UUID; the rest is None where the default will do."""

    dataset: str
    indexing_technique: str | None = None
    doc_form: str | None = None

    @property
    def is_made(self) -> bool:
        """Whether the first run may make it: an id names something that exists."""
        try:
            uuid.UUID(self.dataset)
        except ValueError:
            return True
        return False


@dataclass(frozen=True, slots=True)
class Answers:
    """What `init` was told; `key` is a new one to be written, `key_file` None when neither is."""

    base_url: str
    folder: Path
    target: Target
    key_file: Path | None
    key: str | None
    ca_file: Path | None = None


def refuse_existing(file: Path, *, force: bool) -> None:
    """Raise ConfigError when something is there already that must not be overwritten."""
    if not force and os.path.lexists(file):
        raise ConfigError(f"{file} exists; --force overwrites it, --output names another file")


def write(answers: Answers, output: Path) -> Settings:
    """Write the key, if it is new, and the configuration; returns what it says.

    Raises:
        ConfigError: an answer cannot be used, or a file cannot be written; nothing is left behind.
    """
    text = configuration(answers, output)
    environ = _environment(with_key=answers.key_file is None)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with _beside(output, text, 0o644) as config:
            if answers.key is not None and answers.key_file is not None:
                with _beside(answers.key_file, f"{answers.key}\n", 0o600) as key:
                    settings = _proven(config, output, environ | {ENV_KEY_FILE: str(key)})
                    key.replace(answers.key_file)
            else:
                settings = _proven(config, output, environ)
            config.replace(output)
    except OSError as error:
        raise ConfigError(f"{error.filename or output}: {error.strerror}") from error
    return settings


def configuration(answers: Answers, output: Path) -> str:
    """The text of the file; the system's own says where its service may keep the ledger."""
    key = (
        f"# The file with the dataset API key.\napi_key_file = {_toml(str(answers.key_file))}"
        if answers.key_file
        else f"# The key comes from {ENV_KEY} or the systemd credential {CREDENTIAL}."
    )
    target = answers.target
    ledger = '\n# Where the service may write.\nledger = "/var/lib/kbsync/ledger.db"\n'
    return _TEMPLATE.format(
        ledger=ledger if output.is_relative_to("/etc") else "",
        base_url=_toml(answers.base_url),
        key=key,
        ca_file=_ca_file(answers.ca_file),
        name=_toml(_folder_name(answers.folder)),
        path=_toml(str(answers.folder)),
        dataset=_toml(target.dataset),
        create="true" if target.is_made else "false",
        processing=_processing(target),
    )


def _ca_file(file: Path | None) -> str:
    if file is None:
        return ""
    return f"\n# Whose signature is trusted, for https.\nca_file = {_toml(str(file))}"


def _processing(target: Target) -> str:
    lines = [
        f"{name} = {_toml(value)}\n"
        for name, value in (
            ("indexing_technique", target.indexing_technique),
            ("doc_form", target.doc_form),
        )
        if value is not None
    ]
    return "".join(["# How the server indexes: fixed by the dataset.\n", *lines]) if lines else ""


def _folder_name(folder: Path) -> str:
    name = re.sub(r"[^\w.-]+", "-", folder.name).strip("-.")[:64]
    return name or "documents"


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


def _proven(config: Path, output: Path, environ: Mapping[str, str]) -> Settings:
    try:
        return load(config, environ=environ)
    except ConfigError as error:
        raise ConfigError(str(error).replace(str(config), str(output))) from None
