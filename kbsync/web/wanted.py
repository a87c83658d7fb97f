"""What a request asks for, checked; each raises Wrong with what to change."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.requests import Request

from kbsync.ledger import KINDS
from kbsync.model import Key
from kbsync.web.desk import Desk
from kbsync.web.reports import text_of

_MOST_BYTES = 65_536
#: No path is longer, in characters.
_MOST_SEARCHED = 4_096


class Wrong(Exception):
    """A request that cannot be answered; the text says what to change."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


async def body_of(request: Request) -> dict[str, object]:
    """The JSON object that an action came with; none at all is an empty one."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            raise Wrong("this is more than any action needs", 413)
    try:
        told = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise Wrong("the body must be JSON") from None
    if not isinstance(told, dict):
        raise Wrong("the body must be a JSON object")
    return told


def folder_of(desk: Desk, name: object) -> str:
    """The name of a configured folder."""
    if not isinstance(name, str) or name not in desk.engine.folders:
        raise Wrong(f"folder must be one of {', '.join(desk.engine.folders)}", 404)
    return name


def key_of(desk: Desk, told: Mapping[str, object]) -> Key:
    """The file that `folder`, and `id` or `path`, name."""
    folder, word, path = folder_of(desk, told.get("folder")), told.get("id"), told.get("path")
    if isinstance(word, str):
        path = text_of(word)
    if not isinstance(path, str) or not path or not _can_be(path, "surrogateescape"):
        raise Wrong("id or path must name a file")
    return Key(folder, path)


def kinds_of(query: Mapping[str, str]) -> list[str]:
    """The kinds of files that `kind` names, joined by commas; empty for all."""
    kinds = [kind for kind in query.get("kind", "").split(",") if kind]
    if not set(kinds) <= set(KINDS):
        raise Wrong(f"kind must be of {', '.join(KINDS)}, joined by commas")
    return kinds


def search_of(query: Mapping[str, str]) -> str:
    """The part of a path that `q` looks for; empty for any."""
    search = query.get("q", "").strip()
    if len(search) > _MOST_SEARCHED:
        raise Wrong(f"q must be a part of a path, of at most {_MOST_SEARCHED:,} characters")
    return search


def after_of(query: Mapping[str, str]) -> Key | None:
    """The file that the page before ended with, as `after`, in FOLDER/ID, names it."""
    if not query.get("after"):
        return None
    folder, _, word = query["after"].partition("/")
    path = text_of(word)
    if not path:
        raise Wrong("after must be what the page before told as such")
    return Key(folder, path)


def reason_of(word: object) -> str:
    """The reason that a complaint's `id` stands for."""
    reason = text_of(word) if isinstance(word, str) else None
    if reason is None or not _can_be(reason, "strict"):
        raise Wrong("reason must be the id of a complaint that the status tells")
    return reason


def count(query: Mapping[str, str], name: str, default: int, *, most: int) -> int:
    """The whole number, from 1 to `most`, that `name` gives."""
    text = query.get(name)
    if not text:
        return default
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if not is_number or not 1 <= int(text) <= most:
        raise Wrong(f"{name} must be a whole number from 1 to {most}")
    return int(text)


def _can_be(text: str, errors: str) -> bool:
    """Whether there can be such a text or path: JSON may hold halves of characters."""
    try:
        text.encode(errors=errors)
    except UnicodeEncodeError:
        return False
    return True
