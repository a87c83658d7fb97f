"""`kbsync man`: the manual page, made of the commands' own help."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from kbsync import __version__

_FILES = (
    ("./kbsync.toml", "the configuration, where a command is called"),
    ("~/.config/kbsync/config.toml", "the user's configuration"),
    ("/etc/kbsync/config.toml", "the system's configuration"),
    ("/var/lib/kbsync/ledger.db", "the ledger, under $STATE_DIRECTORY or the user's state"),
)
_VARIABLES = (
    ("KBSYNC_CONFIG", "The configuration file."),
    ("KBSYNC_SERVER__API_KEY", "The key; any setting can be given so, with __ between levels."),
)
_CODES = (
    ("0", "all is well"),
    ("1", "an internal error, or the ledger cannot be used"),
    ("2", "usage or configuration"),
    ("3", "some documents failed, or the audit found something"),
    ("4", "deletions are held"),
    ("5", "the server cannot be reached, or it refused the key or the dataset"),
    ("75", "another kbsync uses the ledger"),
    ("130", "stopped by Ctrl-C or SIGTERM"),
)


@click.command(name="man")
def command() -> int:
    """Print the manual page.

    For everybody: kbsync man > /usr/local/share/man/man1/kbsync.1

    Example: kbsync man | man -l -
    """
    root = click.get_current_context().find_root()
    assert isinstance(root.command, click.Group)  # noqa: S101 - it is ours
    click.echo("\n".join(_page(root.command, root)))
    return 0


def _page(group: click.Group, context: click.Context) -> Iterator[str]:
    yield f'.TH KBSYNC 1 "" "kbsync {__version__}" "User Commands"'
    yield ".SH NAME"
    yield r"kbsync \- keep folders of documents equal to knowledge bases in Dify"
    yield ".SH SYNOPSIS"
    yield r".B kbsync"
    yield r"[\fIOPTIONS\fR] \fICOMMAND\fR [\fIARGUMENTS\fR]"
    yield ".SH DESCRIPTION"
    yield from _paragraphs(group.help or "")
    yield ".SH OPTIONS"
    yield from _options(group, context)
    yield ".SH COMMANDS"
    for name in group.list_commands(context):
        if (each := group.get_command(context, name)) is not None:
            yield from _command(each, click.Context(each, info_name=name, parent=context))
    for title, rows in (("ENVIRONMENT", _VARIABLES), ("FILES", _FILES), ("EXIT STATUS", _CODES)):
        yield f".SH {title}"
        for term, text in rows:
            yield from (".TP", rf"\fB{_text(term)}\fR", _text(text))


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    usage = " ".join([f"kbsync {context.info_name}", *command.collect_usage_pieces(context)])
    yield f".SS {_text(usage)}"
    yield from _paragraphs(command.help or "")
    yield from _options(command, context)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and "--help" not in parameter.opts:
            term, text = record
            yield from (".TP", rf"\fB{_text(term)}\fR", _text(text))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        lines = paragraph.splitlines()
        yield ".PP"
        if lines[0].strip() == "\b":
            yield from (".nf", *map(_text, lines[1:]), ".fi")
        else:
            yield _text(" ".join(lines))


def _text(text: str) -> str:
    """As roff reads it: no line may begin with a control character, and a dash is a dash."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    return re.sub(r"^(\.|\\\(aq)", r"\\&\1", escaped)
