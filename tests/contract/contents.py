"""Recipes of the record turned into bytes and values."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Mapping
from typing import Any

from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

PLAIN = "# Heading\n\nSome ordinary body text about turbines and rotors.\n"


def filled(value: Any, words: Mapping[str, str]) -> Any:
    """The value with ``{words}`` replaced and ``repeat`` and ``times`` recipes carried out."""
    match value:
        case str():
            return re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], found[0]), value)
        case {"repeat": [str(part), int(times)], **rest}:
            return f"{rest.get('before', '')}{part * times}{rest.get('after', '')}"
        case {"times": [item, int(times)]}:
            return [filled(item, words)] * times
        case dict():
            return {key: filled(item, words) for key, item in value.items()}
        case list():
            return [filled(item, words) for item in value]
        case _:
            return value


def content(recipe: Mapping[str, Any] | None) -> bytes:
    """The bytes of an uploaded file; without a recipe the plain text that most rows upload."""
    match recipe:
        case None:
            return PLAIN.encode()
        case {"text": str(text)}:
            return text.encode(recipe.get("encoding", "utf-8"))
        case {"repeat": [str(part), int(times)]}:
            return part.encode() * times
        case {"kind": "junk", "bytes": int(size)}:
            return random.Random(7).randbytes(size)
        case {"kind": "text-pdf"}:
            return _pdf("A page about turbines and rotors.")
        case {"kind": "half-pdf"}:
            whole = _pdf("A page about turbines and rotors.")
            return whole[: len(whole) // 2]
        case {"kind": "blank-pdf"}:
            return _pdf("")
        case {"kind": "password-pdf"}:
            return _pdf("A page about turbines and rotors.", password="secret")
        case _:
            raise ValueError(recipe)


def _pdf(text: str, password: str | None = None) -> bytes:
    buffer = io.BytesIO()
    lock = StandardEncryption(password, canPrint=0) if password else None
    canvas = Canvas(buffer, invariant=True, encrypt=lock)
    if text:
        canvas.drawString(72, 720, text)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()
