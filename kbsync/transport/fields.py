"""Reading a server's JSON: unknown keys are ignored, missing ones are not an error."""

from __future__ import annotations

from collections.abc import Mapping

from kbsync.errors import Unavailable
from kbsync.transport.answer import Answer, one_line

Row = Mapping[str, object]

_LARGEST = 2.0**53  # whole numbers beyond it are not exact; none of a server's comes near


def table(answer: Answer) -> Row:
    """The answer's JSON object; raises Unavailable when something else came with a 2xx."""
    told = answer.json
    if not isinstance(told, dict):
        got = one_line(answer.body[:80].decode("utf-8", "replace"))
        raise Unavailable(
            f"expected JSON, got {got!r}: a proxy in between, or a wrong server.base_url",
            ambiguous=True,
        )
    return told


def rows(answer: Answer, key: str = "data") -> list[Row]:
    """The list of objects under a key."""
    found = table(answer).get(key)
    if not isinstance(found, list):
        raise Unavailable(f"expected a list {key!r} in the answer: a wrong server.base_url?")
    return [row for row in found if isinstance(row, dict)]


def text(row: Row, key: str) -> str:
    """A string, or "" where there is none."""
    value = row.get(key)
    return value if isinstance(value, str) else ""


def decimal(row: Row, key: str) -> float | None:
    """A number, or None; what JSON cannot say (NaN, Infinity) is none."""
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= _LARGEST else None


def number(row: Row, key: str) -> int | None:
    """A whole number, or None."""
    value = decimal(row, key)
    return None if value is None else int(value)


def inner(row: Row, *keys: str) -> Row:
    """An object inside an object, empty where there is none."""
    for key in keys:
        value = row.get(key)
        row = value if isinstance(value, dict) else {}
    return row
