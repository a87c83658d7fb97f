"""Every message that the program raises, read from its source: what happened, and what to do."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kbsync import errors
from kbsync.transport import KeyRefused, NoSuchRoute

_OWN = {"KeyRefused": KeyRefused, "NoSuchRoute": NoSuchRoute}
PACKAGE = Path(errors.__file__).parent
#: Not the program that people run against their servers.
_APART = {"standin"}

_INTRODUCTION = """\
# Messages

Every error message of kbsync, by what it asks for. `…` stands for what differs: a file, an
address, the server's own words. A message is one line that says what happened and, after its last
semicolon, what to do; where a message says nothing of that, the section does.
"""

_FINDINGS = "findings"
#: Which argument of a finding says what to do about it; the one before it says what was found.
_REMEDY = 3

#: Types of errors in the order of the page: a title, and what holds for all of them.
_MEANING: Mapping[str, tuple[str, str]] = {
    "ConfigError": (
        "The configuration or the command line",
        "Nothing was begun; exit code 2. Correct what the message names and run it again.",
    ),
    "Denied": (
        "The server, its key or a dataset",
        "Nothing is sent to that folder until it is mended; a service goes on watching, tells it in"
        " `kbsync status`, and tries again by itself. Exit code 5.",
    ),
    "Unavailable": (
        "The server is away or wants to be left alone",
        "Nothing to do: it is tried again by itself, later and later. If it lasts, look at the"
        " server's log and at the network. Exit code 5 when a run ends so.",
    ),
    "Rejected": (
        "The server refuses one document",
        "Only that file fails. It is sent again when it or its settings change, or with"
        " `kbsync retry`.",
    ),
    "Missing": (
        "Something on the server is gone",
        "What is gone is taken as deleted and made again where a file needs it.",
    ),
    "FileError": (
        "A file cannot be sent as it is",
        "Only that file waits; it is looked at again when it changes.",
    ),
    "LedgerError": (
        "The ledger",
        "Nothing was sent or deleted. Exit code 1, or 75 when another kbsync is using it.",
    ),
    _FINDINGS: (
        "Findings of kbsync doctor",
        "Each line of `kbsync doctor` that is not fine says what to do below it.",
    ),
    "Undelivered": (
        "A hook could not tell",
        "It is told again later, as things are then; `kbsync doctor --hooks` tries each hook.",
    ),
}


@dataclass(frozen=True, slots=True)
class Message:
    """One message: the section it belongs to, what happened and what to do."""

    section: str
    happened: str
    remedy: str


def messages() -> str:
    """The page."""
    found = sorted(set(_found()), key=lambda one: one.happened.casefold())
    page = [_INTRODUCTION]
    for section, (title, meaning) in _MEANING.items():
        rows = [one for one in found if one.section == section]
        if rows:
            page += [f"## {title}\n", f"{meaning}\n", "| what happened | what to do |", "|---|---|"]
            page += [
                f"| {_cell(one.happened)} | {_cell(one.remedy) or 'as said above'} |"
                for one in rows
            ]
            page.append("")
    return "\n".join(page)


def _found() -> Iterator[Message]:
    for file in sorted(PACKAGE.rglob("*.py")):
        place = file.relative_to(PACKAGE)
        if not _APART & set(place.parts):
            yield from _Source(ast.parse(file.read_text(encoding="utf-8")), place.parts).messages()


class _Source:
    """One module; names that stand for one text only are read as that text."""

    def __init__(self, tree: ast.Module, place: tuple[str, ...]) -> None:
        self._tree = tree
        self._place = place
        self._names: Mapping[str, ast.expr] = {}

    def messages(self) -> Iterator[Message]:
        """Those of each function, with the names that it gives to texts, and the module's."""
        for scope in ast.walk(self._tree):
            if isinstance(scope, ast.FunctionDef):
                self._names = _texts(self._tree.body) | _texts(list(ast.walk(scope)))
                for node in ast.walk(scope):
                    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                        yield from self._of_call(node.func.id, node)

    def _of_call(self, name: str, node: ast.Call) -> Iterator[Message]:
        match name:
            case "fail" | "warn" if "doctor" in self._place and len(node.args) > _REMEDY:
                happened, remedy = (self._text(one) for one in node.args[_REMEDY - 1 : _REMEDY + 1])
                yield from _message(_FINDINGS, happened, "" if remedy == "…" else remedy)
            case "ValueError" if "config" in self._place and node.args:
                happened, remedy = _parted(self._text(node.args[0]))
                yield from _message("ConfigError", f"FILE: SETTING {happened}", remedy)
            case _ if (section := _section(name)) and node.args:
                yield from _message(section, *_parted(self._text(node.args[0])))

    def _text(self, node: ast.expr) -> str:
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.JoinedStr(values=parts):
                return "".join(map(self._text, parts))
            case ast.FormattedValue(value=inner):
                return self._text(inner)
            case ast.Name(id=name) if name in self._names:
                return self._text(self._names[name])
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._text(left) + self._text(right)
            case _:
                return "…"


def _texts(nodes: Sequence[ast.AST]) -> dict[str, ast.expr]:
    """Names that are given one value, which is a text, in these statements."""
    given: dict[str, list[ast.expr]] = {}
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                given.setdefault(name, []).append(value)
            case ast.AugAssign(target=ast.Name(id=name), value=value):
                given.setdefault(name, []).append(value)
    return {
        name: values[0]
        for name, values in given.items()
        if len(values) == 1 and isinstance(values[0], ast.Constant | ast.JoinedStr)
    }


def _section(name: str) -> str | None:
    """The section of the error type that is made by this call, or None for any other call."""
    kind = getattr(errors, name, None) or _OWN.get(name)
    if not isinstance(kind, type):
        return None
    return next((base.__name__ for base in kind.__mro__ if base.__name__ in _MEANING), None)


def _parted(text: str) -> tuple[str, str]:
    happened, semicolon, remedy = text.rpartition("; ")
    return (happened, remedy) if semicolon else (text, "")


def _message(section: str, happened: str, remedy: str) -> Iterator[Message]:
    """The message, unless nothing of it is known beforehand."""
    words = f"{happened}{remedy}".replace("…", "").replace("FILE: SETTING", "")
    if len(words.strip(" :;,.()")) > len("no"):
        yield Message(section, happened, remedy)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ").replace("`", "'")
