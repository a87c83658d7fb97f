"""What a request asks for, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.requests import Request

from kbsync.model import Key
from kbsync.web.desk import Desk
from kbsync.web.reports import text_of

_MOST_BYTES = 65_536


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
    except ValueError:
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
    if not isinstance(path, str) or not path:
        raise Wrong("id or path must name a file")
    return Key(folder, path)


def count(text: str | None, default: int, *, most: int) -> int:
    """A whole number from 1 to `most`."""
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise Wrong(f"a number must be from 1 to {most}")
    return int(text)
