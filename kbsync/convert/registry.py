"""Which type is converted how."""

from __future__ import annotations

import functools
from importlib import import_module, metadata, util
from typing import cast

from kbsync.convert.interface import Converter, Family
from kbsync.formats import LANGUAGES

_MARKITDOWN = ("markitdown",)

CONVERTERS: dict[str, Converter] = {
    **dict.fromkeys(LANGUAGES, Converter("fenced", "md", apart=False)),
    **dict.fromkeys(("adoc", "rst"), Converter("plain", "txt", apart=False)),
    "eml": Converter("mail", "md"),
    "epub": Converter("office", "md", package="markitdown", modules=_MARKITDOWN),
    "ipynb": Converter("notebooks", "md"),
    "msg": Converter("office", "md", package="markitdown", modules=(*_MARKITDOWN, "olefile")),
    "odt": Converter("opendocument", "md"),
    "pptx": Converter("office", "md", package="markitdown", modules=(*_MARKITDOWN, "pptx")),
    "rtf": Converter("richtext", "txt", package="striprtf", modules=("striprtf",)),
}

#: The server takes it; whether there is text in it is looked at before it is sent.
PDF = Converter("pdf", "pdf", modules=("pypdfium2",))
#: One that is too large is split.
PDF_PAGES = Converter("pages", "pdf", modules=("pypdfium2",))
#: One that is pictures of pages is read where a folder says so.
RECOGNITION = Converter("recognition", "pdf")


def family(converter: Converter) -> Family:
    """The module that converts, imported."""
    return cast("Family", import_module(f"kbsync.convert.{converter.family}"))


def is_ready(converter: Converter) -> bool:
    """Whether all that it needs is installed."""
    return all(util.find_spec(module) is not None for module in converter.modules)


def ready(wanted: frozenset[str]) -> frozenset[str]:
    """Those of these types that can be converted here."""
    return frozenset(extension for extension in wanted if is_ready(CONVERTERS[extension]))


@functools.cache
def tag(extension: str) -> str:
    """What stands for a type's converter in a recipe."""
    converter = CONVERTERS[extension]
    own = f"{converter.family}-{converter.revision}"
    if converter.package is None:
        return own
    return f"{own} {converter.package}-{metadata.version(converter.package)}"
