"""What a backend does with what only Dify servers have: names, lists, archives, updates, search."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import httpx
import pytest

from kbsync.errors import Denied, Missing, Unavailable
from kbsync.model import (
    Document,
    Failed,
    Gone,
    Listed,
    Processing,
    Ready,
    Remote,
    StatusAction,
)

from .test_backend import ECONOMY, TEXT, UNKNOWN, Opener, Side, a_server


@pytest.fixture(scope="module", params=["1.10.1", "1.16.1"])
def shared(request: pytest.FixtureRequest) -> Iterator[Callable[[], Side]]:
    with a_server("dify", request.param) as make:
        yield make


@pytest.fixture
def side(shared: Callable[[], Side]) -> Side:
    return shared()


@pytest.fixture(params=["1.10.1", "1.16.1"])
def opened(request: pytest.FixtureRequest) -> Iterator[Opener]:
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(a_server("dify", request.param, **settings))()


def patch(side: Side, action: str, remote: Remote) -> None:
    answer = httpx.patch(
        f"{side.url}/datasets/{side.dataset}/documents/status/{action}",
        headers={"Authorization": f"Bearer {side.key}"},
        json={"document_ids": [remote.document_id]},
    )
    assert answer.status_code == 200, answer.text


def filled(side: Side, count: int) -> list[Remote]:
    """So many documents, made without the API."""
    ids = [side.standin.add_document(side.dataset, f"{number}.md", TEXT) for number in range(count)]
    return [Remote(side.dataset, one, f"{number}.md") for number, one in enumerate(ids)]


# Datasets


def test_a_dataset_by_its_exact_name(side: Side) -> None:
    """A name is found whatever LIKE makes of its characters, and only in its own case."""
    names = ["100%", "100", "a_b", "aXb", "A_B", "back\\slash", "backslash", "Übung", "%"]
    ids = {name: side.create(name) for name in names}
    for name, dataset_id in ids.items():
        assert side.backend.dataset(name).id == dataset_id
    with pytest.raises(Denied, match="there is no dataset"):
        side.backend.dataset("kb")


def test_a_dataset_among_many(side: Side) -> None:
    """A name is found behind the first page, among names that contain it."""
    wanted = side.create("x")
    for number in range(110):
        side.create(f"x{number}")
    assert side.backend.dataset("x").id == wanted


def test_a_colleagues_dataset(side: Side) -> None:
    """A dataset that a colleague keeps to himself is found by its name."""
    wanted = side.create("Private", created_by="a colleague")
    assert side.backend.dataset("Private").id == wanted


def test_two_datasets_of_one_name(side: Side) -> None:
    """Two of the name are refused with both ids, to choose from."""
    other = side.create("KB")
    with pytest.raises(Denied, match="2 datasets") as caught:
        side.backend.dataset("KB", create=ECONOMY)
    assert side.dataset in str(caught.value)
    assert other in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"provider": "external"}, "external"),
        ({"runtime_mode": "rag_pipeline"}, "pipeline"),
        ({"enable_api": False}, "API access"),
    ],
)
def test_a_dataset_that_takes_no_documents(
    side: Side, columns: dict[str, str | bool], says: str
) -> None:
    """A dataset to which nothing can be sent is refused with the reason, by name and by id."""
    side.standin.change_dataset(side.dataset, **columns)
    for reference in ("KB", side.dataset):
        with pytest.raises(Denied, match=says):
            side.backend.dataset(reference)


def test_a_dataset_of_another_workspace(side: Side) -> None:
    """Another workspace's dataset is refused, by name and by id."""
    workspace = side.standin.add_workspace("dataset-other")
    foreign = side.create("Theirs", workspace=workspace)
    for reference in ("Theirs", foreign, UNKNOWN):
        with pytest.raises(Denied):
            side.backend.dataset(reference)


def test_a_dataset_is_made(side: Side) -> None:
    """A missing dataset is made once, with the technique that is wanted, for everybody to see."""
    made = side.backend.dataset("New", create=ECONOMY)
    assert (made.name, made.indexing_technique) == ("New", "economy")
    assert side.backend.dataset("New", create=ECONOMY).id == made.id
    assert side.backend.dataset(made.id).id == made.id


@pytest.mark.parametrize("kind", ["cut-after", "500-after", "500-before", "cut-before"])
def test_a_lost_answer_to_the_making(side: Side, kind: str) -> None:
    """A dataset whose creation had no answer is looked for before it is made again."""
    side.fail(kind, "POST", "/datasets$")
    try:
        first = side.backend.dataset("New", create=ECONOMY)
    except Unavailable:
        first = side.backend.dataset("New", create=ECONOMY)
    assert side.backend.dataset("New") == first


