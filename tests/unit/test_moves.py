"""Which arrived file is which that left: a table, and what any set of renames must give."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbsync.model import Intent, Key, Move, Record, Remote, Seen, Stamp, State, Version, Want
from kbsync.moves import Arrived, Left, can_leave, can_receive, is_replaced, match, to_hash

RECIPE = "r1"


def key(path: str) -> Key:
    folder, _, rest = path.rpartition(":")
    return Key(folder or "docs", rest)


def left(path: str, inode: int, sha256: str | None = "x", *, gone: bool = True) -> Left:
    content = None if sha256 is None else Version(sha256, RECIPE)
    stamp = Stamp(10, 1_000, 1_000, inode, 1)
    live = Remote("ds", f"doc of {path}", f"name of {path}")
    record = Record(key(path), Want.PRESENT, State.COMPLETED, 1, stamp, content, live)
    return Left(record, content, gone)


def arrived(
    path: str, inode: int, *, mtime_ns: int = 1_000, size: int = 10, own: str | None = None
) -> Arrived:
    seen = Seen(key(path), Stamp(size, mtime_ns, 2_000, inode, 1))
    content = None if own is None else Version(own, RECIPE)
    return Arrived(seen, None, content, frozenset({"ds"}), RECIPE)


TABLE: list[tuple[str, list[Left], list[Arrived], dict[str, str], list[str]]] = [
    (
        "the same inode, size and time with the same content is the same file",
        [left("a.md", 7)],
        [arrived("b.md", 7)],
        {"b.md": "x"},
        ["a.md -> b.md"],
    ),
    (
        "the same inode with another content is another file: inodes are used again",
        [left("a.md", 7)],
        [arrived("b.md", 7)],
        {"b.md": "y"},
        [],
    ),
    (
        "another inode with the same content is the same file when the old one is gone",
        [left("a.md", 7)],
        [arrived("b.md", 8, mtime_ns=5)],
        {"b.md": "x"},
        ["a.md -> b.md"],
    ),
    (
        "what could not be read is no match",
        [left("a.md", 7)],
        [arrived("b.md", 7)],
        {},
        [],
    ),
    (
        "another extension is another document",
        [left("a.txt", 7)],
        [arrived("a.md", 7)],
        {"a.md": "x"},
        [],
    ),
    (
        "two files change places",
        [left("a.md", 7, "x", gone=False), left("b.md", 8, "y", gone=False)],
        [arrived("a.md", 8, own="x"), arrived("b.md", 7, own="y")],
        {"a.md": "y", "b.md": "x"},
        ["b.md -> a.md", "a.md -> b.md"],
    ),
    (
        "a chain moves each by one",
        [left("a.md", 7, "x"), left("b.md", 8, "y", gone=False)],
        [arrived("b.md", 7, own="y"), arrived("c.md", 8)],
        {"b.md": "x", "c.md": "y"},
        ["a.md -> b.md", "b.md -> c.md"],
    ),
    (
        "a file whose old place has a copy of it has not left",
        [left("a.md", 7, gone=False)],
        [arrived("b.md", 7)],
        {"a.md": "x", "b.md": "x"},
        [],
    ),
    (
        "a file that has its content already takes no other document",
        [left("a.md", 7)],
        [arrived("b.md", 8, own="x")],
        {"b.md": "x"},
        [],
    ),
    (
        "among equal contents the same name is preferred",
        [left("old/1.md", 7), left("old/2.md", 8)],
        [arrived("new/2.md", 18), arrived("new/1.md", 17)],
        {"new/1.md": "x", "new/2.md": "x"},
        ["old/2.md -> new/2.md", "old/1.md -> new/1.md"],
    ),
    (
        "one document goes to one place only",
        [left("a.md", 7)],
        [arrived("b.md", 17), arrived("c.md", 18)],
        {"b.md": "x", "c.md": "x"},
        ["a.md -> b.md"],
    ),
    (
        "the inode goes before the content alone",
        [left("a.md", 7), left("b.md", 8)],
        [arrived("c.md", 8), arrived("d.md", 7)],
        {"c.md": "x", "d.md": "x"},
        ["b.md -> c.md", "a.md -> d.md"],
    ),
    (
        "the same name with the same inode elsewhere was moved and edited",
        [left("old/a.md", 7)],
        [arrived("new/a.md", 7, size=12, mtime_ns=5)],
        {},
        ["old/a.md -> new/a.md, edited"],
    ),
    (
        "a longer name with the same inode was renamed and edited",
        [left("plan.md", 7)],
        [arrived("plan final.md", 7, size=12, mtime_ns=5)],
        {},
        ["plan.md -> plan final.md, edited"],
    ),
    (
        "quite another name with the same inode is a new file",
        [left("plan.md", 7)],
        [arrived("owls.md", 7, size=12, mtime_ns=5)],
        {},
        [],
    ),
    (
        "a file moved and edited does not replace another's document",
        [left("old/a.md", 7)],
        [arrived("new/a.md", 7, size=12, mtime_ns=5, own="z")],
        {},
        [],
    ),
    (
        "across folders the content is asked for, an inode alone is not enough",
        [left("one:a.md", 7), left("one:b.md", 8)],
        [arrived("two:a.md", 7), arrived("two:b.md", 8, size=12, mtime_ns=5)],
        {"a.md": "x"},
        ["a.md -> a.md"],
    ),
    (
        "a row that is not sure of its document's content is known by its inode only",
        [left("old/a.md", 7, None)],
        [arrived("new/a.md", 7), arrived("new/b.md", 9)],
        {"new/a.md": "x", "new/b.md": "x"},
        ["old/a.md -> new/a.md, edited"],
    ),
]


@pytest.mark.parametrize(("lost", "found", "hashes", "expected"), [case[1:] for case in TABLE])
def test_matching(
    lost: list[Left], found: list[Arrived], hashes: dict[str, str], expected: list[str]
) -> None:
    """Each row of the table is matched as it says."""
    by_path = {one.seen.key.path: one.seen.key for one in found}
    sha256 = {by_path[path]: content for path, content in hashes.items() if path in by_path}
    sha256 |= {
        one.record.key: hashes[one.record.key.path] for one in lost if one.record.key.path in hashes
    }
    told = [
        f"{move.old.path} -> {move.seen.key.path}{', edited' if move.edited else ''}"
        for move in match(lost, found, sha256)
    ]
    assert told == expected


def test_another_dataset_or_recipe() -> None:
    """Where a file would be indexed elsewhere or otherwise, its document is of no use."""
    lost = [left("one:a.md", 7)]
    seen = Seen(Key("two", "a.md"), Stamp(10, 1_000, 2_000, 7, 1))
    sha256 = {seen.key: "x"}
    assert match(lost, [Arrived(seen, None, None, frozenset({"ds"}), RECIPE)], sha256)
    assert not match(lost, [Arrived(seen, None, None, frozenset({"other"}), RECIPE)], sha256)
    assert not match(lost, [Arrived(seen, None, None, frozenset({"ds"}), "r2")], sha256)


def test_what_is_read() -> None:
    """Only files that may have come from elsewhere are read, and what may be a copy with them."""
    lost = [left("a.md", 7), left("b.md", 8, gone=False), left("c.md", 9, None)]
    found = [
        arrived("same-size.md", 50),
        arrived("same-size.txt", 51),
        arrived("other-size.md", 52, size=11),
        arrived("was-b.md", 8, size=10),
        arrived("other.txt", 9),
    ]
    assert {one.path for one in to_hash(lost, found)} == {"same-size.md", "was-b.md", "b.md"}


def test_rows_that_are_worked_on() -> None:
    """Rows in other hands neither give nor take documents."""
    record = left("a.md", 7).record
    busy = Record(record.key, record.want, State.SENDING, 1, record.stamp, live=record.live)
    doomed = Record(record.key, Want.ABSENT, State.PENDING, 1, live=record.live, doomed=True)
    going = Record(record.key, Want.ABSENT, State.PENDING, 1, live=record.live)
    bare = Record(record.key, record.want, State.PENDING, 1, record.stamp)
    asked = Record(record.key, record.want, State.PENDING, 1, intent=Intent("ds", "name"))
    assert [can_leave(one) for one in (record, busy, doomed, going, bare)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert [can_receive(one) for one in (None, record, busy, bare, asked)] == [
        True,
        True,
        False,
        True,
        False,
    ]
    assert is_replaced(Seen(record.key, Stamp(10, 1_000, 1_000, 8, 1)), record)
    assert not is_replaced(Seen(record.key, Stamp(11, 2_000, 1_000, 7, 1)), record)


@given(
    contents=st.lists(st.sampled_from("xyz"), min_size=1, max_size=8),
    places=st.permutations(range(16)),
    copied=st.booleans(),
)
def test_any_set_of_renames(contents: list[str], places: list[int], copied: bool) -> None:
    """After any permutation and renaming of files, each file finds a document of its content."""
    old = [f"{number}.md" for number in range(len(contents))]
    new = [f"{number}.md" for number in places[: len(contents)]]
    lost, found, sha256 = [], [], {}
    for number, content in enumerate(contents):
        goes, comes = old[number], new[number]
        if goes != comes:
            own = contents[int(comes[:-3])] if comes in old else None
            found.append(arrived(comes, 100 + number if copied else number, own=own))
            sha256[key(comes)] = content
        if goes not in new:
            lost.append(left(goes, number, content))
        elif new.index(goes) != number:
            lost.append(left(goes, number, content, gone=False))
    moves = match(lost, found, sha256)
    _sane(moves, lost, found, sha256)
    if not copied:  # copies are looked for only where nothing is any more
        changed = [one for one in found if one.content != Version(sha256[one.seen.key], RECIPE)]
        assert {one.seen.key for one in changed} <= {move.seen.key for move in moves} | _kept(
            lost, sha256
        )


def _kept(lost: list[Left], sha256: dict[Key, str]) -> set[Key]:
    """Places whose content is the same as before although another file is there now."""
    return {
        one.record.key
        for one in lost
        if one.content is not None and sha256.get(one.record.key) == one.content.sha256
    }


def _sane(
    moves: list[Move], lost: list[Left], found: list[Arrived], sha256: dict[Key, str]
) -> None:
    """No document goes to two places, and none to a file with another content."""
    by_key = {one.record.key: one for one in lost}
    assert len({move.old for move in moves}) == len(moves)
    assert len({move.seen.key for move in moves}) == len(moves)
    for move in moves:
        if not move.edited:
            assert by_key[move.old].content == Version(sha256[move.seen.key], RECIPE)
