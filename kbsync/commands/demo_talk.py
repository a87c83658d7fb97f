"""How the demo talks: headings, paragraphs, counts, and a question to ask."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Sequence

import click
from rich.console import Console
from rich.text import Text

from kbsync.standin import StoredDocument
from kbsync.standin.split import STOP_WORDS

_WIDTH = 80
_ENOUGH_WORDS, _MOST_WORDS = 3, 6
_TRIED, _TRIED_LINES, _LONGEST_LINE = 50, 5, 400

_CALLS = {
    "uploads": ("create", "update"),
    "deletions": ("delete",),
    "about indexing": ("list", "get", "progress"),
    "for metadata": ("metadata", "field-list", "field-create"),
    "for the dataset": ("dataset-list", "dataset-get", "dataset-create"),
}


def heading(number: int, title: str) -> None:
    """Begin a step."""
    click.echo()
    if sys.stdout.isatty():
        _console().rule(Text(f"{number}  {title}", style="bold"), align="left", style="cyan")
    else:
        click.echo(f"== {number}. {title}")
    click.echo()


def say(text: str, *, indent: int = 0, bold: bool = False) -> None:
    """Print a text in lines that fit."""
    console = _console()
    for line in Text(text).wrap(console, console.width - indent):
        click.echo(" " * indent + click.style(line.plain.rstrip(), bold=bold))


def _console() -> Console:
    """Of the terminal's width, but no wider than a page."""
    console = Console(highlight=False)
    console.width = min(console.width, _WIDTH)
    return console


def told_calls(calls: Counter[str]) -> str:
    """Requests by what they were for, in words."""
    left = Counter(calls)
    parts = []
    for title, kinds in _CALLS.items():
        count = sum(left.pop(kind, 0) for kind in kinds)
        if count:
            shown = title.removesuffix("s") if count == 1 else title
            parts.append(f"{count} {shown}")
    parts += [f"{count} {kind}" for kind, count in left.items()]
    return ", ".join(parts) or "none"


def question_about(
    documents: Sequence[StoredDocument],
) -> tuple[StoredDocument, str] | None:
    """A document, and words that stand together in a line of it and in no other document."""
    texts = {document.id: document.text for document in documents if document.segments}
    candidates = [document for document in documents if document.id in texts]
    for document in candidates[:: 1 + len(candidates) // _TRIED]:
        others = [text for other, text in texts.items() if other != document.id]
        for words in map(_telling, _lines(document.text)):
            in_another = any(all(word in text for word in words) for text in others)
            if len(words) >= _ENOUGH_WORDS and not in_another:
                return document, " ".join(words)
    return None


def _lines(text: str) -> list[str]:
    """Lines that are long, but not so long that they could be cut between two segments."""
    lines = [line for line in text[:20_000].splitlines() if len(line) <= _LONGEST_LINE]
    return sorted(lines, key=len, reverse=True)[:_TRIED_LINES]


def _telling(line: str) -> list[str]:
    """The first words of a line that a search by keywords goes by."""
    words = dict.fromkeys(re.findall(r"\b\w{4,30}\b", line))
    return [word for word in words if word.lower() not in STOP_WORDS][:_MOST_WORDS]
