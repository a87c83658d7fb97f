"""What files say of themselves."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbsync.convert.front import LONGEST, said, without

YAML = """---
Author: Ana Otter
year: 2026
score: 7.5
reviewed: 2026-03-01
at: 2026-03-01T10:00:00+02:00
tags: [wifi, guests, 5]
draft: no
nothing:
nested: {a: b}
---

# Title
"""
SAID = {
    "author": "Ana Otter",
    "year": 2026,
    "score": 7.5,
    "reviewed": "2026-03-01",
    "at": "2026-03-01T10:00:00+02:00",
    "tags": "wifi, guests, 5",
    "draft": "false",
}
TOML = YAML.replace("---", "+++").replace("Author: Ana Otter", 'Author = "Ana Otter"')
TOML = TOML.replace("[wifi, guests, 5]", '["wifi", "guests", 5]').replace("no\nnothing:", "false")
TOML = TOML.replace("nested: {a: b}", "").replace(": ", " = ")


@pytest.mark.parametrize("text", [YAML, YAML.replace("\n", "\r\n"), TOML])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_front_matter(text: str, encoding: str) -> None:
    """YAML and TOML are read with their types, in any encoding, and are gone from the body."""
    body = text.encode(encoding)

    assert said("md", body) == SAID
    assert without(body).decode() == ("# Title\r\n" if "\r\n" in text else "# Title\n")


@pytest.mark.parametrize(
    "text",
    [
        "no front matter\n",
        "---\n\nA line, and a text between two lines.\n\n---\n\nmore\n",
        "---\nauthor: [unclosed\n---\ntext\n",
        "---\nauthor: nobody closes it\n",
        "---\na: &a [x, x]\nb: *a\n---\ntext\n",
        "+++\na = \n+++\n",
        "---\n" + "[" * 5000 + "\n---\n",
        "---\na: 2026-13-45\n---\n",
        "---\na: 1" + "0" * 5000 + "\n---\n",
        "---\na: !!timestamp x\n---\n",
        "---\n!!float\n---\n",
    ],
    ids=range(11),
)
def test_what_is_none(text: str) -> None:
    """What cannot be read, or is no table, says nothing and stays in the text."""
    assert said("md", text.encode()) == {}
    assert without(text.encode()) == text.encode()


def test_a_bomb() -> None:
    """Lines that would mean more than fits into memory end at once."""
    lines = "\n".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]" for n in range(99))
    before = time.process_time()

    assert said("md", f"---\na0: &a0 x\n{lines}\n---\n".encode()) == {}
    assert time.process_time() - before < 5


def test_pages() -> None:
    """The title and the meta elements of a page; its own word about its encoding counts."""
    page = (
        '<html><head><meta charset="gbk"><title>差旅\n 报销</title>'
        '<META NAME="Author" CONTENT="王"><meta property="og:site" content="Intranet">'
        '<meta name="author" content="second"><meta name="empty" content=""></head>'
    )

    assert said("html", page.encode("gbk")) == {
        "title": "差旅 报销",
        "author": "王",
        "og:site": "Intranet",
    }
    assert said("txt", YAML.encode()) == {}


def test_a_letter_that_is_cut() -> None:
    """The first bytes of a long file may end in the middle of a letter."""
    body = (YAML + "ü" * LONGEST).encode()

    for length in (LONGEST, LONGEST - 1):
        assert said("md", body[:length]) == SAID


@pytest.mark.parametrize(
    "text", ["---\na: 0b" + "1" * 60000, "---\na: 1" + ":59" * 9999, "+++\na = 0x" + "f" * 60000]
)
def test_a_number_that_is_none(text: str) -> None:
    """A number that would have thousands of digits says nothing."""
    assert said("md", f"{text}\n{text[:3]}\n".encode()) == {}


def test_what_no_database_takes() -> None:
    """Half a letter, and the letter that ends texts, are in no value."""
    assert said("md", b'---\na: "x\\ud800y\\0z"\n---\n') == {"a": "x?yz"}
    assert said("html", b'<meta name="a" content="x\0z"><title>x\0z</title>') == {
        "a": "xz",
        "title": "xz",
    }


@pytest.mark.parametrize("encoding", ["idna", "punycode", "undefined", "hex", "utf-16", "x"])
def test_an_encoding_that_is_none(encoding: str) -> None:
    """A page whose own word about its encoding is of no use is read as UTF-8."""
    page = f'<meta charset="{encoding}"><title>Räume</title>'
    assert said("html", page.encode()) == {"title": "Räume"}


def test_a_declaration_that_is_none() -> None:
    """What stands before something that no parser reads counts."""
    assert said("html", b"<title>Rooms</title><![x <title>none") == {"title": "Rooms"}


_YAML = (
    "a b: \n - ? [ ] { } !!int !!float !!timestamp !!binary !!set !!omap & * << | > ' \" % @ 0b1"
)
_TOML = 'a = \n [ ] [[ ]] { } " """ \' , . 1 0x 0b 1e9 inf nan 2026-01-01 T10:00:00 Z +99:99 # \\u'
_PAGE = (
    "a < <! <![ <![if <!-- --> <? > ]]> <meta name= content= \" ' = / </ <title> &# &amp charset="
)


def texts(tokens: str) -> st.SearchStrategy[str]:
    words = st.sampled_from([*tokens.split(" "), " ", "\0", "\x85", "ü", "\ufeff"])
    return st.lists(words, max_size=25).map("".join)


@given(st.binary(max_size=200), texts(_YAML), texts(_TOML), texts(_PAGE))
def test_anything(some: bytes, yaml: str, toml: str, page: str) -> None:
    """Whatever stands there, it is read or left."""
    front = (f"---\n{yaml}\n---\n".encode(), f"+++\n{toml}\n+++\n".encode())
    for body in (*front, b"---\n" + some + b"\n---\n"):
        str(said("md", body))
        without(body)
    for body in (page.encode(), some):
        str(said("html", body))
