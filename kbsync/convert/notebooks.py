"""Jupyter notebooks: prose as it is, code in fences, and what was printed."""

from __future__ import annotations

import json
from collections.abc import Iterator

from kbsync.convert.texts import as_utf8
from kbsync.errors import FileError

#: Of each output; a table that was printed whole says no more.
_MOST_SHOWN = 2000


def convert(body: bytes, extension: str) -> str:  # noqa: ARG001 - as every family's
    """The cells in their order."""
    notebook: object = json.loads(as_utf8(body))
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise FileError("it is no notebook of format 4: it has no cells")
    language = _language(notebook)
    return "\n\n".join(part for cell in cells for part in _cell(cell, language) if part.strip())


def _language(notebook: object) -> str:
    found = notebook
    for name in ("metadata", "language_info", "name"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) and found.isalnum() else "python"


def _cell(cell: object, language: str) -> Iterator[str]:
    if not isinstance(cell, dict):
        return
    source = _text(cell.get("source"))
    if cell.get("cell_type") != "code":
        yield source
        return
    yield f"```{language}\n{source}\n```" if source.strip() else ""
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else []:
        shown = _shown(output)[:_MOST_SHOWN].rstrip()
        yield f"```\n{shown}\n```" if shown else ""


def _shown(output: object) -> str:
    if not isinstance(output, dict):
        return ""
    data = output.get("data")
    rich = data.get("text/plain") if isinstance(data, dict) else None
    return _text(output.get("text") if rich is None else rich)


def _text(value: object) -> str:
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""
