"""What a file says of itself: the front matter of Markdown, the meta elements of a page.

A stranger wrote it: it is short, its YAML knows no aliases, and what cannot be read says nothing.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, time
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from kbsync.convert.texts import as_utf8
from kbsync.errors import FileError
from kbsync.formats import MARKDOWN, PAGES

if TYPE_CHECKING:
    from kbsync.fields import Told

#: It has to end within so many bytes.
LONGEST = 64 * 2**10
#: Bits of a number; Python writes no number of more than 4300 digits.
_LONGEST_NUMBER = 4096

_FRONT = re.compile(
    r"(?P<fence>---|\+\+\+)[ \t]*\r?\n(?P<said>.*?\n)??"
    r"(?:(?P=fence)|(?<=\n)\.\.\.)[ \t]*(?:\r?\n|\Z)",
    re.DOTALL,
)
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?([a-z0-9_-]+)", re.IGNORECASE)


def said(extension: str, head: bytes) -> Told:
    """What a file says of itself by its first bytes; names are in lower case, texts in one line."""
    if extension in MARKDOWN:
        found = _FRONT.match(_text(head))
        return {} if found is None else _of_table(_parsed(found["fence"], found["said"] or ""))
    return _of_page(head) if extension in PAGES else {}


def without(body: bytes) -> bytes:
    """Markdown without its front matter, if that can be read; else as it is."""
    try:
        text = as_utf8(body)
    except FileError:
        return body
    found = _FRONT.match(text[:LONGEST].decode("utf-8", "ignore"))
    if found is None or _parsed(found["fence"], found["said"] or "") is None:
        return body
    return text[len(found[0].encode()) :].lstrip(b"\r\n")


def _text(head: bytes) -> str:
    """The text that bytes begin with; the last letter may be cut."""
    try:
        return head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start >= len(head) - 3:
            return head[: error.start].decode("utf-8-sig")
    try:
        return as_utf8(head[: len(head) & ~1]).decode()
    except FileError:
        return ""


def _parsed(fence: str, text: str) -> Mapping[object, object] | None:
    """The table that the front matter is; None when it is none."""
    try:
        found = tomllib.loads(text) if fence == "+++" else _yaml(text)
    except (ValueError, RecursionError, OverflowError):
        return None
    return found if isinstance(found, dict) else None


def _yaml(text: str) -> object:
    import yaml  # noqa: PLC0415 - only who meets such a file pays for the import

    class Loader(yaml.SafeLoader):
        """Without aliases, by which a few lines can mean more than fits into memory."""

        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("aliases are not read")
            return super().compose_node(parent, index)

    try:
        return yaml.load(text, Loader)  # noqa: S506 - a SafeLoader
    except Exception as error:  # whatever a wrong value does to who makes it
        raise ValueError(str(error)) from error


def _of_table(table: Mapping[object, object] | None) -> Told:
    told: dict[str, str | int | float] = {}
    for name, value in (table or {}).items():
        plain = _plain(value)
        if plain is not None:
            told[str(name).lower()] = plain
    return told


def _plain(value: object) -> str | int | float | None:
    """A text, a number, or a list as one text; None for what is none of these."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return value if math.isfinite(value) else None
        case int():
            return value if value.bit_length() < _LONGEST_NUMBER else None
        case str():
            return _line(value)
        case datetime() | date() | time():
            return value.isoformat()
        case list():
            parts = [_plain(one) for one in value]
            return ", ".join(str(part) for part in parts if part is not None)
        case _:
            return None


def _line(text: str) -> str:
    """A text in one line, as every database takes it: whole letters, and none that ends it."""
    return " ".join(text.encode("utf-8", "replace").decode().replace("\0", "").split())


def _of_page(head: bytes) -> Told:
    reader = _Meta()
    with suppress(AssertionError):  # of the parser, for a declaration such as "<![x"
        reader.feed(_decoded(head))
    return reader.told


def _decoded(head: bytes) -> str:
    """The text of a page, in the encoding that it names, if it can be in that; else in UTF-8."""
    found = _CHARSET.search(head[:1024])
    # No encoding, or none that can replace what is wrong.
    with suppress(LookupError, UnicodeError):
        # Its own word was found as ASCII, so that ASCII must mean itself in it.
        if found and found[0].decode(found[1].decode(), "replace") == found[0].decode():
            return head.decode(found[1].decode(), "replace")
    return head.decode("utf-8", "replace")


class _Meta(HTMLParser):
    """The title and the meta elements of a page's head."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, str | int | float] = {}
        self._title: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or given.get("property")
        if tag == "meta" and name and given.get("content"):
            self.told.setdefault(name.lower(), _line(given["content"] or ""))
        elif tag == "title":
            self._title = []

    def handle_endtag(self, tag: str) -> None:
        if tag == "title" and self._title is not None:
            self.told.setdefault("title", _line("".join(self._title)))
            self._title = None

    def handle_data(self, data: str) -> None:
        if self._title is not None:
            self._title.append(data)
