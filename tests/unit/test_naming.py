"""Remote names: legal, bounded, unique and readable back."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kbsync.model import Key, Version
from kbsync.naming import MAX_LENGTH, Mark, decode, key_digest, remote_name, version_digest

VERSION = Version("ab" * 32, "recipe")

# Everything that a file name can hold, with what is awkward made likely.
AWKWARD = st.sampled_from(
    [
        *("%22", "%", "2", "/", " ", ".", "[", "]", " [3fa9c1d2e5b7-77ab0e12]", ".md", "›", "…"),
        *("\n", "\t", "\x7f", "\u202e", "\u200b", "\ufeff", "\u2028", "e\u0301", "\u1100\u1161"),
        *(
            "\udc80",
            "\udcff",
            "\\",
            ":",
            "*",
            "?",
            '"',
            "<",
            ">",
            "|",
            "\u0338",
            "\u0958",
            "x" * 120,
        ),
    ]
)
PATHS = st.lists(AWKWARD | st.text(max_size=20), min_size=1, max_size=15).map("".join)
KEYS = st.builds(Key, st.text(max_size=10), PATHS)
VERSIONS = st.builds(Version, st.text("0123456789abcdef", min_size=64, max_size=64), st.text())
EXTENSIONS = st.none() | st.sampled_from(["md", "PDF", "x.y", "tar gz", ""]) | st.text(max_size=20)


@pytest.mark.parametrize(
    ("path", "readable", "extension"),
    [
        ("guides/install/README.md", "guides › install › README", "md"),
        ("README", "README", None),
        ("REPORT.PDF", "REPORT", "pdf"),
        ("v1.2/release notes.v3.docx", "v1.2 › release notes.v3", "docx"),
        (".md", "md", None),
        (".hidden/..data/x.txt", "hidden › data › x", "txt"),
        ("a:b*c?.md", "a_b_c_", "md"),
        ("100%22.md", "100_", "md"),
        ("%\u200b22.md", "_", "md"),
        ("100% sure %20.md", "100% sure %20", "md"),
        ("two\nlines\tand  more .md", "two lines and more", "md"),
        ("abc\u202egpj.md", "abcgpj", "md"),
        ("caf\udce9.md", "caf\ufffd", "md"),
        ("Cafe\u0301.md", "Caf\u00e9", "md"),
        ("...", "_", None),
        ("plan [final].md", "plan [final]", "md"),
        ("plan [3fa9c1d2e5b7-77ab0e12].md", "plan [3fa9c1d2e5b7-77ab0e12]", "md"),
        ("x.a b", "x.a b", None),
        ("x.a]b", "x.a]b", None),
    ],
)
def test_readable_part(path: str, readable: str, extension: str | None) -> None:
    """A name shows the path, made legal, and keeps the extension."""
    key = Key("handbook", path)

    mark = decode(remote_name(key, VERSION, "server"))

    assert mark == Mark(readable, key_digest("server", key), version_digest(VERSION), extension)


def test_known_name() -> None:
    """The name of a version never changes from one release to the next."""
    key = Key("handbook", "guides/install/README.md")
    version = Version("5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03", "r1")

    name = remote_name(key, version, "fileserver-1")

    assert name == "guides › install › README [9178aa273301-169a25ea].md"


def test_other_extension() -> None:
    """A file that is sent as another type keeps its own name in full and gets that extension."""
    name = remote_name(Key("f", "a/report.docx"), VERSION, "i", extension="md")

    mark = decode(name)
    assert mark is not None
    assert (mark.readable, mark.extension) == ("a › report.docx", "md")


def test_long_path() -> None:
    """A long path loses its first folders, never the file's own name."""
    key = Key("f", "/".join(["a long folder name"] * 20 + ["the file itself.md"]))

    mark = decode(remote_name(key, VERSION, "i"))

    assert mark is not None
    assert mark.readable.startswith("… › a long folder name › ")
    assert mark.readable.endswith(" › the file itself")


