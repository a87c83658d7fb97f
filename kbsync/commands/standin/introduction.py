"""What the stand-in says before it serves: what it is, and a configuration to try it with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kbsync.commands.standin.address import reached_as
from kbsync.commands.standin.wish import Wish
from kbsync.config.addresses import is_loopback
from kbsync.log import printable

if TYPE_CHECKING:
    from kbsync.standin import StandIn

_DATASET = "Documents"


def introduce(standin: StandIn, wish: Wish, host: str, port: int) -> None:
    """Print the address, the keys, what goes wrong by request, and a configuration."""
    url = f"http://{reached_as(host)}:{port}/v1"
    dataset = _dataset(standin, wish)
    kept = "in memory, gone when it stops" if wish.data is None else printable(str(wish.data))
    click.echo(f"kbsync {click.style('stand-in', bold=True)}: this is not Dify.")
    click.echo(
        f"It answers the dataset API {_as_what(wish)}, searches by keywords, and answers questions"
        " with sentences that it finds.\n"
        f"\n"
        f"  base URL  {click.style(url, bold=True)}\n"
        f"  key       {click.style(wish.key, bold=True)}\n"
        f"  app keys  {standin.app_key} (chat), {standin.workflow_key}\n"
        f"  data      {kept}"
    )
    for fault in standin.faults.active:
        click.echo(f"  fault     {fault.kind} ({fault.times or 'always'})")
    if not is_loopback(host):
        click.secho("\nOthers can reach it; key and documents travel unencrypted.", fg="yellow")
    example = _example(url, (wish.key, standin.app_key), wish, dataset)
    click.echo(f"\nA configuration for it, such as kbsync.toml:\n\n{example}")
    click.echo("Ctrl-C stops it.")


def _as_what(wish: Wish) -> str:
    return f"as Dify {wish.behave} does" if wish.dialect == "dify" else "in its older, simple form"


def _dataset(standin: StandIn, wish: Wish) -> str:
    """What a configuration names: the simple form can make no dataset, so there is one for it."""
    if wish.dialect == "dify":
        return _DATASET
    from kbsync.standin.store import Dataset

    found = standin.world.store.find(Dataset, "name = ?", _DATASET)
    return found[0].id if found else standin.create_dataset(_DATASET)


def _example(url: str, keys: tuple[str, str], wish: Wish, dataset: str) -> str:
    key, app_key = (key.replace("\\", "\\\\") for key in keys)
    lines = [
        "[server]",
        f'base_url = "{url}"',
        f'api_key = "{key}"',
        "",
        "[app]",
        f'api_key = "{app_key}"',
        "",
        "[[folders]]",
        'name = "documents"',
        'path = "/path/to/your/documents"',
        f'dataset = "{dataset}"',
    ]
    if wish.dialect == "dify":
        lines.append("create_dataset = true")
    if not wish.embedding_model:
        lines.append('indexing_technique = "economy"  # it has no embedding model')
    return "".join(f"  {line}".rstrip() + "\n" for line in lines)
