"""What the observed server versions do differently, as one value per version.

No other module asks for a version: it asks for the one property that it needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

NO_PERMISSION = "You do not have permission to access this dataset."


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The properties in which two versions of the service API differ.

    ``foreign`` maps the name of an endpoint to the refusal (status, code, message) for a dataset of
    another workspace; endpoints that are not named answer 404 "Dataset not found.".
    """

    version: str
    longest_request_line: int | None
    compact_json: bool
    delete_status: Literal[200, 204]
    existence_before_key: bool
    field_errors: bool
    strict_json: bool
    strict_paging: bool
    pydantic: str
    rule_mode_error: str
    forbidden_characters: str
    oversize_on_create: tuple[int, str]
    oversize_on_update_message: str
    patch_updates_document: bool
    namesake: Literal["first", "last"]
    text_without_rule: Literal["refuse", "inherit"]
    text_size_in_bytes: bool
    no_metadata: Literal["null", "empty"]
    typed_metadata_in_lists: bool
    metadata_errors_swallowed: bool
    metadata_by_field_name: bool
    unknown_field_rename: Literal["nulls", "refuse"]
    new_fields: bool
    pdf_as_text: Literal["empty", "error"]
    upload_path_has_extension: bool
    downloads: bool
    tags: bool
    semantic_error: str
    query_error: str | None
    empty_query_error: str
    technique_change_without_model: tuple[int, str]
    foreign: Mapping[str, tuple[int, str, str]] = field(default_factory=dict)
    foreign_fields_listed: bool = False

    def page_size(self, limit: int) -> int:
        """How many rows a list answers for a requested limit; never more than 100."""
        if limit > 0:
            return min(limit, 100)
        return 1 if self.strict_paging else 20


V1_10_1 = Behaviour(
    version="1.10.1",
    longest_request_line=4094,
    compact_json=False,
    delete_status=200,
    existence_before_key=True,
    field_errors=True,
    strict_json=False,
    strict_paging=False,
    pydantic="2.11",
    rule_mode_error="literal_error",
    forbidden_characters='/\\:*?"<>|',
    oversize_on_create=(400, "invalid_param"),
    oversize_on_update_message="File size exceeded. {message}",
    patch_updates_document=False,
    namesake="first",
    text_without_rule="refuse",
    text_size_in_bytes=False,
    no_metadata="null",
    typed_metadata_in_lists=False,
    metadata_errors_swallowed=True,
    metadata_by_field_name=False,
    unknown_field_rename="nulls",
    new_fields=False,
    pdf_as_text="empty",
    upload_path_has_extension=True,
    downloads=False,
    tags=False,
    semantic_error="Default model not found for text-embedding",
    query_error="Query is required and cannot exceed 250 characters",
    empty_query_error="Query is required and cannot exceed 250 characters",
    technique_change_without_model=(400, "invalid_param"),
    foreign={
        "dataset-get": (403, "forbidden", NO_PERMISSION),
        "dataset-update": (403, "forbidden", NO_PERMISSION),
        "dataset-delete": (400, "invalid_param", NO_PERMISSION),
        "retrieve": (403, "forbidden", NO_PERMISSION),
        "create": (400, "invalid_param", "Dataset does not exist."),
        "update": (400, "invalid_param", "Dataset does not exist."),
        "delete": (400, "invalid_param", "Dataset does not exist."),
    },
    foreign_fields_listed=True,
)

V1_16_1 = replace(
    V1_10_1,
    version="1.16.1",
    longest_request_line=None,
    compact_json=True,
    delete_status=204,
    existence_before_key=False,
    field_errors=False,
    strict_json=True,
    strict_paging=True,
    pydantic="2.12",
    rule_mode_error="enum",
    forbidden_characters="/\\",
    oversize_on_create=(413, "file_too_large"),
    oversize_on_update_message="",
    patch_updates_document=True,
    namesake="last",
    text_without_rule="inherit",
    text_size_in_bytes=True,
    no_metadata="empty",
    typed_metadata_in_lists=True,
    metadata_errors_swallowed=False,
    metadata_by_field_name=True,
    unknown_field_rename="refuse",
    new_fields=True,
    pdf_as_text="error",
    upload_path_has_extension=False,
    downloads=True,
    tags=True,
    semantic_error="Could not connect to Weaviate:Connection to Weaviate failed. Details: .",
    query_error=None,
    empty_query_error="Query or attachment_ids is required",
    technique_change_without_model=(500, "unknown"),
    foreign={},
    foreign_fields_listed=False,
)

BEHAVIOURS: Mapping[str, Behaviour] = {b.version: b for b in (V1_10_1, V1_16_1)}
