"""How `kbsync status` puts many folders and failures on a small terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from kbsync.commands.status_facts import View
from kbsync.commands.status_view import screen, shares, show
from kbsync.ledger import Trouble
from kbsync.model import Key, State


@pytest.mark.parametrize(
    ("counts", "width", "lengths"),
    [
        ([0, 0, 0], 10, [0, 0, 0]),
        ([5, 0, 0], 10, [10, 0, 0]),
        ([1, 1, 0], 10, [5, 5, 0]),
        ([100_000, 1, 1], 10, [8, 1, 1]),
        ([1, 1, 100_000], 10, [1, 1, 8]),
        ([2, 1, 0], 10, [7, 3, 0]),
    ],
)
def test_shares(counts: list[int], width: int, lengths: list[int]) -> None:
    """A bar is full when there is anything, and what is not zero is to be seen."""
    assert shares(counts, width) == lengths


def folder(name: str, **counts: int) -> dict[str, Any]:
    return {
        "name": name,
        "counts": {state.value: counts.get(state.value, 0) for state in State},
        "trash": {"count": 0, "next_purge": None},
        "drift": {"findings": 0, "last_audit": None},
        "held": None,
        "watch": "native",
        "lost_events": 0,
        "last_scan": None,
        "next_scan": None,
        "watch_problem": None,
        "oldest_pending_seconds": 0,
    }


def failures(count: int, reason: str = "no text layer") -> list[Trouble]:
    return [
        Trouble(Key("docs", f"{number}.md"), State.FAILED, reason, 1, None)
        for number in range(count)
    ]


def view(*troubles: Trouble, every: bool = False) -> View:
    server = {"base_url": "http://dify.example/v1", "api_style": "dify", "reachable": None}
    rows = [folder("docs", completed=12_431, failed=len(troubles), pending=7)]
    return View(server=server, service=None, rows=rows, troubles=troubles, every=every)


def printed(view: View, width: int = 80) -> list[str]:
    out = io.StringIO()
    show(view, Console(file=out, width=width))
    return out.getvalue().splitlines()


def test_many_failures_of_one_kind_are_one_line() -> None:
    """A thousand files that failed for one reason are told once, with another reason beside."""
    lines = printed(view(*failures(1000), *failures(1, "too large")))
    assert [line for line in lines if "failed " in line][1:] == [
        "failed   docs/0.md and 999 more: no text layer; --every lists them",
        "failed   docs/0.md: too large",
    ]
    assert sum("no text layer" in line for line in printed(view(*failures(3)))) == 3
    assert sum("no text" in line for line in printed(view(*failures(9), every=True))) == 9


def test_the_table_fits_the_terminal() -> None:
    """Numbers are whole and lines within the width, on a narrow terminal and on a wide one."""
    for width in (62, 80, 132):
        out = io.StringIO()
        console = Console(file=out, width=width, height=12, force_terminal=True, color_system=None)
        console.print(screen(view(*failures(3), *failures(300, "too large")), *console.size))
        lines = out.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        assert len(lines) <= 12
        assert any("12,431" in line and "docs" in line for line in lines)
        assert ("#" in out.getvalue()) == (width == 132)


def test_a_folder_is_one_line() -> None:
    """A column that has no room is left out, and makes no row longer."""
    assert printed(view(*failures(1)), 59)[2] == "docs: 12,431 searchable, 7 waiting, 1 failed"
    for width in (60, 70, 72, 90):
        lines = printed(view(), width)
        assert len(lines) == len(["server", "service", "titles", "docs"])
        assert ("scanned" in lines[2]) == (width >= 72)
        assert lines[3].split()[1:6] == ["12,431", "7", "0", "0", "0"]


def test_long_lines_stay_whole_in_a_pipe() -> None:
    """What is told of a file is one line, however long, for whoever greps."""
    reason = "a long reason " * 30
    assert any(line.endswith(reason) for line in printed(view(*failures(1, reason))))


def test_a_hook_that_does_not_work_is_told() -> None:
    """With why, by its name, whatever the reason is made of."""
    service = {"pid": 7, "hooks": ["workflow report.key: run 1 failed: no [b]tokens[/b]"]}
    shown = Console(file=io.StringIO(), width=100)
    show(View({"base_url": "x", "api_style": "dify", "reachable": None}, service, [], []), shown)
    assert isinstance(shown.file, io.StringIO)
    assert "not told workflow report.key: run 1 failed: no [b]tokens[/b]" in shown.file.getvalue()
