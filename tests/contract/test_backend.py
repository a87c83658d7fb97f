"""What every backend does, whatever the server: one suite over all dialects and versions."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from kbsync.backend.interface import Backend
from kbsync.backend.registry import open_backend
from kbsync.errors import Denied, Rejected, Unavailable
from kbsync.model import Document, Failed, Gone, Indexing, Processing, Ready, Remote
from kbsync.standin import Fault, StandIn, running

ECONOMY = Processing(indexing_technique="economy")
TEXT = b"A document about voles, their burrows, and how they get through a long winter below snow."
CREATE = r"/document/create-by-file$|/documents$"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@dataclass
class Time:
    """A clock that only sleeping moves, for the server and its client alike."""

    now: float = 1000.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Side:
    """A workspace of its own on a stand-in, with one dataset, and a backend that talks to it."""

    standin: StandIn
    url: str
    time: Time
    dialect: str
    key: str = field(default_factory=lambda: f"dataset-{uuid.uuid4().hex}")
    backend: Backend = field(init=False)
    dataset: str = field(init=False)

    def __post_init__(self) -> None:
        self.standin.add_workspace(self.key)
        self.standin.faults.clear()
        self.standin.quotas.clear()
        self.dataset = self.create("KB")
        self.standin.forget_requests()
        self.backend = self.connect(self.key)

    def connect(self, key: str, style: str = "auto") -> Backend:
        return open_backend(self.url, key, style, clock=self.time.clock, sleep=self.time.sleep)

    def create(self, name: str, technique: str | None = "economy", **columns: object) -> str:
        """Make a dataset without the API."""
        workspace = self.standin.add_workspace(self.key)
        columns = {"workspace": workspace} | columns
        return self.standin.create_dataset(name, technique, **columns)

    def put(self, name: str = "a.md", body: bytes = TEXT) -> Remote:
        return self.backend.put(self.dataset, Document(name, body, "text/markdown", ECONOMY))

    def progress(self, *remotes: Remote) -> list[object]:
        told = self.backend.progress(self.dataset, remotes)
        assert len(told) == len({remote.document_id for remote in remotes})
        return [told[remote.document_id] for remote in remotes]

    def names(self) -> list[str]:
        return [document.name for document in self.standin.documents(self.dataset)]

    def calls(self, action: Callable[[], object]) -> list[str]:
        """The kinds of the requests that an action makes."""
        self.standin.forget_requests()
        action()
        return [request.kind for request in self.standin.requests]

    def fail(self, kind: str, method: str = "", path: str = "", **fault: Any) -> None:
        self.standin.faults.add(Fault(kind, method, path, **fault))  # type: ignore[arg-type]  # a Kind


Opener = Callable[..., Side]


@contextmanager
def a_server(dialect: str, behave: str, **settings: Any) -> Iterator[Callable[[], Side]]:
    """A running stand-in; gives a maker of sides."""
    time = Time()
    standin = StandIn(dialect=dialect, behave=behave, clock=time.clock, **settings)  # type: ignore[arg-type]  # a literal
    with ExitStack() as stack, running(standin) as url:

        def make() -> Side:
            side = Side(standin, url, time, dialect)
            stack.callback(side.backend.close)
            return side

        yield make
    standin.close()


SERVERS = [(dialect, behave) for dialect in ("dify", "simple") for behave in ("1.10.1", "1.16.1")]


@pytest.fixture(scope="module", params=SERVERS, ids="-".join)
def shared(request: pytest.FixtureRequest) -> Iterator[Callable[[], Side]]:
    """One server of each dialect and version for all tests that need no special one."""
    with a_server(*request.param) as make:
        yield make


@pytest.fixture
def side(shared: Callable[[], Side]) -> Side:
    return shared()


@pytest.fixture(params=SERVERS, ids="-".join)
def opened(request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Opens a side of each dialect and version, with these settings of the stand-in."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(a_server(*request.param, **settings))()


# Datasets and keys


def test_the_dialect_is_found_out(side: Side) -> None:
    """A request or two tell which dialect a server speaks, and what it can do."""
    assert side.backend.style == side.dialect
    assert side.backend.lists == side.backend.has_metadata == (side.dialect == "dify")
    assert len(side.standin.requests) <= 2


def test_whether_the_server_answers(side: Side) -> None:
    """One small question tells whether the server is there."""
    side.standin.forget_requests()
    side.backend.reach()
    assert len(side.standin.requests) == 1
    side.standin.faults.add(Fault("outage", times=None))
    with pytest.raises(Unavailable):
        side.backend.reach()


def test_a_dataset_by_its_id(side: Side) -> None:
    """A dataset is found by its id, and takes documents of its own technique."""
    dataset = side.backend.dataset(side.dataset)
    assert dataset.id == side.dataset
    side.backend.fits(dataset, ECONOMY)


def test_a_dataset_that_is_not_there(side: Side) -> None:
    """An unknown name is refused with what to do about it."""
    with pytest.raises(Denied, match=r"; .*`dataset`"):
        side.backend.dataset("No such dataset")


def test_the_datasets_by_name(side: Side) -> None:
    """Where the server lists datasets, all of the key's are told, by name, over all its pages."""
    if not side.backend.lists:
        assert side.backend.datasets() == []
        return
    for number in range(104):
        side.create(f"more {number:03}")
    side.create("another one", None)
    told = side.backend.datasets()
    assert len({one.id for one in told}) == 106
    assert [one.name for one in told[:3]] == ["another one", "KB", "more 000"]
    assert told[0].indexing_technique is None
    assert (told[1].indexing_technique, told[1].document_count) == ("economy", 0)


