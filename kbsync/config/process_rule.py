"""The `process_rule` of a folder: how the server cuts a document into segments.

Dify ignores a misspelt key, and finds a wrong segment length only while it indexes (or "completes"
a document without one segment), so the whole form is checked here.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, model_validator

from kbsync.config.parse import Flag, Section, choice, whole


def _separator(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(r'must be a text that is not empty, such as "\n\n"')
    return value


class Segmentation(Section):
    """Where to cut, and how long a segment may become, in tokens."""

    separator: Annotated[str, BeforeValidator(_separator)]
    max_tokens: Annotated[int, whole(50, 4000)]
    chunk_overlap: Annotated[int, whole(0, 4000)] | None = None

    @model_validator(mode="after")
    def _overlap_fits(self) -> Self:
        if self.chunk_overlap is not None and self.chunk_overlap > self.max_tokens:
            raise ValueError(
                f"chunk_overlap = {self.chunk_overlap} must not be more than max_tokens ="
                f" {self.max_tokens}: no segment can repeat more than it holds"
            )
        return self


class Cleaning(Section):
    """One step before the cutting, switched on or off."""

    id: Annotated[
        Literal["remove_extra_spaces", "remove_urls_emails"],
        choice("remove_extra_spaces", "remove_urls_emails"),
    ]
    enabled: Flag


class Rules(Section):
    """The rules of the modes custom and hierarchical."""

    pre_processing_rules: tuple[Cleaning, ...] = ()
    segmentation: Segmentation
    parent_mode: (
        Annotated[Literal["full-doc", "paragraph"], choice("full-doc", "paragraph")] | None
    ) = None
    subchunk_segmentation: Segmentation | None = None


class ProcessRule(Section):
    """How the server cuts a document."""

    mode: Annotated[
        Literal["automatic", "custom", "hierarchical"],
        choice("automatic", "custom", "hierarchical"),
    ]
    rules: Rules | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mode == "automatic":
            if self.rules is not None:
                raise ValueError('mode "automatic" takes no rules; mode "custom" does')
            return self
        if self.rules is None:
            raise ValueError(
                f'mode "{self.mode}" needs rules with segmentation = {{ separator, max_tokens }}'
            )
        if self.mode == "hierarchical" and self.rules.parent_mode is None:
            raise ValueError(
                'mode "hierarchical" needs rules.parent_mode = "paragraph" or "full-doc"'
            )
        if self.mode == "custom" and (self.rules.parent_mode or self.rules.subchunk_segmentation):
            raise ValueError(
                'parent_mode and subchunk_segmentation belong to mode "hierarchical", not "custom"'
            )
        return self

    def payload(self) -> dict[str, object]:
        """The form that the API takes, ready for JSON."""
        return self.model_dump(mode="json", exclude_none=True)
