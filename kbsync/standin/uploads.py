"""Taking in a file or a text: which part it is, what its name becomes, what is refused."""

from __future__ import annotations

import os.path
import uuid

from kbsync.standin.call import Call, Upload
from kbsync.standin.errors import invalid_param, refused
from kbsync.standin.extract import EXTENSIONS
from kbsync.standin.store import File

LONGEST_NAME = 200


def the_file(call: Call) -> Upload | None:
    """The part ``file``; another field with a file is refused, a second ``file`` is ignored."""
    upload = next((part for part in call.files if part.field == "file"), None)
    if upload is None:
        return None
    if len({part.field for part in call.files}) > 1:
        raise refused(400, "too_many_files", "Only one file is allowed.")
    if not upload.filename:
        raise refused(400, "filename_not_exists_error", "The specified filename does not exist.")
    return upload


def store_upload(call: Call, upload: Upload, *, updating: bool) -> File:
    """Check the name, the extension and the size, in the server's order, and keep the bytes.

    Creating does not say that it is the extension or (on old servers) the size; updating does.
    """
    behaviour = call.behaviour
    name = upload.filename
    extension = os.path.splitext(name)[1].lstrip(".").lower()  # noqa: PTH122  # as the server cuts it
    if any(character in behaviour.forbidden_characters for character in name):
        raise invalid_param("Filename contains invalid characters")
    if len(name) > LONGEST_NAME:
        name = f"{name.split('.')[0][:LONGEST_NAME]}.{extension}"
    if extension not in EXTENSIONS:
        if updating:
            raise refused(415, "unsupported_file_type", "File type not allowed.")
        raise invalid_param("")
    if len(upload.body) > call.world.size_limit:
        if updating:
            raise refused(413, "file_too_large", behaviour.oversize_on_update_message)
        status, code = behaviour.oversize_on_create
        raise refused(status, code, "")
    return _stored(call, name, len(upload.body), extension, upload.content_type, upload.body)


def store_text(call: Call, name: str, text: str) -> File:
    """Keep a text as the file that the server makes of it: .txt, its name cut to 200 characters."""
    body = text.encode(errors="replace")
    size = len(body) if call.behaviour.text_size_in_bytes else len(text)
    return _stored(call, name[:LONGEST_NAME], size, "txt", "text/plain", body)


def _stored(call: Call, name: str, size: int, extension: str, mime_type: str, body: bytes) -> File:
    now = call.world.epoch()
    file = File(str(uuid.uuid4()), name, size, extension, mime_type, now, body)
    call.store.save(file)
    return file
