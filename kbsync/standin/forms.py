"""From an HTTP request to a call: its body, and the fields and files of a form."""

from __future__ import annotations

import re
from urllib.parse import unquote

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from kbsync.standin.call import Call, Upload, World
from kbsync.standin.errors import refused
from kbsync.standin.routes import Match

#: Bytes of a field that is no file (recorded: 413 above it).
FORM_FIELD_LIMIT = 500_000


async def call_of(request: Request, match: Match, world: World) -> Call:
    """The call that a request is; raises RefusedError (413) for a form field over 500 kB."""
    body = await request.body()
    form, files = await _form(request)
    return Call(
        world=world,
        path=request.url.path,
        base_url=str(request.base_url).rstrip("/"),
        headers=request.headers,
        query=request.query_params,
        body=body,
        form=form,
        files=files,
        parameters=match.parameters,
    )


async def _form(request: Request) -> tuple[dict[str, str], tuple[Upload, ...]]:
    """The parts of a form; a body that is not what its header says, or is cut off, has none."""
    if not _is_whole(request.headers.get("content-type", ""), await request.body()):
        return {}, ()
    try:
        parts = await request.form(max_part_size=FORM_FIELD_LIMIT)
    except MultiPartException as error:
        if "maximum size" in error.message:
            message = "The data value transmitted exceeds the capacity limit."
            raise refused(413, "request_entity_too_large", message) from error
        return {}, ()
    fields: dict[str, str] = {}
    files: list[Upload] = []
    for name, part in parts.multi_items():
        if isinstance(part, UploadFile):
            filename = _filename(part.headers.get("content-disposition", ""))
            if filename is not None:
                files.append(Upload(name, filename, part.content_type or "", await part.read()))
        else:
            fields.setdefault(name, part)
    await parts.close()
    return fields, tuple(files)


def _is_whole(content_type: str, body: bytes) -> bool:
    boundary = re.search(r'multipart/.*boundary="?([^";]+)', content_type)
    return boundary is None or f"--{boundary[1]}--".encode() in body


def _filename(disposition: str) -> str | None:
    """The name of a file part as the server reads it, or None if it is not written in UTF-8.

    Read from the header itself: the form parser cuts off what looks like a Windows path.
    """
    extended = re.search(r"filename\*=(?:UTF-8|utf-8)'[^']*'([^;]*)", disposition)
    if extended:
        return unquote(extended[1].strip())
    quoted = re.search(r'filename="((?:[^"\\]|\\.)*)"', disposition)
    plain = re.search(r"filename=([^;]*)", disposition)
    if quoted:
        name = quoted[1].replace("\\\\", "\\").replace('\\"', '"').replace("%22", '"')
    else:
        name = plain[1].strip() if plain else ""
    try:
        return name.encode("latin-1").decode()
    except UnicodeError:
        return None
