"""The configured folders as the engine needs them."""

from __future__ import annotations

from collections.abc import Sequence

from kbsync import formats, plan
from kbsync.config import FolderSettings, Settings
from kbsync.engine import Folder
from kbsync.errors import ConfigError
from kbsync.fields import Fields
from kbsync.filters import Filters, Selection
from kbsync.holds import Limits
from kbsync.model import SERVER_TYPES
from kbsync.places import Places
from kbsync.recipes import Recipes


def folder_of(settings: FolderSettings) -> Folder:
    """A configured folder as the engine needs it."""
    processing, places = settings.processing(), Places(settings.dataset, settings.max_documents)
    ready = _convertible(settings.convert)
    filters = Filters(
        settings.include,
        settings.exclude,
        SERVER_TYPES | ready,
        markers=settings.exclude_if_present,
        caches=settings.exclude_caches,
        min_size=settings.min_size,
        refusals=formats.refusals(settings.convert, ready),
        split_types=ready | _splittable() if settings.split_up_to else frozenset(),
        split_up_to=settings.split_up_to,
        placeless=places.refusal,
    )
    recipes = Recipes(
        processing,
        [(Selection("match", rule.match), rule.processing(processing)) for rule in settings.rules],
        _converter_of,
        formats.CONVERTIBLE | (formats.MARKDOWN if settings.strip_front_matter else frozenset()),
    )
    rules = plan.Rules(
        recipe_of=recipes.recipe_of,
        on_delete=settings.on_delete,
        trash_days=settings.trash_days,
        limits=Limits(settings.max_delete_count, settings.max_delete_percent),
        ocr=bool(settings.ocr) and _recognises(),
    )
    return Folder(
        name=settings.name,
        root=str(settings.path),
        places=places,
        filters=filters,
        rules=rules,
        recipes=recipes,
        fields=Fields(settings.metadata),
        processing=processing,
        max_size=settings.max_size,
        create_dataset=settings.create_dataset,
        in_place=settings.replace == "in_place",
        strip_front_matter=settings.strip_front_matter,
        ocr=settings.ocr,
    )


def _convertible(wanted: frozenset[str]) -> frozenset[str]:
    if not wanted:
        return wanted
    from kbsync.convert.registry import ready  # noqa: PLC0415 - only for folders that convert

    return ready(wanted)


def _splittable() -> frozenset[str]:
    from kbsync.convert.registry import PDF_PAGES, is_ready  # noqa: PLC0415 - as above

    return formats.SPLITTABLE if is_ready(PDF_PAGES) else formats.SPLITTABLE - {"pdf"}


def _recognises() -> bool:
    from kbsync.convert.recognition import is_there  # noqa: PLC0415 - as above

    return is_there()


def _converter_of(extension: str) -> str:
    if extension in formats.MARKDOWN:
        return "without front matter"
    from kbsync.convert.registry import tag  # noqa: PLC0415 - only when such a file is met

    return tag(extension)


def selected(settings: Settings, names: Sequence[str]) -> list[str]:
    """The folders that are meant: these, or all; raises ConfigError for an unknown one."""
    known = [folder.name for folder in settings.folders]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(f"no folder named {unknown[0]!r}; there are: {', '.join(known)}")
    return [name for name in known if not names or name in names]
