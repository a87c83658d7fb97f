"""Wrong values as lines that a person can act on: where, what was given, what is allowed."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from kbsync.config.keys import KEY_LIKE

PREFIX = "KBSYNC_"
Location = tuple[str | int, ...]

_LONGEST_VALUE = 80
#: Settings that are secrets: whoever knows a hook's address can write to it.
_SECRET = frozenset({"api_key", "heartbeat", "notify", "webhook"})
_OTHER_NAMES = {
    "delimiter": "separator",
    "max_length": "max_tokens",
    "overlap": "chunk_overlap",
    "key": "api_key",
    "url": "base_url",
    "ca_bundle": "ca_file",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the values came from: one file, and the variables (upper-case names) over it."""

    file: Path
    variables: frozenset[str]
    data: Mapping[str, object]

    def where(self, loc: Location) -> str:
        """The place of a value: its variable, else the file and the path of keys."""
        keys = [str(step).upper() for step in loc]
        for length in range(len(keys), 0, -1):
            variable = PREFIX + "__".join(keys[:length])
            if variable in self.variables:
                return variable if length == len(keys) else f"{variable}: {self._path(loc)}"
        return f"{self.file}: {self._path(loc)}" if loc else str(self.file)

    def _path(self, loc: Location) -> str:
        shown, below, named = "", cast("object", self.data), False
        for step in loc:
            below = _child(below, step)
            if isinstance(step, int):
                name = _child(below, "name")
                named = isinstance(name, str)
                shown += f"[{step}]" + (f" {_quoted(name)}" if named else "")
            else:
                shown += (": " if named else "." if shown else "") + step
                named = False
        return shown


def described(error: ValidationError, model: type[BaseModel], origin: Origin) -> list[str]:
    """One line for each wrong value, in the order of the model."""
    return [_line(detail, model, origin) for detail in error.errors(include_url=False)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: a similar one, or all that there are."""
    names = sorted(known)
    alias = _OTHER_NAMES.get(name.lower())
    close = [alias] if alias in names else difflib.get_close_matches(name, names, n=1)
    if close:
        return f'; did you mean "{close[0]}"?'
    return f"; there are {', '.join(names)}"


def _line(detail: ErrorDetails, model: type[BaseModel], origin: Origin) -> str:
    loc = detail["loc"]
    where = origin.where(loc)
    match detail["type"]:
        case "missing":
            return f"{where} is missing"
        case "extra_forbidden":
            name = str(loc[-1])
            if homes := [home for known, home in _homes(model) if known == name]:
                return f"{where} is not a setting here; it belongs to {' or '.join(homes)}"
            return f"{where} is not a setting{did_you_mean(name, _names_at(model, loc[:-1]))}"
        case "model_type":
            return f"{where} must be a section with keys of its own"
        case "tuple_type":
            return f"{where} must be a list of sections"
        case "value_error":
            return _sentence(where, detail, str(detail["ctx"]["error"]))
        case _:
            allowed = detail["msg"].removeprefix("Input should be ")
            return _sentence(where, detail, f"must be {allowed}")


def _sentence(where: str, detail: ErrorDetails, said: str) -> str:
    if said.startswith("must "):
        return f"{where}{_shown(detail['loc'], detail['input'])} {said}"
    return f"{where}: {said}"


def _shown(loc: Location, value: object) -> str:
    """The value as TOML would write it, unless it is, or may hold, a secret."""
    if isinstance(value, SecretStr | Mapping | BaseModel) or not _SECRET.isdisjoint(loc):
        return ""
    written = _quoted(value)
    if loc[-1:] == ("base_url",) and any(sign in written for sign in "@?#"):
        return ""
    written = KEY_LIKE.sub("***", written)
    if len(written) > _LONGEST_VALUE:
        written = written[: _LONGEST_VALUE - 1] + "…"
    return f" = {written}"


def _quoted(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:  # a number of more digits than Python writes
        return "…"


def _child(data: object, step: str | int) -> object:
    if isinstance(data, Mapping):
        return data.get(step)
    if isinstance(data, list | tuple) and isinstance(step, int) and step < len(data):
        return data[step]
    return None


def _names_at(model: type[BaseModel], loc: Location) -> list[str]:
    for step in loc:
        if isinstance(step, str):
            model = next(_sections(model.model_fields[step].annotation), model)
    return list(model.model_fields)


def _homes(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, str]]:
    """Each setting, with the header that it stands under."""
    for name, field in model.model_fields.items():
        section, path = next(_sections(field.annotation), None), f"{above}.{name}".lstrip(".")
        if section is not None:
            is_list = get_origin(field.annotation) is tuple
            for known, home in _homes(section, path):
                yield known, f"[[{path}]]" if is_list and home == f"[{path}]" else home
        yield name, f"[{above}]" if above else "the top of the file, before the first section"


def _sections(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _sections(argument)
