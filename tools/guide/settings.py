"""Every setting: its type and default from the model, what it is for from the example file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from kbsync.config import (
    AppSettings,
    CheckSettings,
    FolderSettings,
    HookSettings,
    HttpSettings,
    LogSettings,
    RuleSettings,
    ServerSettings,
)
from kbsync.config.parse import Section
from kbsync.config.settings import Settings

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"

#: Sections in the order of the example file.
SECTIONS: Mapping[str, type[Section]] = {
    "": Settings,
    "server": ServerSettings,
    "folders": FolderSettings,
    "folders.rules": RuleSettings,
    "checks": CheckSettings,
    "hooks": HookSettings,
    "app": AppSettings,
    "http": HttpSettings,
    "log": LogSettings,
}

_INTRODUCTION = """\
# Settings

A setting is looked for in a variable of the environment first, then in the configuration file:
`--config`, `$KBSYNC_CONFIG`, `./kbsync.toml`, `~/.config/kbsync/config.toml`,
`/etc/kbsync/config.toml`, the first that is there. What is unknown or wrong is refused with the
file, the key and what is allowed. `kbsync init` writes a short file; `config.example.toml` has all
of this page to copy from.
"""


@dataclass(frozen=True, slots=True)
class Explained:
    """One setting of the example file: the comment above it, and its line without the `#`."""

    text: str
    line: str


def settings() -> str:
    """The page."""
    return "\n".join([_INTRODUCTION, *_sections()])


def _sections() -> Iterator[str]:
    told = dict(_parts())
    for section, model in SECTIONS.items():
        title = "Top of the file" if not section else f"[{section}]"
        yield f"## {f'[{title}]' if section in _REPEATED else title}\n"
        introduction, explained = _explained(told[section])
        if section and introduction:
            yield introduction + "\n"
        below = {name.rpartition(".")[2] for name in SECTIONS if name.rpartition(".")[0] == section}
        for name, field in model.model_fields.items():
            if name not in below:
                told_of = explained[name].text or introduction
                yield from _setting(section, name, field, told_of, explained[name].line)


_REPEATED = {"folders", "folders.rules", "checks", "hooks"}


def _setting(section: str, name: str, field: FieldInfo, text: str, line: str) -> Iterator[str]:
    yield f"### `{name}` {{ #{'-'.join(filter(None, [section.replace('.', '-'), name]))} }}\n"
    yield text + "\n"
    facts = [f"default: {_default(field)}"]
    if allowed := _allowed(field):
        facts.append(f"one of {allowed}")
    if section not in _REPEATED:
        variable = "__".join(part.upper() for part in ("KBSYNC", section, name) if part)
        facts.append(f"variable: `{variable.replace('KBSYNC__', 'KBSYNC_', 1)}`")
    yield " · ".join(facts) + "\n"
    yield f"```toml\n{line}\n```\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "none, it must be said"
    value = field.default
    if value is PydanticUndefined or value is None or value in ((), frozenset()):
        return "as said above" if field.default_factory is not None else "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{_shown(value)}`"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return _duration(value)
    if isinstance(value, int) and value >= 2**20:
        return f"{value // 2**20}MiB"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"


def _allowed(field: FieldInfo) -> str:
    kind = field.annotation
    if get_origin(kind) is Literal:
        return ", ".join(f'`"{value}"`' for value in get_args(kind))
    return ""


def _parts() -> Iterator[tuple[str, str]]:
    """The example's text, section by section."""
    text = EXAMPLE.read_text(encoding="utf-8")
    pieces = re.split(r"^#?\[+([a-z.]+)\]+$", text, flags=re.MULTILINE)
    yield "", pieces[0]
    # What stands above a section's line speaks of the section.
    heads = [_last_comment(piece) for piece in pieces[0::2]]
    for (name, piece), head in zip(
        zip(pieces[1::2], pieces[2::2], strict=True), heads, strict=False
    ):
        yield name, f"{head}\n\n{piece}"


def _last_comment(piece: str) -> str:
    block = re.split(r"\n\s*\n", piece.rstrip("\n"))[-1]
    lines = block.splitlines()
    return block if lines and all(line.startswith("# ") or line == "#" for line in lines) else ""


def _explained(text: str) -> tuple[str, dict[str, Explained]]:
    """What is said before a section's settings, and of each of them; neighbours share a comment."""
    found: dict[str, Explained] = {}
    comment: list[str] = []
    introduction, fresh = "", True
    for line in text.splitlines():
        if setting := re.match(r"#?([a-z_]+) = ", line):
            said = _paragraph(comment)
            found[setting[1]] = Explained(said, line.removeprefix("#"))
            fresh = False
        elif line.startswith("#"):
            comment = [line] if not fresh else [*comment, line]
            fresh = True
        elif not line.strip():
            if comment and fresh and not found and not introduction:
                introduction = _paragraph(comment)
            comment, fresh = ([], True) if fresh else (comment, False)
    return introduction, found


def _paragraph(lines: list[str]) -> str:
    """Comment lines as prose; indented ones stay as they are."""
    text: list[str] = []
    for line in (line.removeprefix("#").removeprefix(" ") for line in lines):
        if line.startswith("  "):
            text.append(f"\n`{line.strip()}`")
        else:
            text.append(line)
    return "\n".join(text)
