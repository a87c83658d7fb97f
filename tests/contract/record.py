"""Real Dify servers' answers as data: one row per exchange, read from ``dify-<version>.jsonl``.

The first line of such a file names the version, then come three kinds of lines:

- ``shape``: the keys of one kind of JSON answer with the kinds of their values; ``?`` behind a key
  says that it is not always there;
- ``left_out``: recorded exchanges that no row repeats, with the reason and their names;
- ``name``: a row, that is a request, its answer, and what follows from it.

A row's ``setup`` is a word that ``setups.py`` knows. It gives values to the words in braces, such
as ``{dataset}``. ``depends`` says whether a sync client depends on the row; if not, ``why`` says
why not. ``live: false`` marks what says nothing about a live server: its state cannot be made
through the service API, or depends on what is installed. ``also`` has further answers that were
seen from other builds of the same version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VERSIONS = ("1.10.1", "1.16.1")


@dataclass(frozen=True, slots=True)
class Answer:
    """The recorded answer: status, shape of the body, and the values that matter.

    ``message`` is the beginning of the message, ``rows`` the number of rows of a list; ``values``
    maps paths such as ``data[0].name`` to values, ``sends`` the headers that matter.
    """

    status: int
    shape: str
    code: str | None = None
    message: str | None = None
    invalid: tuple[str, ...] = ()
    rows: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    sends: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One recorded exchange, ready to be repeated anywhere."""

    name: str
    setup: str
    request: Mapping[str, Any]
    answer: Answer
    also: tuple[Answer, ...]
    then: Mapping[str, Any]
    depends: bool
    why: str
    live: bool


@dataclass(frozen=True, slots=True)
class Record:
    """All that is recorded of one server version."""

    version: str
    exchanges: int
    left_out: Mapping[str, tuple[str, ...]]
    shapes: Mapping[str, Mapping[str, str]]
    rows: tuple[Row, ...]


def load(version: str) -> Record:
    """Read the record of one version."""
    path = Path(__file__).parent / f"dify-{version}.jsonl"
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return Record(
        version=lines[0]["version"],
        exchanges=lines[0]["exchanges"],
        left_out={
            line["left_out"]: tuple(line["names"]) for line in lines[1:] if "left_out" in line
        },
        shapes={line["shape"]: line["keys"] for line in lines[1:] if "keys" in line},
        rows=tuple(_row(line) for line in lines[1:] if "name" in line),
    )


def _row(line: Mapping[str, Any]) -> Row:
    asked = ("request", "headers", "params", "data", "fields", "files", "json", "raw")
    return Row(
        name=line["name"],
        setup=line.get("setup", "none"),
        request={key: line[key] for key in asked if key in line},
        answer=_answer(line),
        also=tuple(_answer(other) for other in line.get("also", ())),
        then=line.get("then", {}),
        depends=line["depends"],
        why=line.get("why", ""),
        live=line.get("live", True),
    )


def _answer(line: Mapping[str, Any]) -> Answer:
    return Answer(
        status=line["status"],
        shape=line["shape"],
        code=line.get("code"),
        message=line.get("message"),
        invalid=tuple(line.get("invalid", ())),
        rows=line.get("rows"),
        values=line.get("values", {}),
        sends=line.get("sends", {}),
    )
