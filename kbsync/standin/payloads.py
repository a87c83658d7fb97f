"""The JSON bodies of the service API, checked with the models that the server checks them with.

The texts of refusals are part of the API: 1.16.1 passes on pydantic's text, 1.10.1 has texts of its
own for some fields.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from kbsync.standin.behaviour import Behaviour
from kbsync.standin.errors import invalid_field, invalid_param

Technique = Literal["high_quality", "economy"]


def _is_uuid(value: str) -> str:
    try:
        uuid.UUID(value)
    except ValueError as error:
        raise ValueError("must be a valid UUID") from error
    return value


class Mode(Enum):
    """How a document is cut."""

    AUTOMATIC = "automatic"
    CUSTOM = "custom"
    HIERARCHICAL = "hierarchical"


class PreProcessingRule(BaseModel):
    """One clean-up step and whether it is done."""

    id: str
    enabled: bool


class Segmentation(BaseModel):
    """Where and how long segments are."""

    separator: str = "\n"
    max_tokens: int
    chunk_overlap: int = 0


class Rules(BaseModel):
    """The rules of the modes custom and hierarchical."""

    pre_processing_rules: list[PreProcessingRule] | None = None
    segmentation: Segmentation | None = None
    parent_mode: Literal["full-doc", "paragraph"] | None = None
    subchunk_segmentation: Segmentation | None = None


class ProcessRule(BaseModel):
    """A ``process_rule`` as a client sends it."""

    mode: Mode
    rules: Rules | None = None


class RetrievalModel(BaseModel):
    """How a dataset is searched; the four fields without a default are mandatory."""

    search_method: Literal["semantic_search", "full_text_search", "hybrid_search", "keyword_search"]
    reranking_enable: bool
    reranking_model: dict[str, str | None] | None = None
    reranking_mode: str | None = None
    top_k: int
    score_threshold_enabled: bool
    score_threshold: float | None = None
    weights: dict[str, object] | None = None
    metadata_filtering_conditions: dict[str, object] | None = None


class KnowledgeConfig(BaseModel):
    """The ``data`` of a document call."""

    original_document_id: str | None = None
    duplicate: bool = True
    indexing_technique: Technique
    process_rule: ProcessRule | None = None
    doc_form: str = "text_model"
    doc_language: str = "English"
    retrieval_model: RetrievalModel | None = None
    embedding_model: str | None = None
    embedding_model_provider: str | None = None
    name: str | None = None


class DatasetCreatePayload(BaseModel):
    """The body of ``POST /datasets``."""

    name: str = Field(min_length=1, max_length=40)
    description: str = Field(default="", max_length=400)
    indexing_technique: Technique | None = None
    permission: Literal["only_me", "all_team_members", "partial_members"] | None = "only_me"
    provider: str = "vendor"
    retrieval_model: RetrievalModel | None = None
    embedding_model: str | None = None
    embedding_model_provider: str | None = None


class DatasetUpdatePayload(BaseModel):
    """The body of ``PATCH /datasets/{id}``."""

    name: str | None = Field(default=None, min_length=1, max_length=40)
    description: str | None = Field(default=None, max_length=400)
    indexing_technique: Technique | None = None
    permission: Literal["only_me", "all_team_members", "partial_members"] | None = None
    retrieval_model: RetrievalModel | None = None


class DocumentTextCreatePayload(BaseModel):
    """The body of ``create-by-text``; the rest of it is a `KnowledgeConfig`."""

    name: str
    text: str


class DocumentTextUpdate(BaseModel):
    """The body of ``update-by-text``."""

    name: str | None = None
    text: str | None = None

    @model_validator(mode="after")
    def _text_has_a_name(self) -> DocumentTextUpdate:
        if self.text and self.name is None:
            raise ValueError("name is required when text is provided")
        return self


class DocumentIds(BaseModel):
    """The body of ``documents/status/{action}``."""

    document_ids: list[str] = Field(default_factory=list)


class DocumentBatchDownloadZipPayload(BaseModel):
    """The body of ``documents/download-zip``."""

    document_ids: list[uuid.UUID] = Field(min_length=1, max_length=100)


class MetadataArgs(BaseModel):
    """The body of ``POST metadata``."""

    type: Literal["string", "number", "time"]
    name: str


class MetadataUpdatePayload(BaseModel):
    """The body of ``PATCH metadata/{id}``."""

    name: str


class MetadataDetail(BaseModel):
    """One value; old servers store it by ``name``, the newest by the name of the field ``id``."""

    id: str
    name: str
    value: str | int | float | None = None


class DocumentMetadataOperation(BaseModel):
    """The values of one document; without ``partial_update`` they replace all that it has."""

    document_id: str
    metadata_list: list[MetadataDetail]
    partial_update: bool = False


class MetadataOperationData(BaseModel):
    """The body of ``POST documents/metadata``."""

    operation_data: list[DocumentMetadataOperation]


Uuid = Annotated[str, AfterValidator(_is_uuid)]


class _StrictDetail(MetadataDetail):
    id: Uuid


class _StrictOperation(DocumentMetadataOperation):
    document_id: Uuid
    metadata_list: list[_StrictDetail]  # type: ignore[assignment]  # narrower on purpose


class StrictMetadataOperationData(MetadataOperationData):
    """The same on servers that look at the ids."""

    operation_data: list[_StrictOperation]  # type: ignore[assignment]  # narrower on purpose


class DatasetListQuery(BaseModel):
    """The paging of ``GET /datasets``."""

    page: int = 1
    limit: int = 20


class DocumentListQuery(DatasetListQuery):
    """The paging of ``GET documents``."""


class HitTestingPayload(BaseModel):
    """The body of ``retrieve``."""

    query: str = Field(max_length=250)
    retrieval_model: RetrievalModel | None = None


class ChatPayload(BaseModel):
    """The body of ``chat-messages``."""

    query: str
    inputs: dict[str, object] = {}
    response_mode: Literal["blocking", "streaming"] | None = None
    conversation_id: str = ""


class WorkflowPayload(BaseModel):
    """The body of ``workflows/run``."""

    inputs: dict[str, object]
    response_mode: Literal["blocking", "streaming"] | None = None


class MessagesPayload(BaseModel):
    """The query of ``messages``."""

    conversation_id: str
    first_id: str = ""
    limit: int = Field(default=20, ge=1, le=100)


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

Payload = TypeVar("Payload", bound=BaseModel)


def check(model: type[Payload], data: object, behaviour: Behaviour) -> Payload:
    """The body as a value, or the refusal in the words of the server version."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = (model.__name__, ".".join(map(str, first["loc"])), first["type"])
        if behaviour.field_errors and key in OLD_TEXTS:
            text = OLD_TEXTS[key].format(value=first["input"])
            raise invalid_field(key[1], text) from error
        raise invalid_param(_server_text(str(error), behaviour)) from error


SERVER_NAMES = {
    "StrictMetadata": "Metadata",
    "ChatPayload": "ChatRequestPayload",
    "WorkflowPayload": "WorkflowRunPayload",
    "MessagesPayload": "MessageListQuery",
}


def _server_text(text: str, behaviour: Behaviour) -> str:
    text = re.sub(
        r"errors\.pydantic\.dev/[\d.]+", f"errors.pydantic.dev/{behaviour.pydantic}", text
    )
    for ours, theirs in SERVER_NAMES.items():
        text = text.replace(ours, theirs, 1)
    return text.replace("type=enum", f"type={behaviour.rule_mode_error}").replace(
        "/v/enum", f"/v/{behaviour.rule_mode_error}"
    )