def test_two_folders_make_one_dataset(side: Side) -> None:
    """Threads that want the same missing dataset get the same one."""
    made: list[str] = []

    def make() -> None:
        made.append(side.backend.dataset("New", create=ECONOMY).id)

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 6
    assert len(set(made)) == 1


@pytest.mark.parametrize("processing", [ECONOMY, Processing()], ids=["long name", "no model"])
def test_a_dataset_that_cannot_be_made(side: Side, processing: Processing) -> None:
    """A dataset that the server does not make is refused with its reason."""
    with pytest.raises(Denied, match=r"40 characters|model"):
        side.backend.dataset("x" * 41 if processing is ECONOMY else "New", create=processing)


def test_what_does_not_fit(side: Side) -> None:
    """A dataset of another technique or form is refused with the setting to change."""
    side.put()
    dataset = side.backend.dataset("KB")
    side.backend.fits(dataset, ECONOMY)
    with pytest.raises(Denied, match="set indexing_technique = 'economy'"):
        side.backend.fits(dataset, Processing())
    with pytest.raises(Denied, match="set doc_form = 'text_model'"):
        side.backend.fits(dataset, replace(ECONOMY, doc_form="qa_model"))
    document = Document("b.md", TEXT, "text/markdown", replace(ECONOMY, doc_form="qa_model"))
    with pytest.raises(Denied, match="doc_form is different"):
        side.backend.put(side.dataset, document)


# Lists


def test_find(side: Side) -> None:
    """Only documents of exactly the name are found, all of them, whatever LIKE makes of it."""
    names = ["a_b.md", "aXb.md", "A_b.md", "100%.md", "100.md", "x.md", "x.md", "xx.md"]
    ids = [side.standin.add_document(side.dataset, name, TEXT) for name in names]
    for name in set(names):
        wanted = {one for one, its in zip(ids, names, strict=True) if its == name}
        found = side.backend.find(side.dataset, name)
        assert {one.document_id for one in found} == wanted
    assert side.backend.find(side.dataset, "b.md") == []
    assert side.backend.find(UNKNOWN, "a_b.md") == []


def test_all_documents(side: Side) -> None:
    """Every document is listed once, with what the list tells of it."""
    filled(side, 200)
    ours = side.put()
    listed = {one.document_id: one for one in side.backend.documents(side.dataset)}
    assert len(listed) == 201
    told = listed[ours.document_id]
    assert (told.name, told.size, told.enabled, told.archived) == ("a.md", len(TEXT), True, False)
    assert isinstance(told.progress, Ready)
    assert told.metadata == {}


@pytest.mark.parametrize("kind", ["shift-insert", "shift-skip"])
def test_a_list_that_shifts(side: Side, kind: str) -> None:
    """What is added or deleted while a list is read hides no document."""
    remotes = filled(side, 250)
    side.fail(kind, times=3)
    listed = [one.document_id for one in side.backend.documents(side.dataset)]
    assert len(listed) == len(set(listed))
    assert {one.document_id for one in remotes} <= set(listed)


def test_a_list_that_never_stands_still(side: Side) -> None:
    """A list that cannot be read whole is Unavailable rather than short."""
    filled(side, 150)
    side.fail("shift-skip", times=None)
    with pytest.raises(Unavailable, match="kept changing"):
        list(side.backend.documents(side.dataset))


@pytest.mark.parametrize("kind", ["cut-before", "plugin-daemon", "proxy-502"])
def test_a_list_that_breaks_off(side: Side, kind: str) -> None:
    """A list of which a page does not come is Unavailable rather than short."""
    filled(side, 150)
    side.fail(kind, "GET", times=None)
    with pytest.raises(Unavailable):
        list(side.backend.documents(side.dataset))


def test_the_list_of_no_dataset(side: Side) -> None:
    """A dataset that is not there has no empty list."""
    with pytest.raises(Missing):
        list(side.backend.documents(UNKNOWN))


# Progress


def test_the_cost_of_progress(side: Side) -> None:
    """Many are asked for by pages of a hundred, few of many documents one by one."""
    remotes = filled(side, 250)
    assert side.calls(lambda: side.progress(*remotes)) == ["list"] * 3
    assert side.calls(lambda: side.progress(*remotes[-100:])) == ["list"]
    assert side.calls(lambda: side.progress(remotes[0])) == ["get"]
    assert side.calls(lambda: side.progress(remotes[0], remotes[1])) == ["list", "get", "get"]


