"""A live server answers as one of the recorded versions did.

Runs when ``KBSYNC_LIVE_URL`` (ending in /v1) and ``KBSYNC_LIVE_KEY`` are set. Every dataset it
uses it makes itself, named ``kbsync-contract-...``, and removes. A row agrees if it matches the
record of either version; more keys than recorded are no difference. The records are of servers
with ``ETL_TYPE=dify``; with Unstructured, rows about file extensions differ rightly.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .compare import Aftermath, consequences, differences
from .place import Place
from .record import VERSIONS, Record, Row, load
from .setups import ANYWHERE

URL = os.environ.get("KBSYNC_LIVE_URL", "").rstrip("/")
KEY = os.environ.get("KBSYNC_LIVE_KEY", "")
PATIENCE = 120.0  # seconds for a document to be indexed

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not (URL and KEY), reason="KBSYNC_LIVE_URL and KBSYNC_LIVE_KEY are not set"),
]


def rows() -> dict[str, list[tuple[Record, Row]]]:
    """By name the rows of all versions, the newest first."""
    found: dict[str, list[tuple[Record, Row]]] = {}
    for version in reversed(VERSIONS):
        record = load(version)
        for row in record.rows:
            found.setdefault(row.name, []).append((record, row))
    return found


ROWS = rows()


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with Place(URL, KEY, patience=PATIENCE) as live:
        yield live


@pytest.fixture(scope="module")
def listing() -> Iterator[tuple[Place, dict[str, str]]]:
    with Place(URL, KEY, patience=PATIENCE) as live:
        live.begin()
        live.words.update(ANYWHERE["listing"](live))
        yield live, dict(live.words)


@pytest.fixture(scope="module")
def version(place: Place) -> str:
    """What the server says that it is."""
    return str(place.call("GET", "/datasets").headers.get("X-Version", "unknown"))


@pytest.mark.parametrize("name", [*ROWS] if URL and KEY else ["no live server"])
def test_a_live_server_agrees_with_one_of_the_records(
    name: str, place: Place, version: str, request: pytest.FixtureRequest
) -> None:
    """Status, code, message, keys, values and what follows are those of a recorded version."""
    candidates = ROWS[name]
    if not all(row.live and row.setup in ANYWHERE for _, row in candidates):
        pytest.skip(f"{candidates[0][1].setup!r}: says nothing about a live server")
    failed = []
    for record, row in candidates:
        found = _differences(place, record, row, request)
        if not found:
            return
        failed += [f"against {record.version}:", *found]
    recorded = [record.version for record, _ in candidates]
    if len(recorded) == 1 and version not in recorded:
        pytest.skip(f"differs from {recorded[0]}, the only record of it; this server is {version}")
    pytest.fail("\n".join([candidates[0][1].request["request"], *failed]))


def _differences(
    place: Place, record: Record, row: Row, request: pytest.FixtureRequest
) -> list[str]:
    if row.setup == "listing":
        place, words = request.getfixturevalue("listing")
        place.begin(words)
    else:
        place.begin()
        place.words.update(ANYWHERE[row.setup](place))
    try:
        before = place.documents(place.words["dataset"]) if "unchanged" in row.then else []
        got = place.exchange(row.request)
        for answer in row.also:
            if not [*differences(answer, got, place.words, record.shapes, exact=False)]:
                return []
        found = [*differences(row.answer, got, place.words, record.shapes, exact=False)]
        return found or [*consequences(Aftermath(row, place, got, before))]
    finally:
        if row.setup != "listing":
            place.remove_datasets()
