"""`kbsync adopt`: take over what the datasets hold already."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import click

from kbsync.assembly import opened, selected
from kbsync.commands.options import as_json, configured, folder_names
from kbsync.config import Settings
from kbsync.engine import Adoption, Settled
from kbsync.engine.engine import Engine
from kbsync.log import printable
from kbsync.plurals import counted

_MEANING = {
    "same": "as on disk",
    "indexing": "as on disk, being indexed or looked into",
    "parts": "in parts, which the next run compares",
    "older": "not as on disk: replaced at the next run",
    "gone": "without a file: deleted at the next run, unless that is held",
    "failed": "whose file cannot be read now",
}


@click.command(name="adopt")
@folder_names
@click.option(
    "--apart",
    is_flag=True,
    help="Another instance's folder of the same name and files is somebody else's.",
)
@click.option("-v", "--verbose", is_flag=True, help="Tell it of each file.")
@as_json
@configured
def command(
    settings: Settings, folders: tuple[str, ...], apart: bool, verbose: bool, as_json: bool
) -> int:
    """Rebuild the ledger from the documents that the datasets hold; sends and deletes nothing.

    For a ledger that was lost: documents of ours are told by their names and metadata, and
    compared with the files by content. `kbsync reconcile` and `kbsync run` do the same by
    themselves before they send the first document of a folder. Documents of other instances, and
    those that kbsync did not make, are counted and left alone. Where each directory has a dataset
    of its own ({dir1}), those of the directories that are there now are looked into.

    Example: kbsync adopt handbook -v
    """
    told = []
    with opened(settings) as engine:
        engine.ledger.recover()
        for name in selected(settings, folders):
            adoption = engine.adopt(name, apart=apart)
            files = list(_settled(engine, name))
            told.append(_as_json(adoption, files))
            if not as_json:
                _print(adoption, files, verbose=verbose)
    if as_json:
        click.echo(json.dumps({"folders": told}, indent=2))
    return 0


def _settled(engine: Engine, name: str) -> Iterator[Settled]:
    while (settled := engine.settle_one([name])) is not None:
        yield settled


def _print(adoption: Adoption, files: list[Settled], *, verbose: bool) -> None:
    name = adoption.folder
    if not adoption.listed:
        click.echo(f"{name}: this server's API style lists no documents: nothing can be adopted")
        return
    for settled in sorted(files, key=lambda one: one.key) if verbose else ():
        click.echo(f"{settled.what:<8} {name}/{printable(settled.key.path)}")
    click.echo(f"{name}: {counted(len(files), 'file')} adopted")
    counts = Counter(settled.what for settled in files)
    for what, meaning in _MEANING.items():
        if counts[what]:
            click.echo(f"  {counts[what]} {meaning}")
    rest = {f"of {printable(source)}, left alone": n for source, n in adoption.others.items()}
    rest |= {
        "of a file that is there twice: deleted at the next run": adoption.twins,
        "that the ledger told of and that are gone: sent again at the next run": adoption.lost,
        "of an instance that cannot be told, left alone": adoption.unknown,
        "not made by kbsync, left alone": adoption.unmanaged,
    }
    for meaning, count in rest.items():
        if count:
            click.echo(f"  {counted(count, 'document')} {meaning}")


def _as_json(adoption: Adoption, files: list[Settled]) -> dict[str, object]:
    return {
        "name": adoption.folder,
        "dataset_id": adoption.dataset_id,
        "listed": adoption.listed,
        "adopted": [
            {"path": printable(settled.key.path), "found": settled.what} for settled in files
        ],
        "twins": adoption.twins,
        "lost": adoption.lost,
        "others": dict(adoption.others),
        "unknown": adoption.unknown,
        "unmanaged": adoption.unmanaged,
    }
