"""Faults from a TOML file: a list of ``[[fault]]`` tables with the fields of `Fault`."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path

from kbsync.standin.faults import Fault

TYPES: dict[str, tuple[type, ...]] = {
    "kind": (str,),
    "method": (str,),
    "path": (str,),
    "name": (str,),
    "times": (int,),
    "seconds": (int, float),
    "text": (str,),
}


class FaultFileError(ValueError):
    """The file cannot be used; the message names it, the entry and the key."""


def load_faults(path: Path) -> list[Fault]:
    """Read the rules of a file.

    ``times = "always"`` stands for a rule without an end; without ``times`` a rule happens once.

    Raises:
        FaultFileError: unreadable, not TOML, an unknown key or kind, a value of the wrong type.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FaultFileError(f"{path}: {error}") from error
    unknown = sorted(set(tables) - {"fault"})
    if unknown:
        raise FaultFileError(f"{path}: unknown key {unknown[0]!r}; faults go into [[fault]] tables")
    entries = tables.get("fault", [])
    if not isinstance(entries, list):
        raise FaultFileError(f"{path}: write [[fault]], with two brackets")
    return [_fault(entry, f"{path}: fault {number}") for number, entry in enumerate(entries, 1)]


def _fault(entry: object, where: str) -> Fault:
    if not isinstance(entry, dict):
        raise FaultFileError(f"{where}: not a table")
    values = dict(entry)
    if values.get("times") == "always":
        values["times"] = None
    for key, value in values.items():
        if key not in TYPES:
            known = ", ".join(field.name for field in fields(Fault))
            raise FaultFileError(f"{where}: unknown key {key!r}; known: {known}")
        always = key == "times" and value is None
        if not always and (isinstance(value, bool) or not isinstance(value, TYPES[key])):
            raise FaultFileError(f"{where}: {key} must be {_wanted(key)}, not {value!r}")
    if "kind" not in values:
        raise FaultFileError(f"{where}: kind is missing")
    try:
        return Fault(**values)
    except ValueError as error:
        raise FaultFileError(f"{where}: {error}") from error


def _wanted(key: str) -> str:
    if key == "times":
        return 'a whole number or "always"'
    return "a number" if key == "seconds" else "a string"
