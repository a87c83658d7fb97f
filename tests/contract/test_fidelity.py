"""The stand-in answers as the real servers did, exchange for exchange.

Every row of the record is repeated over a socket, those that no sync client depends on as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from kbsync.standin import StandIn, running

from .compare import Aftermath, consequences, differences
from .own_servers import ON_OUR_OWN, OwnServer
from .place import Place
from .record import VERSIONS, Record, Row, load
from .setups import ANYWHERE

RECORDS = {version: load(version) for version in VERSIONS}


class Servers:
    """The running stand-ins of one version: one for most rows, further ones for special states."""

    def __init__(self, version: str, stack: ExitStack) -> None:
        self.version = version
        self._stack = stack
        self._common: Place | None = None
        self._kept: dict[str, tuple[Place, dict[str, str]]] = {}

    @contextmanager
    def ready(self, setup: str) -> Iterator[Place]:
        """A place in the state of a set-up, for one row."""
        own = ON_OUR_OWN.get(setup)
        if own is None:
            yield from self._ready_in_common(setup)
        elif own.kept:
            if setup not in self._kept:
                place = self._start(self._stack, own)
                self._kept[setup] = place, place.words
            place, words = self._kept[setup]
            place.begin(words)
            yield place
        else:
            with ExitStack() as stack:
                yield self._start(stack, own)

    def _ready_in_common(self, setup: str) -> Iterator[Place]:
        if self._common is None:
            self._common = self._start(self._stack)
        self._common.begin()
        self._common.words.update(ANYWHERE[setup](self._common))
        yield self._common
        self._common.remove_datasets()

    def _start(self, stack: ExitStack, own: OwnServer | None = None) -> Place:
        standin = StandIn(behave=self.version, **(own.settings if own else {}))
        stack.callback(standin.close)
        base_url = stack.enter_context(running(standin))
        place = stack.enter_context(Place(base_url, standin.key, tidy=own is None))
        if own is not None:
            place.begin(own.before(standin))
            place.words.update(own.make(place))
            own.after(standin, place.words)
        return place


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Servers]]:
    with ExitStack() as stack:
        yield {version: Servers(version, stack) for version in VERSIONS}


def sentence(record: Record, row: Row) -> str:
    """What a row says, in words."""
    said = f"{record.version}: {row.name.replace('-', ' ')} is answered {row.answer.status}"
    return f"{said} {row.answer.code}" if row.answer.code else said


@pytest.mark.parametrize(
    ("record", "row"),
    [
        pytest.param(record, row, id=sentence(record, row))
        for record in RECORDS.values()
        for row in record.rows
    ],
)
def test_the_stand_in_agrees(servers: dict[str, Servers], record: Record, row: Row) -> None:
    """Status, code, message, keys, values and what follows are those of the real server."""
    with servers[record.version].ready(row.setup) as place:
        before = place.documents(place.words["dataset"]) if "unchanged" in row.then else []
        got = place.exchange(row.request)
        found = [*differences(row.answer, got, place.words, record.shapes, exact=True)]
        if got.headers.get("X-Version") != record.version:
            found.append(f"X-Version: {got.headers.get('X-Version')}")
        if not found:
            found += consequences(Aftermath(row, place, got, before))
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
