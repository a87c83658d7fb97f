"""A small company handbook, so that the demo has real documents to sync.

The documents lie in `files/` under ASCII names, because archives and installers do not agree on
how to keep others; `copy_to` gives those that need one their real name back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Final

QUESTION: Final = (
    "Who do I call when the autoclave shows fault E27?",
    "Lab/Autoclave fault card.docx",
)
"""A question in plain words, and the relative path of the one document that answers it."""

_REAL_NAMES: Final[Mapping[str, str]] = {
    "sites/athens/leave.md": "Αθήνα/Άδειες και αργίες.md",
    "sites/berlin/business-trips.md": "Urlaub & Reisen/Dienstreisen – Richtlinie.md",
    "sites/berlin/leave-request.md": "Urlaub & Reisen/Urlaubsantrag – so geht’s.md",
    "sites/tokyo/first-day.md": "東京オフィス/入社初日の案内.md",
}


def copy_to(target: Path) -> list[Path]:
    """Write every document below `target` and return the paths written, sorted.

    Missing folders are made; a file that is already there under the same name is overwritten,
    anything else in `target` is left alone.

    Raises:
        OSError: `target` cannot be written.
    """
    return sorted(_write(source, target / name) for name, source in _documents())


def _documents() -> Iterator[tuple[str, Traversable]]:
    """Each document's real relative path and the resource that holds its bytes."""
    for stored, source in _walk(files(__name__) / "files", PurePosixPath()):
        yield _REAL_NAMES.get(str(stored), str(stored)), source


def _walk(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, path / entry.name)
        else:
            yield path / entry.name, entry


def _write(source: Traversable, destination: Path) -> Path:
    destination.parent.mkdir(parents=True, exist_ok=True)
    destination.write_bytes(source.read_bytes())
    return destination
