"""Disk and ledger are compared in one pass: both tell their paths in the same order."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kbsync import scan
from kbsync.ledger import Ledger
from kbsync.model import Key, Put, Seen, Stamp
from tests.integration.scanning import ALL, seen_paths, walked

STAMP = Stamp(10, 1_000, 1_001, 7, 1)

# What sorts around "/", before and behind other characters, and what is not UTF-8.
_NAMES = st.sampled_from(
    [
        "a",
        "b",
        "a b",
        "a!",
        "a-b",
        "a.md",
        "a0",
        "é",
        "\uffff",
        "\U0001f600",
        "c\udce9",
        "c\udcc3\udce9",
    ]
)
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map(lambda names: "/".join(names) + "~.md")


@settings(max_examples=60, deadline=None)
@given(on_disk=st.sets(_PATHS, max_size=25), in_ledger=st.sets(_PATHS, max_size=25), data=st.data())
def test_every_row_is_met_or_left(
    on_disk: set[str], in_ledger: set[str], data: st.DataObject
) -> None:
    """Whatever the names are, a row whose file is there is met, and every other row is left."""
    below = data.draw(st.sampled_from(["", "a", "é", "c\udce9"]))
    inside = {path for path in on_disk | in_ledger if not below or path.startswith(f"{below}/")}
    with tempfile.TemporaryDirectory() as place, Ledger.open(Path(place, "ledger.db")) as ledger:
        root = Path(place, "root")
        root.mkdir()
        for path in on_disk:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text("text")
        stamps = {item.key.path: item.stamp for item in walked(root) if isinstance(item, Seen)}
        rows = [Seen(Key("f", path), stamps.get(path, STAMP)) for path in sorted(in_ledger)]
        ledger.observe([Put(row, "new") for row in rows], 1.0)
        settled = scan.Settled(ledger.known("f", lambda _: "r", below))
        told = list(scan.walk(root, "f", ALL, max_size=9, settled=settled, below=below))
        left = settled.left()
    assert sorted(left) == sorted((in_ledger - on_disk) & inside)
    assert settled.unchanged == len(in_ledger & on_disk & inside)
    assert seen_paths(told) == sorted((on_disk - in_ledger) & inside)


@pytest.mark.parametrize("count", [999, 1_000, 1_001, 2_500])
def test_pages_join(tmp_path: Path, count: int) -> None:
    """Rows come page by page, none is lost or told twice between two pages."""
    paths = [f"{number // 7}/{number}.md" for number in range(count)]
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.observe([Put(Seen(Key("f", path), STAMP), "new") for path in paths], 1.0)
        ledger.observe([Put(Seen(Key("g", path), STAMP), "new") for path in paths[:3]], 1.0)
        assert [path for path, _ in ledger.known("f", lambda _: "r")] == sorted(paths)
        below = [path for path in sorted(paths) if path.startswith("12/")]
        assert [path for path, _ in ledger.known("f", lambda _: "r", "12")] == below


def test_file_beside_directory(tmp_path: Path) -> None:
    """Files are told in the order of their whole paths, with what is below directories between."""
    for path in ("b/x.md", "a.md", "a/z.md", "b-.md", "b0.md"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("text")
    assert seen_paths(walked(tmp_path)) == ["a.md", "a/z.md", "b-.md", "b/x.md", "b0.md"]
