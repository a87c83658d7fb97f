"""From a file and environment variables to one checked `Settings`."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr, ValidationError

from kbsync.config.keys import APP_KEY, ChosenKey, chosen_key, has_credential
from kbsync.config.problems import Origin, described
from kbsync.config.settings import Settings, default_ledger
from kbsync.config.variables import WHICH_FILE, read, usable_variables
from kbsync.errors import ConfigError

Table = dict[str, object]


def load(path: Path | None = None, *, environ: Mapping[str, str] | None = None) -> Settings:
    """Read, merge and check the configuration; variables override the file.

    Args:
        path: the file, instead of the one that `find` finds.
        environ: the variables, instead of the process's own.

    Raises:
        ConfigError: no file, or something in it or in a variable is wrong; one line for each.
    """
    environ = os.environ if environ is None else environ
    file = find(path, environ=environ)
    table = _read(file)
    usable, problems = usable_variables(environ)
    variables = read(usable)
    key = chosen_key(_section(table), _section(variables), file, environ)
    app_key = _app_key(table, variables, file, environ)
    problems += key.problems + app_key.problems
    merged = {"ledger": str(default_ledger(environ))} | _merged(table, variables)
    for section, secret in (("server", key.secret), ("app", app_key.secret)):
        below = merged.setdefault(section, {}) if secret or section == "server" else None
        if isinstance(below, dict):
            below["api_key"] = SecretStr(secret)
    origin = Origin(file, frozenset(usable), merged)
    settings, more = _checked(merged, origin, environ.get("CREDENTIALS_DIRECTORY"))
    if settings is None or problems:
        raise ConfigError("\n".join([*problems, *more]))
    return settings.note(*key.warnings, *app_key.warnings)


def find(explicit: Path | None = None, *, environ: Mapping[str, str] | None = None) -> Path:
    """The configuration file: the one that was asked for, else the first that exists.

    Raises:
        ConfigError: there is none; the text names every place.
    """
    environ = os.environ if environ is None else environ
    named = environ.get(WHICH_FILE)
    if explicit is not None or named:
        file = explicit if explicit is not None else Path(named or "")
        if not _exists(file):
            asked = "--config" if explicit is not None else WHICH_FILE
            raise ConfigError(
                f"{file} ({asked}): there is no such file; `kbsync init --output {file}` writes one"
            )
        return file.absolute()
    places = _places(environ)
    for place in places:
        if _exists(place):
            return place.absolute()
    looked = ", ".join(str(place) for place in places)
    raise ConfigError(
        f"there is no configuration: looked for --config, ${WHICH_FILE}, {looked};"
        " `kbsync init` writes one"
    )


def _exists(file: Path) -> bool:
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None
    return True


def _places(environ: Mapping[str, str]) -> list[Path]:
    home = environ.get("XDG_CONFIG_HOME", "")
    base = Path(home) if home.startswith("/") else Path(environ.get("HOME") or "~") / ".config"
    return [
        Path("kbsync.toml"),
        base.expanduser() / "kbsync" / "config.toml",
        Path("/etc/kbsync/config.toml"),
    ]


def _read(file: Path) -> Table:
    try:
        return tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from None
    except ValueError:  # from `int`, which bounds what it reads
        raise ConfigError(f"{file} is not valid TOML: a number has too many digits") from None
    except RecursionError:
        raise ConfigError(f"{file} is not valid TOML: it is nested too deeply") from None


def _section(table: Table, name: str = "server") -> Table:
    section = table.get(name)
    return section if isinstance(section, dict) else {}


def _app_key(table: Table, variables: Table, file: Path, environ: Mapping[str, str]) -> ChosenKey:
    """The application's key, where anything speaks of one; nobody has to have an application."""
    sections = _section(table, "app"), _section(variables, "app")
    told = any(name in part for part in sections for name in ("api_key", "api_key_file"))
    if not told and not has_credential(environ, APP_KEY):
        return ChosenKey("")
    return chosen_key(*sections, file, environ, APP_KEY)


def _merged(below: Table, above: Table) -> Table:
    both = dict(below)
    for key, value in above.items():
        under = both.get(key)
        if isinstance(under, dict) and isinstance(value, dict):
            both[key] = _merged(under, value)
        else:
            both[key] = value
    return both


def _checked(
    merged: Table, origin: Origin, credentials: str | None
) -> tuple[Settings | None, list[str]]:
    try:
        context = {"directory": origin.file.parent, "credentials": credentials}
        return Settings.model_validate(merged, context=context), []
    except ValidationError as error:
        return None, described(error, Settings, origin)
