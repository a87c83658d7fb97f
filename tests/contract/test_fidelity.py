"""The stand-in answers as the real servers did, exchange for exchange.

Every recorded row is repeated over a socket. A row that a sync client depends on must agree; the others
must, too, unless they are named in ``UNLIKE``, and one that is named there must really differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kbsync.standin import StandIn, running

from .compare import consequences, differences
from .place import Place
from .record import VERSIONS, Record, Row, load
from .setups import ANYWHERE, ON_OUR_OWN, OwnServer

RECORDS = {version: load(version) for version in VERSIONS}
UNLIKE: dict[str, str] = {}
"""Rows nobody depends on that the stand-in answers otherwise: name to reason."""


class Servers:
    """The running stand-ins of one version: one for most rows, further ones for special states."""

    def __init__(self, version: str, stack: ExitStack) -> None:
        self.version = version
        self._stack = stack
        self._common: Place | None = None
        self._kept: dict[str, tuple[Place, dict[str, str]]] = {}

    def ready(self, setup: str) -> tuple[Place, ExitStack]:
        """A place in the state of a set-up, and what to close after the row."""
        own = ON_OUR_OWN.get(setup)
        if own is None:
            place = self._common = self._common or self._start(self._stack)
            if setup != "listing":
                place.begin()
                place.words.update(ANYWHERE[setup](place))
                return place, _removing(place)
            own = OwnServer(ANYWHERE[setup], kept=True)
        if own.kept and setup in self._kept:
            place, words = self._kept[setup]
            place.begin(words)
            return place, ExitStack()
        stack = self._stack if own.kept else ExitStack()
        place = self._start(stack, own)
        self._kept[setup] = place, dict(place.words)
        return place, ExitStack() if own.kept else stack

    def _start(self, stack: ExitStack, own: OwnServer | None = None) -> Place:
        standin = StandIn(behave=self.version, **(own.settings if own else {}))
        place = stack.enter_context(Place(stack.enter_context(running(standin)), standin.key))
        if own is not None:
            place.begin(own.prepare(standin))
            place.words.update(own.make(place))
            own.afterwards(standin)
        return place


def _removing(place: Place) -> ExitStack:
    stack = ExitStack()
    stack.callback(place.remove_datasets)
    return stack


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Servers]]:
    with ExitStack() as stack:
        yield {version: Servers(version, stack) for version in VERSIONS}


def rows(*, depended_on: bool) -> Iterator[object]:
    """The rows as test parameters, each named by the sentence that it checks."""
    for version, record in RECORDS.items():
        for row in record.rows:
            if row.depends is depended_on:
                marks = [pytest.mark.xfail(reason=UNLIKE[row.name])] if row.name in UNLIKE else []
                yield pytest.param(record, row, marks=marks, id=f"{version}: {sentence(row)}")


def sentence(row: Row) -> str:
    """What a row says, in words."""
    said = f"{row.name.replace('-', ' ')} is answered {row.answer.status}"
    return f"{said} {row.answer.code}" if row.answer.code else said


@pytest.mark.parametrize(("record", "row"), rows(depended_on=True))
def test_the_stand_in_agrees_where_a_client_depends_on_it(
    servers: dict[str, Servers], record: Record, row: Row
) -> None:
    """Status, code, message, keys, values and the state that follows are those of the real server."""
    _agrees(servers[record.version], record, row)


@pytest.mark.parametrize(("record", "row"), rows(depended_on=False))
def test_the_stand_in_agrees_or_is_known_to_differ_elsewhere(
    servers: dict[str, Servers], record: Record, row: Row
) -> None:
    """A row that no client depends on agrees as well, or stands in UNLIKE and differs."""
    _agrees(servers[record.version], record, row)


def _agrees(servers: Servers, record: Record, row: Row) -> None:
    place, after = servers.ready(row.setup)
    with after:
        before = place.documents(place.words["dataset"]) if "unchanged" in row.then else []
        got = place.exchange(row.request)
        found = [*differences(row.answer, got, place.words, record.shapes, exact=True)]
        if not found:
            found += consequences(row, place, got, before)
    assert not found, "\n".join([f"{row.request['request']} ({row.setup}) differs:", *found])


@pytest.mark.parametrize("version", VERSIONS)
def test_the_record_is_whole(version: str) -> None:
    """Every recorded exchange is a row or is left out with a reason, once."""
    record = RECORDS[version]
    names = Counter(row.name for row in record.rows)
    left_out = [name for names in record.left_out.values() for name in names]
    assert len(record.rows) == record.exchanges
    assert [name for name, times in names.items() if times > 1] == []
    assert not set(left_out) & set(names)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_row_says_why_nobody_depends_on_it(version: str) -> None:
    """A row has a reason exactly if no client depends on it."""
    assert [row.name for row in RECORDS[version].rows if row.depends == bool(row.why)] == []


def test_nothing_a_client_depends_on_is_excused() -> None:
    """UNLIKE names recorded rows only, and none that a client depends on."""
    excusable = {row.name for r in RECORDS.values() for row in r.rows if not row.depends}
    depended_on = {row.name for r in RECORDS.values() for row in r.rows if row.depends}
    assert set(UNLIKE) <= excusable - depended_on


def test_the_record_names_no_place_outside_the_repository() -> None:
    """The data can be read by anyone: no machine's paths in it."""
    for version in VERSIONS:
        text = (Path(__file__).parent / f"dify-{version}.jsonl").read_text("utf-8")
        assert "/work/" not in text
        assert "/tmp/" not in text
