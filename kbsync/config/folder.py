"""A [[folders]] section: one directory tree, one knowledge base, and the rules between them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from kbsync import fields, places
from kbsync.config.cron import cron
from kbsync.config.parse import (
    Duration,
    Flag,
    Names,
    Patterns,
    Place,
    PositiveDuration,
    Section,
    Size,
    choice,
    size,
    text,
    whole,
)
from kbsync.config.process_rule import ProcessRule
from kbsync.config.rule import RuleSettings
from kbsync.formats import CONVERTIBLE, DOCUMENTS
from kbsync.model import SERVER_TYPES, Processing

_FOLDER_NAME = re.compile(r"[\w.-]{1,64}")
_LANGUAGES = re.compile(r"[a-z]{3}[a-z_]*(\+[a-z]{3}[a-z_]*)*")

#: A dataset's name as Dify allows it; a UUID is one, too.
dataset_name = text(1, places.LONGEST_NAME)


def dataset_names(value: object) -> str:
    """A dataset's name, or one with placeholders; raises ValueError."""
    name = dataset_name(value)
    places.check(name)
    return name


def folder_name(value: object) -> str:
    """A folder's name: 1 to 64 letters, digits, `.`, `_` and `-`, in one Unicode form.

    Raises:
        ValueError: anything else.
    """
    name = unicodedata.normalize("NFC", value) if isinstance(value, str) else ""
    if not _FOLDER_NAME.fullmatch(name):
        raise ValueError('must be 1 to 64 letters, digits, ".", "_" or "-"')
    return name


def convertible(value: object) -> frozenset[str]:
    """The types that are converted: a group of them, or a list.

    Raises:
        ValueError: anything else, or a type that cannot be converted.
    """
    groups = {"off": frozenset[str](), "documents": DOCUMENTS, "all": CONVERTIBLE}
    if isinstance(value, str) and value in groups:
        return groups[value]
    items = value if isinstance(value, list | tuple | frozenset) else None
    if items is None or not all(isinstance(item, str) for item in items):
        raise ValueError('must be "off", "documents", "all", or a list such as ["pptx", "eml"]')
    for item in items:
        if item in SERVER_TYPES:
            raise ValueError(f'must not name "{item}": the server takes it as it is')
        if item not in CONVERTIBLE:
            known = ", ".join(sorted(CONVERTIBLE))
            raise ValueError(f'must not name "{item}"; there are {known}')
    return frozenset(items)


def languages(value: object) -> str:
    """Languages as tesseract names them, joined with "+"; "" for none. Raises ValueError."""
    if isinstance(value, str) and (not value or _LANGUAGES.fullmatch(value)):
        return value
    raise ValueError('must be languages as tesseract names them, such as "eng" or "eng+deu"')


def size_or_none(value: object) -> int:
    """Bytes as `size`, or 0 for none; raises ValueError."""
    return 0 if value == 0 and not isinstance(value, bool) else size(value)


def metadata_fields(value: object) -> dict[str, fields.Template]:
    """Fields by name, each a constant or a text with placeholders.

    Raises:
        ValueError: anything else.
    """
    given = value if isinstance(value, Mapping) else None
    if given is None:
        raise ValueError('must be fields such as { team = "{dir1}", link = "https://x/{path}" }')
    for name, template in given.items():
        fields.check(str(name), template)
    return dict(given)


def _some_wanted(include: tuple[str, ...]) -> tuple[str, ...]:
    if include and all(pattern.startswith("!") for pattern in include):
        raise ValueError(
            'must hold a pattern without "!", or nothing is wanted; what to leave out belongs to'
            " exclude"
        )
    return include


