"""PURE: the metadata fields that a folder gives its documents: constants, and parts of the path."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import quote

from kbsync.formats import extension_of
from kbsync.model import METADATA_FIELDS, Key, MetadataValue

#: What people may write: a constant, or a text with placeholders.
Template = str | int | float

#: Field names that a server keeps for itself.
_BUILT_IN = frozenset({"document_name", "uploader", "upload_date", "last_update_date", "source"})

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PLACES = ("path", "dir", *(f"dir{level}" for level in range(1, 10)), "name", "stem", "extension")
_MODIFIED = "{modified}"


def check(name: str, template: object) -> None:
    """Raise ValueError for a field that no server takes, or a placeholder that there is not."""
    if not _NAME.fullmatch(name):
        raise ValueError(f'"{name}" must be of lower-case letters, digits and "_", at most 64')
    if name in _BUILT_IN or name.startswith("kbsync_"):
        raise ValueError(f'"{name}" is taken; choose another name')
    is_value = isinstance(template, Template) and not isinstance(template, bool)
    if not is_value:
        raise ValueError(f'"{name}" must be a text or a number')
    if not isinstance(template, str) or template == _MODIFIED:
        return
    for found in _PLACEHOLDER.findall(template):
        if found not in {*_PLACES, "folder"}:
            known = ", ".join(f"{{{place}}}" for place in ("folder", *_PLACES))
            raise ValueError(
                f'"{name}": there is no {{{found}}}; there are {known}, and {_MODIFIED} alone'
            )


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

    def of(self, key: Key, modified: int | None) -> dict[str, MetadataValue]:
        """A file's values; `modified` in seconds since the epoch, None when it is not known."""
        values: dict[str, MetadataValue] = {}
        for name, template in self._templates.items():
            if not isinstance(template, str):
                values[name] = template
            elif template != _MODIFIED:
                values[name] = _filled(template, key)
            elif modified is not None:
                values[name] = modified
        return values


def _type(template: Template) -> str:
    if isinstance(template, str):
        return "time" if template == _MODIFIED else "string"
    return "number"


def _filled(template: str, key: Key) -> str:
    """The text with the file's parts in it; in an address they are written as one demands."""
    is_address = re.match(r"[a-z][a-z0-9+.-]*://", template) is not None

    def part(found: re.Match[str]) -> str:
        value = _part(found[1], key)
        return quote(value.encode("utf-8", "surrogateescape")) if is_address else value

    filled = _PLACEHOLDER.sub(part, template)
    return filled.encode("utf-8", "replace").decode()


def _part(place: str, key: Key) -> str:
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
