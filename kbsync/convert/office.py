"""Presentations, electronic books and Outlook messages, by markitdown.

Its converters are called one by one: the whole of it would load a model to guess what we know.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

from markitdown import DocumentConverter, StreamInfo
from markitdown.converters import EpubConverter, OutlookMsgConverter, PptxConverter

_CONVERTERS: Mapping[str, type[DocumentConverter]] = {
    "epub": EpubConverter,
    "msg": OutlookMsgConverter,
    "pptx": PptxConverter,
}


def convert(body: bytes, extension: str) -> str:
    """The document as Markdown."""
    found = _CONVERTERS[extension]().convert(
        io.BytesIO(body), StreamInfo(extension=f".{extension}")
    )
    return found.markdown.strip()