def test_whether_there_is_a_model(opened: Opener) -> None:
    """A server with, and one without an embedding model is told; an older route is unknown."""
    without, having = opened(), opened(embedding_model=True)
    if without.dialect == "simple":
        assert without.backend.embeds is having.backend.embeds is None
        return
    assert without.backend.embeds is False
    assert having.backend.embeds is True
    having.fail("proxy-413", "GET", "/models/")
    assert having.backend.embeds is None


def test_a_wrong_key(side: Side) -> None:
    """A wrong key is told as such, and not shown."""
    side.put()
    backend = side.connect("dataset-wr0ng", side.backend.style)
    document = Document("b.md", TEXT, "text/markdown", ECONOMY)
    with pytest.raises(Denied, match="refused the API key") as caught:
        backend.put(side.dataset, document)
    backend.close()
    assert "wr0ng" not in str(caught.value)
    assert side.names() == ["a.md"]


# Documents


def test_a_document_is_sent_as_it_is(side: Side) -> None:
    """The server has exactly the bytes and the name that were put."""
    name, body = "guides › Größe & Maß [3fa9c1d2e5b7-77ab0e12].md", "Größe\r\n".encode() * 50
    remote = side.put(name, body)
    assert (remote.dataset_id, remote.name) == (side.dataset, name)
    stored = side.standin.documents(side.dataset)
    assert [(one.id, one.name, one.body) for one in stored] == [(remote.document_id, name, body)]


def test_the_same_name_again(side: Side) -> None:
    """Where the server knows names, the same name again is the same one document."""
    first, second = side.put(body=TEXT), side.put(body=TEXT * 2)
    stored = side.standin.documents(side.dataset)
    if side.backend.lists:
        assert [one.body for one in stored] == [TEXT * 2]
        assert first.document_id == second.document_id
    else:
        assert [one.body for one in stored] == [TEXT, TEXT * 2]


def test_progress(opened: Opener) -> None:
    """A document is being indexed until it is ready, with segments where they are counted."""
    side = opened(pace=10.0)
    remotes = [side.put(f"{number}.md") for number in range(2)]
    assert all(isinstance(one, Indexing) for one in side.progress(*remotes))
    side.time.now += 30
    assert all(isinstance(one, Ready) for one in side.progress(*remotes))


def test_indexing_that_fails(side: Side) -> None:
    """A document that could not be indexed is failed, with the server's reason or ours."""
    side.fail("index-error", name="^bad", text="Incorrect password error")
    good, bad = side.put("good.md"), side.put("bad.md")
    told = side.progress(good, bad)
    assert isinstance(told[0], Ready)
    assert isinstance(told[1], Failed)
    if side.backend.lists:
        assert told[1].reason == "Incorrect password error"


