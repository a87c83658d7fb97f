"""A [[folders.rules]] section: files of a folder that the server shall index in another way."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from kbsync.config.parse import Patterns, Section, text
from kbsync.config.process_rule import ProcessRule
from kbsync.model import Processing


def _not_empty(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError('must hold at least one pattern such as "*.csv" or "contracts/"')
    return value


class RuleSettings(Section):
    """One rule; what it leaves out is as the folder says.

    A dataset has one indexing_technique and one doc_form, so a rule cannot have its own.
    """

    match: Annotated[Patterns, AfterValidator(_not_empty)]
    process_rule: ProcessRule | None = None
    doc_language: Annotated[str, BeforeValidator(text(1, 64))] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.process_rule is None and self.doc_language is None:
            raise ValueError("a rule needs a process_rule, or a doc_language, or both")
        return self

    def processing(self, folder: Processing) -> Processing:
        """How the server shall index what this rule selects."""
        return Processing(
            indexing_technique=folder.indexing_technique,
            process_rule=(
                folder.process_rule if self.process_rule is None else self.process_rule.payload()
            ),
            doc_form=folder.doc_form,
            doc_language=self.doc_language or folder.doc_language,
        )
