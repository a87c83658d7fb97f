"""What an application says of itself, and uploads for its chats."""

from __future__ import annotations

import os.path
import uuid

from kbsync.standin.apps import Json
from kbsync.standin.call import Call, user_of
from kbsync.standin.errors import Answer, not_found, refused

TEXT_FIELD = {
    "label": "text",
    "max_length": 4000,
    "options": [],
    "required": True,
    "type": "paragraph",
    "variable": "text",
}
LIMITS = {
    "image_file_size_limit": 10,
    "video_file_size_limit": 100,
    "audio_file_size_limit": 50,
    "file_size_limit": 15,
    "workflow_file_upload_limit": 10,
}


def info(call: Call) -> Answer:
    """``GET /info``."""
    app = call.application
    told = {"name": app.name, "description": "", "tags": [], "mode": app.mode}
    return Answer(told | {"author_name": "stand-in"})


def by_id(call: Call) -> Answer:
    """``GET /apps/{id}`` of the older guide: the application of the key, and no other."""
    app = call.application
    if call.parameters["app_id"] != app.id:
        raise not_found("App not found.")
    return Answer({"id": app.id, "name": app.name, "description": "", "mode": app.mode})


def parameters(call: Call) -> Answer:
    """``GET /parameters``."""
    off = {"enabled": False}
    told: Json = {
        "opening_statement": None,
        "suggested_questions": [],
        "suggested_questions_after_answer": off,
        "speech_to_text": off,
        "text_to_speech": {"enabled": False, "voice": "", "language": ""},
        "retriever_resource": {"enabled": call.application.chats},
        "annotation_reply": off,
        "more_like_this": off,
        "user_input_form": [] if call.application.chats else [{"paragraph": TEXT_FIELD}],
        "sensitive_word_avoidance": off,
        "file_upload": {},
        "system_parameters": LIMITS,
    }
    return Answer(told)


def meta(_call: Call) -> Answer:
    """``GET /meta``."""
    return Answer({"tool_icons": {}})


def upload(call: Call) -> Answer:
    """``POST /files/upload``: multipart with ``file`` and ``user``; 201."""
    part = next((one for one in call.files if one.field == "file"), None)
    if part is None or not part.filename:
        raise refused(400, "no_file_uploaded", "Please upload your file.")
    if len(part.body) > call.world.size_limit:
        raise refused(413, "file_too_large", "File size exceeded.")
    user_of(call.form)
    told: Json = {
        "id": str(uuid.uuid4()),
        "name": part.filename,
        "size": len(part.body),
        "extension": os.path.splitext(part.filename)[1].lstrip("."),  # noqa: PTH122
        "mime_type": part.content_type,
        "created_by": call.world.owner(call.workspace),
        "created_at": int(call.world.epoch()),
    }
    return Answer(told, 201)
