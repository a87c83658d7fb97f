"""Environment variables, read by pydantic-settings."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from kbsync.config.problems import PREFIX
from kbsync.config.settings import Settings


class _Variables(Settings, BaseSettings):
    """What pydantic-settings needs to know to read our variables; never instantiated."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__")


def read(usable: Mapping[str, str]) -> dict[str, object]:
    """The tables that these variables, known by their upper-case names, stand for."""
    source = EnvSettingsSource(_Variables)
    source.env_vars = {name.lower(): value for name, value in usable.items()}
    return source()