class FolderSettings(Section):
    """One folder; `path` is absolute and as configured: it may be missing, or be a link."""

    name: Annotated[str, BeforeValidator(folder_name)]
    path: Place
    dataset: Annotated[str, BeforeValidator(dataset_names)]
    create_dataset: Flag = False
    max_documents: Annotated[int, whole(0)] = 0
    include: Annotated[Patterns, AfterValidator(_some_wanted)] = ()
    exclude: Patterns = ()
    exclude_if_present: Names = ()
    exclude_caches: Flag = True
    schedule: Annotated[str, BeforeValidator(cron)] | None = None
    every: PositiveDuration | None = None
    watch: Annotated[
        Literal["auto", "native", "poll", "off"], choice("auto", "native", "poll", "off")
    ] = "auto"
    poll_interval: PositiveDuration = 60.0
    settle: Duration = 2.0
    max_delay: PositiveDuration = 60.0
    replace: Annotated[Literal["gap_free", "in_place"], choice("gap_free", "in_place")] = "gap_free"
    on_delete: Annotated[
        Literal["delete", "disable", "archive", "keep"],
        choice("delete", "disable", "archive", "keep"),
    ] = "delete"
    trash_days: Annotated[int, whole(0, 3650)] = 0
    max_delete_count: Annotated[int, whole(0)] = 100
    max_delete_percent: Annotated[int, whole(0, 100)] = 50
    audit: Duration = 86_400.0
    drift: Annotated[
        Literal["report", "restore", "accept"], choice("report", "restore", "accept")
    ] = "report"
    convert: Annotated[frozenset[str], BeforeValidator(convertible)] = frozenset()
    ocr: Annotated[str, BeforeValidator(languages)] = ""
    min_size: Size = 1
    max_size: Size = 15 * 2**20
    split_up_to: Annotated[int, BeforeValidator(size_or_none)] = 100 * 2**20
    indexing_technique: Annotated[
        Literal["high_quality", "economy"], choice("high_quality", "economy")
    ] = "high_quality"
    process_rule: ProcessRule = Field(default_factory=lambda: ProcessRule(mode="automatic"))
    doc_form: Annotated[
        Literal["text_model", "qa_model", "hierarchical_model"],
        choice("text_model", "qa_model", "hierarchical_model"),
    ] = "text_model"
    doc_language: Annotated[str, BeforeValidator(text(1, 64))] = "English"
    metadata: Annotated[Mapping[str, fields.Template], BeforeValidator(metadata_fields)] = Field(
        default_factory=dict
    )
    strip_front_matter: Flag = False
    rules: tuple[RuleSettings, ...] = ()

    def processing(self) -> Processing:
        """How the server shall index this folder's documents."""
        return Processing(
            indexing_technique=self.indexing_technique,
            process_rule=self.process_rule.payload(),
            doc_form=self.doc_form,
            doc_language=self.doc_language,
        )

    @model_validator(mode="after")
    def _patterns_start_here(self) -> Self:
        for name, patterns in (("include", self.include), ("exclude", self.exclude)):
            for pattern in patterns:
                below = pattern.removeprefix("!").removeprefix(str(self.path))
                if below.startswith("/") and below != pattern.removeprefix("!"):
                    raise ValueError(
                        f'{name} = "{pattern}" matches nothing: patterns start at the folder;'
                        f' write "{below}"'
                    )
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.schedule is not None and self.every is not None:
            raise ValueError("schedule and every exclude each other; keep one of them")
        if not places.Places(self.dataset, self.max_documents).is_one and not self.create_dataset:
            several = "max_documents" if self.max_documents else f'dataset = "{self.dataset}"'
            raise ValueError(f"{several} needs create_dataset = true: more than one is made")
        if self.max_documents:
            places.check_row(self.dataset)
        if self.max_delay < self.settle:
            raise ValueError("max_delay must not be shorter than settle")
        if self.trash_days and self.on_delete != "delete":
            raise ValueError('trash_days needs on_delete = "delete"; nothing else deletes')
        if self.min_size > self.max_size:
            raise ValueError("min_size must not be larger than max_size")
        self._check_hierarchy(self.process_rule)
        for rule in self.rules:
            if rule.process_rule is not None:
                self._check_hierarchy(rule.process_rule)
        return self

    def _check_hierarchy(self, process_rule: ProcessRule) -> None:
        hierarchical = process_rule.mode == "hierarchical"
        if self.doc_form == "hierarchical_model" and not hierarchical:
            raise ValueError(
                'doc_form = "hierarchical_model" needs process_rule with mode = "hierarchical"; '
                "the server would index it without a single segment"
            )
        if hierarchical and self.doc_form != "hierarchical_model":
            raise ValueError(
                'process_rule with mode = "hierarchical" needs doc_form = "hierarchical_model"'
            )
        if hierarchical and self.indexing_technique != "high_quality":
            raise ValueError(
                'doc_form = "hierarchical_model" needs indexing_technique = "high_quality"'
            )
