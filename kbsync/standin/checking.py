"""Bodies and queries against their models, and the refusals in the words of the server version.

The words are part of the API: 1.16.1 passes on pydantic's text, 1.10.1 has texts of its own for
some fields (recorded of both).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from kbsync.standin.behaviour import Behaviour
from kbsync.standin.errors import invalid_field, invalid_param

Payload = TypeVar("Payload", bound=BaseModel)

NAME_LENGTH = "type is required. Name must be between 1 to 40 characters. "
TOO_LONG = NAME_LENGTH + "Name must be between 1 to 40 characters."
MISSING = "Missing required parameter in the JSON body"
OLD_TEXTS: Mapping[tuple[str, str, str], str] = {
    ("ChatPayload", "query", "missing"): f"The chat query {MISSING}",
    ("WorkflowPayload", "inputs", "missing"): MISSING,
    ("WorkflowPayload", "response_mode", "literal_error"): (
        "The value '{value}' is not a valid choice for 'response_mode'."
    ),
    ("MessagesPayload", "conversation_id", "missing"): (
        "Conversation ID Missing required parameter in the query string"
    ),
    ("MessagesPayload", "limit", "less_than_equal"): (
        "Number of messages to return Invalid argument: {value}. argument must be within the"
        " range 1 - 100"
    ),
    ("DatasetCreatePayload", "name", "missing"): (
        f"{NAME_LENGTH}{MISSING} or the post body or the query string"
    ),
    ("DatasetCreatePayload", "name", "string_too_long"): TOO_LONG,
    ("DatasetCreatePayload", "name", "string_too_short"): TOO_LONG,
    ("DatasetUpdatePayload", "name", "string_too_long"): TOO_LONG,
    ("DatasetUpdatePayload", "name", "string_too_short"): TOO_LONG,
    ("DatasetCreatePayload", "indexing_technique", "literal_error"): (
        "Invalid indexing technique. "
        "The value '{value}' is not a valid choice for 'indexing_technique'."
    ),
    ("DocumentTextCreatePayload", "name", "missing"): MISSING,
    ("DocumentTextCreatePayload", "text", "missing"): MISSING,
    ("MetadataArgs", "name", "missing"): f"Metadata name {MISSING}",
    ("MetadataArgs", "type", "missing"): f"Metadata type {MISSING}",
    ("MetadataUpdatePayload", "name", "missing"): f"Metadata name {MISSING}",
    ("MetadataOperationData", "operation_data", "missing"): f"Metadata operation data {MISSING}",
}
SERVER_NAMES = {
    "StrictMetadata": "Metadata",
    "ChatPayload": "ChatRequestPayload",
    "WorkflowPayload": "WorkflowRunPayload",
    "MessagesPayload": "MessageListQuery",
    "ConversationsPayload": "ConversationListQuery",
}


def check(model: type[Payload], data: object, behaviour: Behaviour) -> Payload:
    """The body as a value; raises RefusedError (400) for one that is not as the model says."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = (model.__name__, ".".join(map(str, first["loc"])), first["type"])
        if behaviour.field_errors and key in OLD_TEXTS:
            text = OLD_TEXTS[key].format(value=first["input"])
            raise invalid_field(key[1], text) from error
        raise invalid_param(_server_text(str(error), behaviour)) from error


def _server_text(text: str, behaviour: Behaviour) -> str:
    text = re.sub(
        r"errors\.pydantic\.dev/[\d.]+", f"errors.pydantic.dev/{behaviour.pydantic}", text
    )
    for ours, theirs in SERVER_NAMES.items():
        text = text.replace(ours, theirs, 1)
    return text.replace("type=enum", f"type={behaviour.rule_mode_error}").replace(
        "/v/enum", f"/v/{behaviour.rule_mode_error}"
    )
