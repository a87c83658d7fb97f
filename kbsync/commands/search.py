"""`kbsync search`: find passages in what was synced, with the files they are from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import click

from kbsync.assembly import looking, selected
from kbsync.commands.options import as_json, configured
from kbsync.commands.passages import facts, show
from kbsync.config import Settings
from kbsync.errors import ConfigError
from kbsync.model import QUERY_LENGTH, Condition, SearchMethod

_METHODS: Mapping[str, SearchMethod] = {
    "keyword": "keyword_search",
    "semantic": "semantic_search",
    "fulltext": "full_text_search",
    "hybrid": "hybrid_search",
}
_OPERATORS = {"!=": "is not", "=": "is", "~": "contains"}
_WHERE = re.compile(r"(\w+)(!=|=|~)(.+)")


@click.command(name="search")
@click.argument("words", metavar="QUERY...", nargs=-1, required=True)
@click.option(
    "--folder", "folders", multiple=True, help="Only in this folder's dataset; repeatable."
)
@click.option(
    "--method", type=click.Choice(list(_METHODS)), help="How; else as the dataset is set up."
)
@click.option(
    "--where",
    multiple=True,
    metavar="NAME=VALUE",
    help="Only documents with this metadata: NAME=VALUE, NAME!=VALUE, NAME~PART; repeatable.",
)
@click.option("-n", "--limit", type=click.IntRange(1, 100), default=5, show_default=True)
@as_json
@configured
def command(
    settings: Settings,
    words: tuple[str, ...],
    folders: tuple[str, ...],
    method: str | None,
    where: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> int:
    """Find QUERY in the datasets of all folders; tell each passage's file and whether it changed.

    A server takes 250 characters; a longer query is cut, and you are told so.

    Example: kbsync search "voucher for the guest Wi-Fi" --where kbsync_path~IT/
    """
    query = _cut(" ".join(words).strip())
    with looking(settings) as engine:
        try:
            found = engine.search(
                selected(settings, folders),
                query,
                limit=limit,
                method=_METHODS[method] if method else None,
                where=[_condition(text) for text in where],
            )
        finally:
            engine.close()
    if as_json:
        results = [facts(passage.hit, passage.origin) for passage in found]
        click.echo(json.dumps({"query": query, "results": results}, indent=2))
        return 0
    for number, passage in enumerate(found, 1):
        show(passage, number, query)
    if not found:
        click.echo(f"nothing found for {query!r}")
    return 0


def _cut(query: str) -> str:
    if not query:
        raise ConfigError("the query is empty; give the words to look for")
    if len(query) > QUERY_LENGTH:
        click.echo(
            f"kbsync: the query has {len(query)} characters; only the first {QUERY_LENGTH} are"
            " searched for, as more are refused by the server",
            err=True,
        )
    return query[:QUERY_LENGTH]


def _condition(text: str) -> Condition:
    found = _WHERE.fullmatch(text)
    if found is None:
        raise ConfigError(f"--where {text}: write NAME=VALUE, NAME!=VALUE or NAME~PART")
    return Condition(found[1], _OPERATORS[found[2]], found[3])
