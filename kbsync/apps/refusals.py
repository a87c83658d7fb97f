"""What an application's refusals mean, before a stream begins and within one.

Codes are those of the service API's controllers (app/error.py), statuses as seen on live servers.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from kbsync.errors import BackendError, Denied, Unavailable
from kbsync.transport import Answer
from kbsync.transport.fields import Row, number
from kbsync.transport.meaning import error_of

_OTHER_MODE = {
    "not_chat_app": "the app is no chat; use the key of a chatbot, an agent or a chatflow",
    "not_workflow_app": "the app is no workflow; use the key of one",
    "not_completion_app": "the app is no text generator; use the key of one",
    "app_unavailable": "the app cannot be used; publish it in Dify",
}
_MODEL_CODES = {
    "provider_not_initialize",
    "provider_quota_exceeded",
    "model_currently_not_support",
}
_NO_MODEL = re.compile(r"Provider \S+ does not exist|ModelConfigEntity|Default model not found")
_PASSING = {"completion_request_error", "rate_limit_error", "too_many_requests"}
_MODEL_ADVICE = "choose a model for the app in Dify, and check its provider's key and quota"


def refusal(answer: Answer, host: str) -> BackendError | None:
    """What an answer means to who holds an application key; None where it means the usual."""
    if answer.status == 401 and not answer.is_html:  # noqa: PLR2004 - of the protocol
        return Denied(
            f"{host} refused the app's key ({answer.message or 'unauthorized'}); use the key of the"
            " app: in Dify, open it and take API Access > API Key"
        )
    if answer.status != 400:  # noqa: PLR2004 - of the protocol
        return None
    if answer.code in _OTHER_MODE:
        return Denied(f"{host}: {_OTHER_MODE[answer.code]}")
    if answer.code in _MODEL_CODES or _NO_MODEL.search(answer.message):
        return Denied(f"{host}: {answer.message or answer.code}; {_MODEL_ADVICE}")
    if answer.code in _PASSING:
        return Unavailable(f"{host}: {answer.message or answer.code}")
    return None


def told_in_stream(event: Row, told: str, host: str) -> BackendError:
    """The error that an `error` event is: as the same answer would be, had it come at once."""
    status = number(event, "status") or 500
    answer = Answer(status, {}, json.dumps(dict(event)).encode())
    error = refusal(answer, host) or error_of(answer, told, host, datetime.now(UTC))
    return error or Unavailable(f"{host}: {answer.message or 'the answer failed'}", ambiguous=True)
