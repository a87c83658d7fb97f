"""The JSON bodies and queries of the service API, as models like those of the server.

Their names and those of their fields stand in the refusals, which `checking` makes.
"""

from __future__ import annotations

import uuid
from enum import Enum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator

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


class ConversationsPayload(BaseModel):
    """The query of ``conversations``; its bounds are those recorded of ``messages``."""

    last_id: str = ""
    limit: int = Field(default=20, ge=1, le=100)


class MessagesPayload(BaseModel):
    """The query of ``messages``."""

    conversation_id: str
    first_id: str = ""
    limit: int = Field(default=20, ge=1, le=100)
