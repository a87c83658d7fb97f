"""Every command with its options, as click knows them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from kbsync.cli import COMMANDS, cli

_INTRODUCTION = """\
# Commands

Every command takes `--help`, which ends with an example, and `--config`; those that print data take
`--json`.
"""


def commands() -> str:
    """The page."""
    root = click.Context(cli, info_name="kbsync", **cli.context_settings)
    return "\n".join([_INTRODUCTION, *_all(root)])


def _all(root: click.Context) -> Iterator[str]:
    for name, summary in COMMANDS.items():
        command = cli.get_command(root, name)
        if command is None:
            raise LookupError(name)
        context = click.Context(command, info_name=name, parent=root)
        yield f"## kbsync {name} {{ #{name} }}\n"
        yield f"*{summary}*\n"
        usage = " ".join(["kbsync", name, *command.collect_usage_pieces(context)])
        yield f"```text\n{usage}\n```\n"
        yield _help(command)
        yield from _options(command, context)


def _help(command: click.Command) -> str:
    """The help's paragraphs; what it keeps as it is becomes a block."""
    text = inspect.cleandoc(command.help or "")
    told = []
    for paragraph in text.split("\n\n"):
        kept = paragraph.removeprefix("\b").strip("\n")
        if example := re.match(r"Example: (.+)", kept, re.DOTALL):
            told.append(f"```console\n$ {example[1]}\n```")
        elif kept != paragraph:
            told.append(f"```text\n{kept}\n```")
        else:
            told.append(paragraph.replace("<", "&lt;"))
    return "\n\n".join(told) + "\n"


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    rows = [
        record
        for parameter in command.get_params(context)
        if (record := parameter.get_help_record(context)) is not None
    ]
    if rows:
        yield "| option | |\n|---|---|"
        for option, text in rows:
            yield f"| `{_cell(option)}` | {_cell(text)} |"
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
