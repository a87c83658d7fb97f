"""Environment variables: which there are, what is wrong with those that are set, what they say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import get_origin

from pydantic import BaseModel

from kbsync.config.problems import PREFIX, did_you_mean
from kbsync.config.settings import Settings

WHICH_FILE = "KBSYNC_CONFIG"


def usable_variables(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Our variables by upper-case name, and a line for each that is misspelt or broken."""
    known = dict(variable_names())
    usable: dict[str, str] = {}
    problems: list[str] = []
    for name, value in sorted((name.upper(), value) for name, value in environ.items()):
        if not name.startswith(PREFIX) or name == WHICH_FILE:
            continue
        if name not in known:
            problems.append(f"{name} is not a setting{did_you_mean(name, known)}")
        elif known[name] and not _is_json(value):
            problems.append(f"{name} must be written as JSON")
        else:
            usable[name] = value
    return usable, problems


def variable_names(
    model: type[BaseModel] = Settings, prefix: str = PREFIX
) -> Iterator[tuple[str, bool]]:
    """Every variable that there is, and whether it is written as JSON: a section, or a list."""
    for name, field in model.model_fields.items():
        variable, annotation = prefix + name.upper(), field.annotation
        is_section = isinstance(annotation, type) and issubclass(annotation, BaseModel)
        yield variable, is_section or get_origin(annotation) is tuple
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from variable_names(annotation, f"{variable}__")


def _is_json(value: str) -> bool:
    try:
        return json.loads(value) is not None
    except (ValueError, RecursionError):
        return False


def read(usable: Mapping[str, str]) -> dict[str, object]:
    """The tables that these variables, known by their upper-case names, stand for."""
    if not usable:
        return {}
    # Only who sets variables pays for the import.
    from pydantic_settings import (  # noqa: PLC0415 - only when needed
        BaseSettings,
        EnvSettingsSource,
        SettingsConfigDict,
    )

    class Variables(Settings, BaseSettings):
        """What pydantic-settings needs to know to read our variables; never instantiated."""

        model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__")

    source = EnvSettingsSource(Variables)
    source.env_vars = {name.lower(): value for name, value in usable.items()}
    return source()