def test_a_document_that_is_gone(side: Side) -> None:
    """A document that is not there is gone, and the others are not."""
    there, deleted = side.put("a.md"), side.put("b.md")
    side.backend.delete(deleted)
    unknown = Remote(side.dataset, UNKNOWN, "c.md")
    assert [type(one) for one in side.progress(there, deleted, unknown)] == [Ready, Gone, Gone]
    assert side.progress(unknown) == [Gone()]
    assert side.backend.progress(side.dataset, []) == {}


def test_delete(side: Side) -> None:
    """A delete leaves nothing, and deleting again, or what never was, is a success."""
    remote, other = side.put("a.md"), side.put("b.md")
    side.backend.delete(remote)
    side.backend.delete(remote)
    side.backend.delete(Remote(side.dataset, UNKNOWN, "c.md"))
    assert side.names() == [other.name]


def test_delete_while_indexing(opened: Opener) -> None:
    """A document that is still being indexed can be deleted."""
    side = opened(pace=1000.0)
    side.backend.delete(side.put())
    assert side.names() == []


# Refusals


def test_a_type_that_the_server_does_not_take(side: Side) -> None:
    """A file that the server does not take is its own fault, and nothing else's."""
    with pytest.raises(Rejected, match="type"):
        side.put("a.exe")
    assert isinstance(side.progress(side.put("a.md"))[0], Ready)


def test_a_file_that_is_too_large(opened: Opener) -> None:
    """A file above the server's limit is its own fault."""
    side = opened(size_limit=50)
    with pytest.raises(Rejected, match=r"large|size"):
        side.put(body=b"x" * 51)


def test_a_proxy_that_finds_a_file_too_large(side: Side) -> None:
    """A proxy's limit is told as the proxy's."""
    side.fail("proxy-413", "POST")
    with pytest.raises(Rejected, match="client_max_body_size"):
        side.put()


def test_a_server_without_a_model(side: Side) -> None:
    """No embedding model is a matter of the server, not of the document."""
    dataset = side.create("new", None)
    document = Document("a.md", TEXT, "text/markdown", Processing())
    with pytest.raises(Denied, match='"economy"'):
        side.backend.put(dataset, document)


# Lost answers


@pytest.mark.parametrize("kind", ["cut-before", "cut-after", "500-before", "500-after"])
def test_a_lost_answer_to_a_create(side: Side, kind: str) -> None:
    """A create without an answer is not repeated, and says that it may have happened."""
    side.fail(kind, "POST", CREATE)
    with pytest.raises(Unavailable) as caught:
        side.put()
    assert caught.value.ambiguous
    assert len(side.names()) == (kind.endswith("after"))
    if side.backend.lists:
        found = side.backend.find(side.dataset, "a.md")
        assert [one.name for one in found] == side.names()


@pytest.mark.parametrize("kind", ["cut-before", "cut-after", "500-after", "proxy-502"])
def test_a_lost_answer_to_a_delete(side: Side, kind: str) -> None:
    """A delete without an answer is repeated until it is sure."""
    remote = side.put()
    side.fail(kind, "DELETE", times=2)
    side.backend.delete(remote)
    assert side.names() == []


def test_a_lost_answer_to_a_question(side: Side) -> None:
    """Asking again is harmless, and done."""
    remote = side.put()
    side.fail("cut-before", "GET", times=2)
    assert isinstance(side.progress(remote)[0], Ready)


def test_too_many_requests(side: Side) -> None:
    """A refusal for too many requests surely had no effect, and is waited out."""
    side.fail("429", "POST", times=2, seconds=30.0)
    before = side.time.now
    side.put()
    assert side.names() == ["a.md"]
    assert side.time.now >= before + 60


def test_an_outage(side: Side) -> None:
    """A server that is away is Unavailable, for reading and writing, and found again later."""
    side.fail("outage")
    remote = Remote(side.dataset, UNKNOWN, "a.md")
    for call in (side.put, lambda: side.progress(remote), lambda: side.backend.delete(remote)):
        with pytest.raises(Unavailable):
            call()
    side.standin.faults.clear()
    side.time.now += 10
    assert side.progress(side.put())
