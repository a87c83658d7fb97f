"""What an answer must rest on and say, judged without a server."""

from __future__ import annotations

import pytest

from kbsync.engine.checking import Check, judged
from kbsync.engine.searching import Freshness, Origin
from kbsync.model import Key

WIFI, LEAVE = Key("docs", "IT/Wi-Fi.md"), Key("docs", "leave.md")


def origin(key: Key, freshness: Freshness = Freshness.CURRENT) -> Origin:
    return Origin(key, "/".join(("/srv", key.path)), freshness)


@pytest.mark.parametrize(
    ("sources", "words", "text", "origins", "problems"),
    [
        ((WIFI,), ("36 Hours",), "It is 36\n  hours.", [origin(WIFI)], ()),
        ((), (), "", [], ()),
        ((WIFI,), (), "", [], ("docs/IT/Wi-Fi.md is not among its sources (none)",)),
        (
            (WIFI,),
            ("48 hours", "voucher"),
            "36 hours",
            [origin(LEAVE)],
            (
                "docs/IT/Wi-Fi.md is not among its sources (docs/leave.md)",
                "it does not say '48 hours'",
                "it does not say 'voucher'",
            ),
        ),
        (
            (WIFI, LEAVE),
            (),
            "",
            [origin(WIFI, Freshness.CHANGED), origin(LEAVE, Freshness.GONE)],
            (
                "it rests on docs/IT/Wi-Fi.md, which is changed since it was indexed",
                "it rests on docs/leave.md, which is no longer there",
            ),
        ),
    ],
)
def test_an_answer_is_judged_by_its_sources_and_its_words(
    sources: tuple[Key, ...],
    words: tuple[str, ...],
    text: str,
    origins: list[Origin],
    problems: tuple[str, ...],
) -> None:
    """Every lack is told; case and line breaks do not matter."""
    assert judged(Check("?", None, sources, words), text, origins) == problems
