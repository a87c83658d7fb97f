"""What is news, to whom: from values to values."""

from __future__ import annotations

import pytest

from kbsync.notices import (
    KINDS,
    Condition,
    Notice,
    news,
    text_of,
    title_of,
    told_after,
    told_meanwhile,
)


def failed(count: int, folder: str = "docs") -> Condition:
    return Condition("failed", folder, count, f"{folder}: {count} failed", ("docs/a.md",))


def held(count: int, folder: str = "docs") -> Condition:
    return Condition("held", folder, count, f"{folder}: {count} held")


PROBLEM = Condition("problem", "", 1, "the server does not answer")


@pytest.mark.parametrize(
    ("told", "now", "expected"),
    [
        ({}, [], []),
        ({}, [failed(1000)], ["docs: 1000 failed"]),
        ({"failed docs": 1000}, [failed(1000)], []),
        ({"failed docs": 1000}, [failed(999)], []),
        ({"failed docs": 1000}, [failed(1001)], ["docs: 1001 failed"]),
        ({"failed docs": 1}, [], ["docs: no file fails any more"]),
        (
            {"failed docs": 1},
            [failed(1, "legal")],
            ["legal: 1 failed", "docs: no file fails any more"],
        ),
        ({"problem ": 1}, [], ["the work goes on"]),
        ({}, [PROBLEM, failed(1), held(2)], [PROBLEM.text, "docs: 1 failed", "docs: 2 held"]),
        ({"check Who? Me": 1}, [], ["Who? Me: answered as it should be again"]),
    ],
)
def test_news(told: dict[str, int], now: list[Condition], expected: list[str]) -> None:
    """What began, got more or is over, once each, the worst first."""
    assert [notice.text for notice in news(told, now, KINDS)] == expected


def test_only_what_is_wanted() -> None:
    """A hook hears of its kinds alone, and of the end only if it wants to."""
    now = [PROBLEM, failed(3), held(2)]
    assert [notice.kind for notice in news({}, now, ["held"])] == ["held"]
    assert told_after(now, ["held"]) == {"held docs": 2}
    assert news({"held docs": 2}, [], ["held"]) == []
    assert [notice.kind for notice in news({"held docs": 2}, [], ["held", "recovered"])] == [
        "recovered"
    ]


def test_less_is_remembered() -> None:
    """After some were mended, as many as before are news again."""
    told = told_meanwhile({"failed docs": 5, "held docs": 1}, [failed(2)])
    assert told == {"failed docs": 2, "held docs": 1}
    assert [notice.count for notice in news(told, [failed(5), held(1)], KINDS)] == [5]


def test_how_it_is_said() -> None:
    """One line for the first, the rest counted; then all of it, with some of the files."""
    notices = [Notice("failed", "docs", "docs: 3 files failed", 3, ("docs/a.md", "docs/b.md"))]
    assert title_of("host", notices) == "kbsync on host: docs: 3 files failed"
    assert text_of(notices).splitlines() == [
        "docs: 3 files failed",
        "  docs/a.md",
        "  docs/b.md",
        "  and 1 more",
    ]
    notices.append(Notice("held", "docs", "docs: 2 held", 2))
    assert title_of("host", notices).endswith("failed (and 1 more)")
    assert text_of(notices).splitlines()[-1] == "docs: 2 held"