@pytest.mark.parametrize("kind", ["shift-insert", "shift-skip"])
def test_nothing_is_gone_because_a_list_shifts(side: Side, kind: str) -> None:
    """What a shifting list hides is asked for by itself before it counts as gone."""
    remotes = filled(side, 250)
    side.fail(kind, times=None)
    assert all(isinstance(one, Ready) for one in side.progress(*remotes))


def test_a_dataset_that_was_deleted(side: Side) -> None:
    """With a dataset its documents are gone, and deleting one of them is a success."""
    remotes = [replace(remote, dataset_id=UNKNOWN) for remote in filled(side, 3)]
    told = side.backend.progress(UNKNOWN, remotes)
    assert [told[one.document_id] for one in remotes] == [Gone()] * 3
    side.backend.delete(remotes[0])


@pytest.mark.parametrize("body", [b"", b" \n ", TEXT])
def test_no_segments(side: Side, body: bytes) -> None:
    """A document in which the server found no text is failed, although it says completed."""
    if body == TEXT:
        side.fail("index-empty", name="^a")
    remote, fine = side.put("a.md", body), side.put("b.md", b"short")
    told = side.progress(remote, fine)
    assert isinstance(told[0], Failed)
    assert "0 segments" in told[0].reason
    assert told[1] == Ready(1)


# Updates and deletes


def replaced(side: Side, remote: Remote) -> Remote:
    document = Document("new.md", TEXT * 2, "text/markdown", ECONOMY)
    return side.backend.put(side.dataset, document, replacing=remote)


def test_an_update_in_place(side: Side) -> None:
    """An available document is updated where it is, under its new name."""
    remote = side.put()
    side.progress(remote)
    side.time.now += 1
    assert replaced(side, remote).document_id == remote.document_id
    stored = side.standin.documents(side.dataset)
    assert [(one.name, one.body) for one in stored] == [("new.md", TEXT * 2)]


def test_an_update_that_is_refused(opened: Opener) -> None:
    """A document that cannot be updated now, or is gone, is made anew beside the old one."""
    side = opened(pace=1000.0)
    remote = side.put()
    assert replaced(side, remote).document_id != remote.document_id
    assert side.names() == ["a.md", "new.md"]
    gone = Remote(side.dataset, UNKNOWN, "b.md")
    assert replaced(side, gone).document_id != UNKNOWN


def test_an_archived_document(side: Side) -> None:
    """An archived document is taken out of the archive to be deleted."""
    remote = side.put()
    side.progress(remote)
    patch(side, "archive", remote)
    side.time.now += 1
    side.backend.delete(remote)
    assert side.names() == []


def test_an_archived_document_that_is_busy(opened: Opener) -> None:
    """A document archived while it was being indexed can be deleted when its mark is gone."""
    side = opened(pace=5000.0)
    remote = side.put()
    patch(side, "archive", remote)
    with pytest.raises(Unavailable, match="is being indexed"):
        side.backend.delete(remote)
    side.time.now += 601
    side.backend.delete(remote)
    assert side.names() == []


def test_another_key_deletes_nothing(side: Side) -> None:
    """With a key of another workspace nothing is deleted, nor sent."""
    remote = side.put()
    side.standin.add_workspace("dataset-other")
    other = side.connect("dataset-other")
    document = Document("b.md", TEXT, "text/markdown", ECONOMY)
    with pytest.raises((Denied, Missing)):
        other.put(side.dataset, document)
    with pytest.raises(Missing):
        list(other.documents(side.dataset))
    other.close()
    assert side.names() == [remote.name]


# Status


def test_status(side: Side) -> None:
    """Documents are disabled, enabled, archived and un-archived, many by one request."""
    remotes = filled(side, 120)
    ids = [remote.document_id for remote in remotes]
    list(side.backend.documents(side.dataset))
    changes: dict[StatusAction, Callable[[Listed], bool]] = {
        "disable": lambda one: not one.enabled,
        "enable": lambda one: one.enabled,
        "archive": lambda one: one.archived,
        "un_archive": lambda one: not one.archived,
    }
    for action, is_so in changes.items():
        side.standin.forget_requests()
        assert len(side.backend.set_status(side.dataset, [*ids, UNKNOWN], action)) == 121
        assert [request.kind for request in side.standin.requests] == ["status"] * 2
        side.time.now += 1
        listed = list(side.backend.documents(side.dataset))
        assert len(listed) == 120
        assert all(map(is_so, listed))


