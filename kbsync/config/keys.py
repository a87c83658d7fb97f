"""Where an API key comes from; no message of this module ever contains one."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kbsync.errors import ConfigError

#: What a key that Dify made looks like, so that one in the wrong place is not shown.
KEY_LIKE = re.compile(r"\b(?:dataset|app)-[A-Za-z0-9]{16,}\b")

_KEY = re.compile(r"[!#-&(-~]+")


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the keys: its section of the configuration, its systemd credential, what it is for.

    `doubt` is told of a key that begins with `other`, as that of another kind does.
    """

    section: str
    credential: str
    purpose: str
    other: str
    doubt: str

    @property
    def variable(self) -> str:
        """The variable that holds the key."""
        return f"KBSYNC_{self.section.upper()}__API_KEY"

    @property
    def file_variable(self) -> str:
        """The variable that names the key's file."""
        return f"{self.variable}_FILE"

    @property
    def missing(self) -> str:
        """What to do without one."""
        return (
            f'there is no API key; give {self.section}.api_key_file = "/path/of/a/file", or'
            f" {self.section}.api_key, or the variable {self.variable}, or the systemd credential"
            f" {self.credential}"
        )


DATASET_KEY = Kind(
    "server",
    "dataset-key",
    "the knowledge API",
    "app-",
    "the API key looks like an app's; a knowledge base takes dataset-... keys",
)
APP_KEY = Kind(
    "app",
    "app-key",
    "the application",
    "dataset-",
    "app.api_key looks like a knowledge base's; an application takes app-... keys",
)
ENV_KEY, ENV_KEY_FILE = DATASET_KEY.variable, DATASET_KEY.file_variable
CREDENTIAL = DATASET_KEY.credential


@dataclass(frozen=True, slots=True)
class ChosenKey:
    """The key that counts, with what is wrong and what is doubtful about it."""

    secret: str = field(repr=False)
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def chosen_key(
    table: Mapping[str, object],
    variables: Mapping[str, object],
    file: Path,
    environ: Mapping[str, str],
    kind: Kind = DATASET_KEY,
) -> ChosenKey:
    """The key of the first place that has one: variables, the systemd credential, the file.

    A unit of systemd hands over the file's key, which the service itself may not read.

    Args:
        table: the key's section of `file`.
        variables: the same section as the environment variables give it.
        file: the configuration file.
        environ: for the directory of systemd's credentials.
        kind: which key.
    """
    try:
        secret, warnings = _from_anywhere(table, variables, file, environ, kind)
    except ConfigError as error:
        return ChosenKey("", problems=(str(error),))
    if secret.startswith(kind.other):
        warnings += (kind.doubt,)
    return ChosenKey(secret, warnings=warnings)


def has_credential(environ: Mapping[str, str], kind: Kind = DATASET_KEY) -> bool:
    """True when systemd hands over a key (`LoadCredential=dataset-key:...`)."""
    directory = environ.get("CREDENTIALS_DIRECTORY")
    return bool(directory) and os.path.lexists(f"{directory}/{kind.credential}")


def read_key(where: str, written: object, purpose: str = DATASET_KEY.purpose) -> str:
    """A key as it was written, without the line break at a file's end.

    Raises:
        ConfigError: it is empty, or not one word of ASCII characters; the text begins with `where`.
    """
    key = re.sub(r"\r?\n\Z", "", written) if isinstance(written, str) else ""
    if isinstance(written, str) and not key.strip():
        raise ConfigError(f"{where} is empty; it must hold the key of {purpose}")
    if not _KEY.fullmatch(key):
        raise ConfigError(
            f"{where} must be one word of ASCII characters, without spaces, quotes or line breaks"
        )
    return key


def _from_anywhere(
    table: Mapping[str, object],
    variables: Mapping[str, object],
    file: Path,
    environ: Mapping[str, str],
    kind: Kind,
) -> tuple[str, tuple[str, ...]]:
    found = _from_section(variables, (kind.variable, kind.file_variable), file, kind, ())
    if found is None and has_credential(environ, kind):
        credential = Path(environ["CREDENTIALS_DIRECTORY"]) / kind.credential
        found = _from_file("systemd credential", str(credential), file.parent, kind)
    if found is None:
        in_file = f"{file}: {kind.section}.api_key"
        warned = _warning(file) if "api_key" in table else ()
        found = _from_section(table, (in_file, f"{in_file}_file"), file, kind, warned)
    if found is None:
        raise ConfigError(f"{file}: {kind.missing}")
    return found


def _from_section(
    section: Mapping[str, object],
    names: tuple[str, str],
    file: Path,
    kind: Kind,
    warned: tuple[str, ...],
) -> tuple[str, tuple[str, ...]] | None:
    """The key that a section gives itself, with these warnings, or by a file; None if it does not.

    `names` are what messages call the two settings.
    """
    key_name, file_name = names
    if "api_key" in section and "api_key_file" in section:
        raise ConfigError(f"{key_name} and {file_name} exclude each other; keep one of them")
    if "api_key" in section:
        return read_key(key_name, section["api_key"], kind.purpose), warned
    if "api_key_file" in section:
        return _from_file(file_name, section["api_key_file"], file.parent, kind)
    return None


def _from_file(
    where: str, written: object, directory: Path, kind: Kind
) -> tuple[str, tuple[str, ...]]:
    if not isinstance(written, str) or not written.strip() or "\0" in written:
        raise ConfigError(f"{where} must be the path of a file that holds the key")
    path = directory / os.path.expanduser(written)  # noqa: PTH111  # never raises
    if KEY_LIKE.search(written) and not path.exists():
        raise ConfigError(
            f"{where} looks like a key; it must be the path of a file that holds the key"
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{where} = {path} cannot be read: {error.strerror}") from None
    key = read_key(f"{where} = {path}", content.decode("utf-8-sig", "replace"), kind.purpose)
    return key, () if where == "systemd credential" else _warning(path)


def _warning(path: Path) -> tuple[str, ...]:
    return (exposed(path, "the API key"),) if is_exposed(path) else ()


def is_exposed(path: Path) -> bool:
    """Whether others than its owner can read a file; raises OSError."""
    return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def exposed(path: Path, what: str) -> str:
    """What to do about a file that others can read."""
    return f"{path} holds {what} and others can read it; run chmod 600 {path}"
