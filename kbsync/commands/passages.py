"""How found passages are shown: the file, whether it is as indexed, the lines that matter."""

from __future__ import annotations

import re
from collections.abc import Mapping

import click

from kbsync.engine.searching import Freshness, Origin, Passage
from kbsync.log import printable
from kbsync.model import Hit

_LINES = 5
_LONGEST = 400
_COLOURS = {
    Freshness.CURRENT: "green",
    Freshness.CHANGED: "yellow",
    Freshness.GONE: "red",
    Freshness.UNKNOWN: "red",
}


def heading(number: int, document_name: str, origin: Origin | None) -> str:
    """One line: the local path with its freshness, or the document of somebody else."""
    if origin is None:
        return f"[{number}] {printable(document_name)}  (a document that no file here belongs to)"
    mark = click.style(origin.freshness.value, fg=_COLOURS[origin.freshness])
    return f"[{number}] {click.style(printable(origin.file), bold=True)}  ({mark})"


def excerpt(text: str, question: str) -> list[str]:
    """The few lines of a passage that share most words with the question."""
    wanted = _words(question)
    lines = [printable(line.strip())[:_LONGEST] for line in text.splitlines() if line.strip()]
    parts = [lines[at : at + _LINES] for at in range(max(1, len(lines)))]
    return max(reversed(parts), key=lambda part: len(wanted & _words(" ".join(part))))


def highlighted(line: str, question: str) -> str:
    """A line with the words of the question marked, as far as the terminal can."""
    words = sorted(map(re.escape, _words(question)), key=len, reverse=True)
    if not words:
        return line
    pattern = re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)
    return pattern.sub(lambda found: click.style(found[0], fg="yellow", bold=True), line)


def show(passage: Passage, number: int, question: str) -> None:
    """Print a passage."""
    hit = passage.hit
    click.echo(heading(number, hit.document_name, passage.origin) + _score(hit))
    for line in excerpt(hit.text, question):
        click.echo(f"    {highlighted(line, question)}")


def facts(hit: Hit, origin: Origin | None) -> Mapping[str, object]:
    """A passage for programs."""
    return {
        "folder": origin and origin.key.folder,
        "path": origin and printable(origin.key.path),
        "file": origin and printable(origin.file),
        "freshness": origin and origin.freshness.name.lower(),
        "document_id": hit.document_id,
        "document": hit.document_name,
        "score": hit.score,
        "text": hit.text,
    }


def _score(hit: Hit) -> str:
    return f"  {hit.score:.2f}" if hit.score else ""


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))