def test_status_again(side: Side) -> None:
    """What is so already, or is gone, counts as done."""
    remote = side.put()
    side.progress(remote)
    ids = [remote.document_id, UNKNOWN]
    for _ in range(2):
        assert side.backend.set_status(side.dataset, ids, "disable") == set(ids)
        side.time.now += 1
    assert side.backend.set_status(side.dataset, [], "disable") == frozenset()


def test_status_of_one_that_is_not_indexed(opened: Opener) -> None:
    """One that is not indexed yet cannot be disabled, and the others are."""
    side = opened(pace=10.0)
    done = [side.put(f"{number}.md") for number in range(5)]
    side.time.now += 60
    side.progress(*done)
    waiting = side.put("late.md")
    ids = [*(one.document_id for one in done), waiting.document_id]
    assert side.backend.set_status(side.dataset, ids, "disable") == set(ids[:-1])
    assert [one.enabled for one in side.standin.documents(side.dataset)] == [False] * 5 + [True]


def test_status_of_one_that_is_busy(opened: Opener) -> None:
    """One whose mark of an earlier change stays is left for later, and the others are not."""
    side = opened(pace=5000.0)
    busy, gone = side.put("busy.md"), side.put("gone.md")
    side.backend.set_status(side.dataset, [busy.document_id], "archive")
    side.backend.delete(gone)
    ids = [busy.document_id, gone.document_id]
    assert side.backend.set_status(side.dataset, ids, "un_archive") == {gone.document_id}
    side.time.now += 601
    assert side.backend.set_status(side.dataset, ids, "un_archive") == set(ids)


def test_status_that_cannot_be_set(side: Side) -> None:
    """Neither a missing dataset nor a server that is away is taken for a document's refusal."""
    with pytest.raises(Missing):
        side.backend.set_status(UNKNOWN, [UNKNOWN], "disable")
    side.fail("outage")
    with pytest.raises(Unavailable):
        side.backend.set_status(side.dataset, [UNKNOWN], "disable")


def test_one_document(side: Side) -> None:
    """One document is told as the list tells it, with its segments counted; a missing one not."""
    remote, empty = side.put(), side.put("empty.md", b"")
    side.backend.describe(side.dataset, {remote.document_id: {"kbsync_path": "a.md"}})
    side.progress(remote, empty)
    side.backend.set_status(side.dataset, [remote.document_id], "disable")
    listed = {one.document_id: one for one in side.backend.documents(side.dataset)}
    told = side.backend.document(side.dataset, remote.document_id)
    row = listed[remote.document_id]
    assert row.words == len(TEXT)
    assert told == replace(row, progress=Ready(1), words=None, segments=1)
    assert not told.enabled
    found = side.backend.document(side.dataset, empty.document_id)
    assert found is not None
    assert isinstance(found.progress, Failed)
    assert side.backend.document(side.dataset, UNKNOWN) is None
    assert side.backend.document(UNKNOWN, remote.document_id) is None


# Limits


def test_the_rate_limit_of_the_cloud(opened: Opener) -> None:
    """More documents than the limit allows in a minute are all sent, after silent minutes."""
    side = opened(rate_limit=5)
    began = side.time.now
    for number in range(12):
        side.put(f"{number}.md")
    assert len(side.names()) == 12
    assert side.time.now - began < 200


@pytest.mark.parametrize("quota", ["vector-space", "documents"])
def test_a_quota_that_is_used_up(side: Side, quota: str) -> None:
    """A full subscription stops the sending and is not a fault of the document."""
    side.standin.quotas.add(quota)
    with pytest.raises(Denied, match="make room"):
        side.put()


# Search


def test_search(side: Side) -> None:
    """Passages are found by keyword in an economy dataset, with the document they are from."""
    remote = side.put("voles.md", TEXT)
    side.put("other.md", b"Something quite different about the price of copper last year.")
    side.progress(remote)
    hits = side.backend.search(side.dataset, "voles burrows", limit=1)
    assert [(hit.document_id, hit.document_name) for hit in hits] == [
        (remote.document_id, "voles.md")
    ]
    assert "voles" in hits[0].text
    assert side.backend.search(side.dataset, "voles " * 100)
    assert side.backend.search(side.dataset, "  ") == []


def test_search_as_the_dataset_is_set_up(opened: Opener) -> None:
    """A dataset with embeddings is searched by its own method."""
    side = opened(embedding_model=True)
    dataset = side.create("HQ", "high_quality")
    document = Document("voles.md", TEXT, "text/markdown", Processing())
    remote = side.backend.put(dataset, document)
    side.backend.progress(dataset, [remote])
    assert [hit.document_id for hit in side.backend.search(dataset, "voles")] == [
        remote.document_id
    ]
