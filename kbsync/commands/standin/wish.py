"""What the options of `kbsync standin` ask for, and the server that is made of it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kbsync.errors import ConfigError
from kbsync.log import printable

if TYPE_CHECKING:
    from kbsync.standin import Fault, StandIn


@dataclass(frozen=True, slots=True)
class Wish:
    """What the options ask for; `size_limit` in bytes, `pace` in seconds."""

    data: Path | None
    behave: str
    dialect: Literal["dify", "simple"]
    key: str
    pace: float
    workers: int
    size_limit: int
    rate_limit: int | None
    embedding_model: bool
    faults: Path | None


def made(wish: Wish) -> StandIn:
    """The server that is wished for; raises ConfigError when it cannot be."""
    from kbsync.standin import StandIn

    faults = _faults(wish.faults)
    try:
        return StandIn(
            data=wish.data,
            behave=wish.behave,
            dialect=wish.dialect,
            key=wish.key,
            pace=wish.pace,
            workers=wish.workers,
            size_limit=wish.size_limit,
            embedding_model=wish.embedding_model,
            rate_limit=wish.rate_limit,
            faults=faults,
        )
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(
            f"--data {printable(str(wish.data))} cannot be the stand-in's database: {error};"
            " name a directory that is there, or a file in one"
        ) from error


def _faults(file: Path | None) -> list[Fault]:
    if file is None:
        return []
    from kbsync.standin import FaultFileError, load_faults

    try:
        return load_faults(file)
    except FaultFileError as error:
        raise ConfigError(f"--faults {error}") from error
