"""The example file is complete and true."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbsync.config import (
    load,
)
from tools.guide.settings import SECTIONS

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
TEXT = EXAMPLE.read_text(encoding="utf-8")
ENVIRON = {"KBSYNC_SERVER__API_KEY": "dataset-example"}
SETTING = re.compile(r"^#?([a-z_]+) = ", re.MULTILINE)

#: Settings without a default of their own, whose commented line is an example.
SHOWN_BY_EXAMPLE = {
    ("", "ledger"),
    ("", "instance"),
    ("server", "api_key"),
    ("server", "ca_file"),
    ("checks", "question"),
    ("checks", "folder"),
    ("checks", "sources"),
    ("checks", "words"),
    ("hooks", "command"),
    ("hooks", "webhook"),
    ("hooks", "notify"),
    ("hooks", "workflow"),
    ("hooks", "inputs"),
    ("hooks", "heartbeat"),
    ("hooks", "on"),
    ("hooks", "every"),
    ("hooks", "digest"),
    ("app", "api_key_file"),
    ("app", "api_key"),
    ("app", "id"),
    ("folders.rules", "match"),
    ("folders.rules", "process_rule"),
    ("folders.rules", "doc_language"),
    ("http", "token_file"),
    ("folders", "schedule"),
    ("folders", "every"),
}


def parts() -> Iterator[tuple[str, str]]:
    """The text of each section."""
    pieces = re.split(r"^#?\[+([a-z.]+)\]+$", TEXT, flags=re.MULTILINE)
    yield "", pieces[0]
    yield from zip(pieces[1::2], pieces[2::2], strict=True)


def stated(section: str) -> dict[str, object]:
    """What the commented lines of a section say, as TOML reads it."""
    text = dict(parts())[section]
    lines = re.findall(r"^#([a-z_]+ = .*)$", text, re.MULTILINE)
    return tomllib.loads("\n".join(lines))


def test_the_example_is_a_configuration() -> None:
    """Whoever copies the example has something that loads."""
    settings = load(EXAMPLE, environ=ENVIRON)
    assert [folder.name for folder in settings.folders] == ["handbook"]
    assert settings.server.url == "https://dify.example/v1"
    assert settings.warnings == ()


def test_the_example_loads_with_its_comments_taken_away(tmp_path: Path) -> None:
    """Every commented line is valid where it stands, but for those that exclude each other."""
    text = re.sub(r"^#(\[\[|[a-z_]+ = )", r"\1", TEXT, flags=re.MULTILINE)
    text = re.sub(
        r"^(api_key|ca_file|token_file|every|webhook|notify|workflow|inputs|heartbeat) = .*$",
        "",
        text,
        flags=re.MULTILINE,
    )
    file = tmp_path / "all.toml"
    file.write_text(text)
    settings = load(file, environ=ENVIRON | {"KBSYNC_APP__API_KEY": "app-example"})
    assert settings.folders[0].schedule == "*/15 * * * *"
    assert settings.instance == "fileserver-1"


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_is_in_the_example(section: str) -> None:
    """A setting that is not explained does not exist for a user."""
    explained = set(SETTING.findall(dict(parts())[section]))
    below = {name.rpartition(".")[2] for name in SECTIONS if name.rpartition(".")[0] == section}
    assert explained == set(SECTIONS[section].model_fields) - below


@pytest.mark.parametrize("section", SECTIONS)
def test_the_defaults_of_the_example_are_the_real_ones(section: str, tmp_path: Path) -> None:
    """The values of commented lines are what holds when the line stays a comment."""
    plain = load(EXAMPLE, environ=ENVIRON)
    file = tmp_path / "stated.toml"
    for name in stated(section):
        if (section, name) in SHOWN_BY_EXAMPLE:
            continue
        line = next(line for line in TEXT.splitlines() if line.startswith(f"#{name} = "))
        file.write_text(TEXT.replace(line, line[1:]))
        assert load(file, environ=ENVIRON) == plain, line
    assert {name for part, name in SHOWN_BY_EXAMPLE if part == section} <= set(stated(section))


def test_settings_shown_by_example_have_no_default() -> None:
    """A line that is no default must not be mistaken for one."""
    for section, name in SHOWN_BY_EXAMPLE:
        field = SECTIONS[section].model_fields[name]
        assert (
            field.is_required() or field.default in (None, ()) or field.default_factory is not None
        )


def test_the_example_says_what_only_the_service_reads() -> None:
    """Settings that a one-shot run does not use are marked."""
    marked = set(re.findall(r"^#([a-z_]+) = .*# used by `kbsync run`$", TEXT, re.MULTILINE))
    assert marked == {
        "schedule",
        "every",
        "watch",
        "poll_interval",
        "settle",
        "max_delay",
        "listen",
        "audit",
    } | {
        "token_file",
        "hosts",
    }
