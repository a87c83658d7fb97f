"""Which dataset shall equal the folder: one of those that are there, or a new one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from kbsync.backend.interface import Backend
from kbsync.commands.init.writing import Target
from kbsync.config.folder import dataset_name
from kbsync.errors import Denied, Unavailable
from kbsync.log import printable
from kbsync.model import Dataset
from kbsync.places import LONGEST_NAME
from kbsync.plurals import counted

_LONGEST_LIST = 40
_NUMBER, _QUOTED = re.compile(r"[+-]?\d+"), re.compile(r'".*"')
_DEFAULT_TECHNIQUE, _DEFAULT_FORM = "high_quality", "text_model"


def chosen(backend: Backend, folder: Path, given: str | None) -> Target:
    """The dataset that is meant; asked for unless it was given. Raises BackendError."""
    if not backend.lists:
        return Target(given or _by_id(backend))
    known = backend.datasets()
    if given is not None:
        return _target(backend, _existing(backend, known, given), given)
    _show(known)
    while True:
        answer: str = click.prompt(
            f"Knowledge base for {printable(str(folder))}:"
            f" {'a number, or the name of a new one' if known else 'name of a new one'}",
            default=_typed(folder.name[:LONGEST_NAME]) or None,
            value_proc=lambda text: _meant(known, text),
            err=True,
        )
        try:
            return _target(backend, _existing(backend, known, answer), answer)
        except Denied as error:
            click.echo(f"  {click.style('no', fg='red', bold=True)}: {error}", err=True)


def _by_id(backend: Backend) -> str:
    def checked(text: str) -> str:
        try:
            return backend.dataset(text.strip()).id
        except Denied as error:
            raise click.UsageError(str(error)) from None

    answer: str = click.prompt("Id of the knowledge base", value_proc=checked, err=True)
    return answer


def _show(known: Sequence[Dataset]) -> None:
    click.echo(
        "Knowledge bases that this key may see:" if known else "No knowledge base yet.", err=True
    )
    for number, dataset in enumerate(known[:_LONGEST_LIST], 1):
        told = counted(dataset.document_count or 0, "document")
        technique = dataset.indexing_technique or "not used yet"
        click.echo(f"  {number:>3}  {printable(dataset.name):<40}  {told}, {technique}", err=True)
    if len(known) > _LONGEST_LIST:
        click.echo(
            f"       and {len(known) - _LONGEST_LIST} more, which are chosen by name", err=True
        )


def _typed(name: str) -> str:
    """A name as it is to be typed, so that it is no number of the list."""
    return f'"{name}"' if _NUMBER.fullmatch(name) else name


def _meant(known: Sequence[Dataset], text: str) -> str:
    """A name, or an id where names are not enough, of what was typed.

    A number stands for a line of the list; what is in quotes is a name.
    """
    text = text.strip()
    if _NUMBER.fullmatch(text) and known:
        return _numbered(known[:_LONGEST_LIST], int(text), Counter(one.name for one in known))
    try:
        return dataset_name(text[1:-1] if _QUOTED.fullmatch(text) else text)
    except ValueError as error:
        raise click.UsageError(f"it {error}") from None


def _numbered(listed: Sequence[Dataset], number: int, names: Mapping[str, int]) -> str:
    if not 1 <= number <= len(listed):
        raise click.UsageError(
            f"there is no number {number} in the list: 1 to {len(listed)} can be chosen; in quotes,"
            f' "{number}", it is a name'
        )
    dataset = listed[number - 1]
    return dataset.name if names[dataset.name] == 1 else dataset.id


def _existing(backend: Backend, known: Sequence[Dataset], reference: str) -> Dataset | None:
    """The dataset of this name or id, checked to take documents, or None when it is a new name."""
    if reference in {dataset.name for dataset in known} or Target(reference).is_made is False:
        return backend.dataset(reference)
    return None


def _target(backend: Backend, dataset: Dataset | None, reference: str) -> Target:
    """How its documents must be indexed: as those that it has, or as the server can."""
    technique = dataset.indexing_technique if dataset else None
    if technique is None and _lacks_model(backend):
        click.echo(
            "  This Dify has no embedding model: passages will be found by keyword only (economy)."
            " To find\n  them by meaning, set a model up in Dify first (Settings > Model Provider)"
            " and start again.",
            err=True,
        )
        technique = "economy"
    form = dataset.doc_form if dataset else None
    return Target(
        reference,
        None if technique == _DEFAULT_TECHNIQUE else technique,
        None if form == _DEFAULT_FORM else form,
    )


def _lacks_model(backend: Backend) -> bool:
    """Whether the server is known to have none; that it cannot tell is for doctor to say."""
    try:
        return backend.embeds is False
    except Unavailable:
        return False
