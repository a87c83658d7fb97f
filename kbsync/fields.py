"""PURE: the metadata fields that a folder gives its documents, and what they are made of.

That is: constants, parts of the path, and what a file says of itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from types import MappingProxyType
from urllib.parse import quote

from kbsync.formats import MARKDOWN, PAGES, extension_of
from kbsync.model import METADATA_FIELDS, Key, MetadataValue

#: What people may write: a constant, or a text with placeholders.
Template = str | int | float

#: Field names that a server keeps for itself.
_BUILT_IN = frozenset({"document_name", "uploader", "upload_date", "last_update_date", "source"})

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PLACES = ("path", "dir", *(f"dir{level}" for level in range(1, 10)), "name", "stem", "extension")
_MODIFIED = "{modified}"
_META = re.compile(r"\{meta\.([^{}]+?)(?::(number|time))?\}")

#: What a file says of itself, by names in lower case.
Told = Mapping[str, str | int | float]

_LONGEST = 1000
_LARGEST = 2**63


def check(name: str, template: object) -> None:
    """Raise ValueError for a field that no server takes, or a placeholder that there is not."""
    if not _NAME.fullmatch(name):
        raise ValueError(f'"{name}" must be of lower-case letters, digits and "_", at most 64')
    if name in _BUILT_IN or name.startswith("kbsync_"):
        raise ValueError(f'"{name}" is taken; choose another name')
    is_value = isinstance(template, Template) and not isinstance(template, bool)
    if not is_value:
        raise ValueError(f'"{name}" must be a text or a number')
    if isinstance(template, str):
        _check_text(name, template)
    elif isinstance(template, int | float) and _number(template) is None:
        raise ValueError(f'"{name}" must be a number that is one, and below 2^63')


def _check_text(name: str, template: str) -> None:
    if template == _MODIFIED or _META.fullmatch(template):
        return
    there_are = ", ".join(f"{{{place}}}" for place in ("folder", *_PLACES))
    there_are = f"there are {there_are}, {{meta.NAME}}, and {_MODIFIED} alone"
    for found in _PLACEHOLDER.findall(template):
        typed = _META.fullmatch(f"{{{found}}}")
        if typed is not None and typed[2] is not None:
            raise ValueError(f'"{name}": {{{found}}} has a type, so it must be alone')
        if typed is None and found not in {*_PLACES, "folder"}:
            raise ValueError(f'"{name}": there is no {{{found}}}; {there_are}')
    if {"{", "}"} & set(_PLACEHOLDER.sub("", template)):
        raise ValueError(f'"{name}": a brace stands alone in {template!r}; {there_are}')


class Fields:
    """Fields by name; each value is a constant or a text with placeholders."""

    def __init__(self, templates: Mapping[str, Template]) -> None:
        self._templates = dict(templates)
        #: The server's type of each field, kbsync's own among them.
        self.types: Mapping[str, str] = {
            **METADATA_FIELDS,
            **{name: _type(template) for name, template in templates.items()},
        }
        #: Equal for equal settings, "" for none.
        self.digest = json.dumps(self._templates, sort_keys=True) if templates else ""
        self._uses_told = any(_META.search(str(template)) for template in templates.values())

    def reads(self, path: str) -> bool:
        """Whether what this file says of itself is needed."""
        return self._uses_told and extension_of(path) in MARKDOWN | PAGES

    def of(
        self, key: Key, modified: int | None, told: Told | None = MappingProxyType({})
    ) -> dict[str, MetadataValue]:
        """A file's values; None where it says nothing, or nothing of the field's type.

        `modified` is in seconds since the epoch, None when it is not known. Without `told`, fields
        that need it are left as they are.
        """
        values: dict[str, MetadataValue] = {}
        for name, template in self._templates.items():
            if told is None and _META.search(str(template)):
                continue
            if not isinstance(template, str):
                values[name] = template
            elif (typed := _META.fullmatch(template)) is not None:
                values[name] = _as(typed[2], (told or {}).get(typed[1].lower()))
            elif template != _MODIFIED:
                values[name] = _filled(template, key, told or {})
            elif modified is not None:
                values[name] = modified
        return values

    def misfits(self, told: Told) -> list[str]:
        """What a file says that is not of its field's type, for people."""
        found = []
        for name, template in self._templates.items():
            typed = _META.fullmatch(str(template))
            value = None if typed is None else told.get(typed[1].lower())
            if typed is not None and value is not None and _as(typed[2], value) is None:
                found.append(f"{name}: {str(value)[:50]!r} is no {typed[2]}")
        return found


def _type(template: Template) -> str:
    if not isinstance(template, str):
        return "number"
    typed = _META.fullmatch(template)
    if typed is not None:
        return typed[2] or "string"
    return "time" if template == _MODIFIED else "string"


def _as(kind: str | None, value: str | float | None) -> MetadataValue:
    """A value of the field's type, None when it is not one; a time in seconds since the epoch."""
    match kind:
        case None:
            return None if value is None else str(value)[:_LONGEST]
        case "number":
            return _number(value)
        case _:
            return _time(value)


def _number(value: str | float | None) -> int | float | None:
    number = value
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return None
        number = int(number) if isfinite(number) and number.is_integer() else number
    return number if isinstance(number, int | float) and abs(number) < _LARGEST else None


def _time(value: str | float | None) -> int | None:
    try:
        if not isinstance(value, str):
            return None if value is None else int(datetime.fromtimestamp(value, UTC).timestamp())
        time = datetime.fromisoformat(value)
        return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError, OSError):
        return None


def _filled(template: str, key: Key, told: Told) -> str:
    """The text with the file's parts in it; in an address they are written as one demands."""
    is_address = re.match(r"[a-z][a-z0-9+.-]*://", template) is not None

    def part(found: re.Match[str]) -> str:
        value = _part(found[1], key, told)
        return quote(value.encode("utf-8", "surrogateescape")) if is_address else value

    filled = _PLACEHOLDER.sub(part, template)
    return filled.encode("utf-8", "replace").decode()


def _part(place: str, key: Key, told: Told) -> str:
    if place.startswith("meta."):
        return str(told.get(place.removeprefix("meta.").lower(), ""))[:_LONGEST]
    *directories, name = key.path.split("/")
    extension = extension_of(key.path)
    match place:
        case "folder":
            return key.folder
        case "path":
            return key.path
        case "dir":
            return "/".join(directories)
        case "name":
            return name
        case "stem":
            return name[: -len(extension) - 1] if extension else name
        case "extension":
            return extension
        case _:
            level = int(place.removeprefix("dir"))
            return directories[level - 1] if level <= len(directories) else ""
