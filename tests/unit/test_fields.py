"""Metadata fields from constants and paths."""

from __future__ import annotations

import math

import pytest

from kbsync.fields import Fields, Told, check
from kbsync.model import METADATA_FIELDS, Key

KEY = Key("handbook", "IT/Wi-Fi & Co/Gäste plan.v2.MD")


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("internal", "internal"),
        (2026, 2026),
        (1.5, 1.5),
        ("{path}", "IT/Wi-Fi & Co/Gäste plan.v2.MD"),
        ("{dir}", "IT/Wi-Fi & Co"),
        ("{dir1}", "IT"),
        ("{dir2}: {stem}", "Wi-Fi & Co: Gäste plan.v2"),
        ("{dir3}", ""),
        ("{name}", "Gäste plan.v2.MD"),
        ("{extension}", "md"),
        ("{folder}", "handbook"),
        ("{modified}", 1_700_000_000),
        ("https://x/d/{path}", "https://x/d/IT/Wi-Fi%20%26%20Co/G%C3%A4ste%20plan.v2.MD"),
    ],
)
def test_values(template: str | float, value: str | float) -> None:
    """Placeholders stand for parts of the path, and in an address as an address demands."""
    assert Fields({"field": template}).of(KEY, 1_700_000_000) == {"field": value}


def test_names_that_are_no_text() -> None:
    """A name that is not UTF-8 stands as question marks, and byte for byte in an address."""
    fields = Fields({"a": "{path}", "b": "file:///{path}"})

    assert fields.of(Key("f", "caf\udce9.md"), None) == {"a": "caf?.md", "b": "file:///caf%E9.md"}


TOLD: Told = {"author": "Ana", "year": "2026", "score": 7.5, "at": "2026-03-01", "tags": "a, b"}


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{meta.author}", "Ana"),
        ("{meta.Author}", "Ana"),
        ("by {meta.author} in {dir1}", "by Ana in IT"),
        ("by {meta.editor}", "by "),
        ("{meta.editor}", None),
        ("{meta.year:number}", 2026),
        ("{meta.score:number}", 7.5),
        ("{meta.score}", "7.5"),
        ("{meta.author:number}", None),
        ("{meta.at:time}", 1_772_323_200),
        ("{meta.author:time}", None),
        ("{meta.editor:time}", None),
        ("https://x/?t={meta.tags}", "https://x/?t=a%2C%20b"),
    ],
)
def test_what_a_file_says(template: str, value: str | float | None) -> None:
    """A file's own words become values of the field's type, or take one away."""
    assert Fields({"field": template}).of(KEY, 1, TOLD) == {"field": value}


def test_what_a_file_says_is_checked() -> None:
    """What is not of the field's type is told; what cannot be asked changes nothing."""
    fields = Fields({"a": "{meta.author:number}", "b": "{meta.year:number}", "c": 1})

    assert fields.misfits(TOLD) == ["a: 'Ana' is no number"]
    assert fields.of(KEY, 1, None) == {"c": 1}
    assert [fields.reads(path) for path in ("a.md", "a.HTML", "a.pdf")] == [True, True, False]
    assert not Fields({"c": "{path}"}).reads("a.md")
    assert fields.types["a"] == "number"
    assert Fields({"a": "{meta.b:time}"}).types["a"] == "time"


def test_types() -> None:
    """A server is told which type each field has; equal settings have equal digests."""
    fields = Fields({"a": "x", "b": 1, "c": "{modified}"})

    assert fields.types == {**METADATA_FIELDS, "a": "string", "b": "number", "c": "time"}
    assert fields.digest == Fields({"c": "{modified}", "b": 1, "a": "x"}).digest
    assert fields.digest != Fields({"a": "x", "b": 2, "c": "{modified}"}).digest
    assert Fields({}).digest == ""
    assert Fields({"c": "{modified}"}).of(KEY, None) == {}


@pytest.mark.parametrize(
    ("name", "template", "reason"),
    [
        ("Team", "x", "lower-case letters"),
        ("source", "x", "taken"),
        ("kbsync_team", "x", "taken"),
        ("team", True, "text or a number"),
        ("team", ["x"], "text or a number"),
        ("team", "{dir0}", "there is no {dir0}; there are {folder}, {path}"),
        ("team", "at {modified}", "and {modified} alone"),
        ("team", "in {meta.year:number}", "has a type, so it must be alone"),
        ("team", "in {dir1", "a brace stands alone in 'in {dir1'; there are {folder}, {path}"),
        ("team", "{dir1}}", "a brace stands alone"),
        ("team", math.inf, "a number that is one"),
        ("team", -(2**70), "below 2^63"),
        ("team", math.nan, "a number that is one"),
    ],
)
def test_what_cannot_be(name: str, template: object, reason: str) -> None:
    """A field that cannot be written is refused with what can."""
    with pytest.raises(ValueError, match=r'^"') as error:
        check(name, template)

    assert reason in str(error.value)