def test_long_file_name() -> None:
    """A long file name keeps its beginning and its end."""
    key = Key("f", "folder/" + "Minutes of " + "x" * 220 + " 2026-11-05.md")

    name = remote_name(key, VERSION, "i")

    assert len(name) == MAX_LENGTH
    assert name.startswith("Minutes of x")
    assert "… " not in name
    assert " 2026-11-05 [" in name


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "README [3fa9c1d2-77ab0e12].md",
        "README [3FA9C1D2E5B7-77AB0E12].md",
        "README[3fa9c1d2e5b7-77ab0e12].md",
        "README [3fa9c1d2e5b7-77ab0e12] copy.md",
        "README [3fa9c1d2e5b7-77ab0e12].md\n",
        "README [3fa9c1d2e5b7-77ab0e12].md.bak",
        "",
    ],
)
def test_foreign_name(name: str) -> None:
    """A document that somebody else named is not read as ours."""
    assert decode(name) is None


def test_parts_do_not_run_together() -> None:
    """Instance, folder and path are separate parts of a file's identity."""
    digests = {
        key_digest("ab", Key("c", "d")),
        key_digest("a", Key("bc", "d")),
        key_digest("a", Key("b", "cd")),
        key_digest("", Key("abc", "d")),
    }
    assert len(digests) == 4
    assert version_digest(Version("ab", "c")) != version_digest(Version("a", "bc"))


@given(KEYS, VERSIONS, st.text(max_size=5), EXTENSIONS)
@example(Key("f", "x" * 251 + ".md"), VERSION, "i", None)
@example(Key("f", "/" * 300), VERSION, "i", "properties")
def test_always_legal(key: Key, version: Version, instance: str, extension: str | None) -> None:
    """Every name is short enough, has no character that a server refuses, and is valid UTF-8."""
    name = remote_name(key, version, instance, extension=extension)

    assert len(name) <= MAX_LENGTH
    assert len(name.encode()) <= 255 * 4
    assert not set(name) & set('/\\:*?"<>|')
    assert "%22" not in name
    assert not {unicodedata.category(character) for character in name} & {
        *("Cc", "Cf", "Cs", "Zl", "Zp"),
    }
    assert name == name.strip(" .")
    assert unicodedata.is_normalized("NFC", name)


@given(
    KEYS,
    VERSIONS,
    st.text(max_size=5),
    EXTENSIONS,
    st.integers(1, 999),
    st.none() | AWKWARD | st.text(max_size=90),
)
def test_round_trip(
    key: Key,
    version: Version,
    instance: str,
    extension: str | None,
    number: int,
    part: str | None,
) -> None:
    """Every name gives back the digests and the number it was built from, and if it is a part's."""
    name = remote_name(key, version, instance, extension=extension, number=number, part=part)
    mark = decode(name)

    assert len(name) <= MAX_LENGTH
    assert mark is not None
    assert mark.number == number
    assert mark.is_part == (part is not None)
    assert not set(name) & set('/\\:*?"<>|')
    assert mark.key_digest == key_digest(instance, key)
    assert mark.version_digest == version_digest(version)


@given(KEYS, KEYS, VERSIONS)
def test_keys_apart(one: Key, other: Key, version: Version) -> None:
    """Two files have two names, one file has one."""
    same = remote_name(one, version, "i") == remote_name(other, version, "i")

    assert same == (one == other)


@given(KEYS, VERSIONS, VERSIONS)
def test_versions_apart(key: Key, one: Version, other: Version) -> None:
    """Versions of a file differ in their names and share the digest of the file."""
    first, second = decode(remote_name(key, one, "i")), decode(remote_name(key, other, "i"))

    assert first is not None
    assert second is not None
    assert first.key_digest == second.key_digest
    assert (first == second) == (one == other)


@given(KEYS, VERSIONS)
def test_legal_stays(key: Key, version: Version) -> None:
    """What was made legal once is not changed again."""
    first = decode(remote_name(key, version, "i"))
    assert first is not None

    again = decode(remote_name(Key("f", first.readable), version, "i", extension=""))

    assert again is not None
    assert again.readable == first.readable
