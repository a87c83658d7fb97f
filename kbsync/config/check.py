"""A [[checks]] section: a question whose answer proves that the knowledge base is up to date."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, model_validator

from kbsync.config.parse import Section, text
from kbsync.model import QUERY_LENGTH

_LONGEST_QUESTION = 2000


def texts(value: object) -> tuple[str, ...]:
    """A list of texts, none of them empty.

    Raises:
        ValueError: anything else.
    """
    if not isinstance(value, list | tuple) or not all(
        isinstance(item, str) and item.strip() and item.isprintable() for item in value
    ):
        raise ValueError('must be a list of texts such as ["36 hours"]')
    return tuple(value)


class CheckSettings(Section):
    """One question; `folder` is whose dataset is searched, None asks the application.

    `sources` are files, as FOLDER/relative/path, that the answer must rest on, unchanged since they
    were indexed; `words` must occur in it, whatever their case.
    """

    question: Annotated[str, BeforeValidator(text(1, _LONGEST_QUESTION))]
    folder: str | None = None
    sources: Annotated[tuple[str, ...], BeforeValidator(texts)] = ()
    words: Annotated[tuple[str, ...], BeforeValidator(texts)] = ()

    @model_validator(mode="after")
    def _says_what_it_expects(self) -> Self:
        if not self.sources and not self.words:
            raise ValueError("a check needs sources, or words, or both")
        if self.folder is not None and len(self.question) > QUERY_LENGTH:
            raise ValueError(f"a search takes {QUERY_LENGTH} characters; shorten the question")
        return self
