"""What a server of the older guide's form cannot do is said, or does nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kbsync.errors import Denied
from kbsync.model import Processing

from .test_backend import TEXT, Side, a_server


@pytest.fixture
def side() -> Iterator[Side]:
    with a_server("simple", "1.16.1") as make:
        yield make()


def test_what_it_cannot_do(side: Side) -> None:
    """There is no list, no name, no metadata, no status and no search."""
    remote = side.put(body=TEXT)
    assert side.backend.find(side.dataset, remote.name) == []
    assert side.backend.describe(side.dataset, {remote.document_id: {"a": "b"}}) == frozenset()
    with pytest.raises(Denied, match="listed"):
        side.backend.documents(side.dataset)
    with pytest.raises(Denied, match="looked at"):
        side.backend.document(side.dataset, remote.document_id)
    assert not side.backend.has_status
    with pytest.raises(Denied, match="un-archive"):
        side.backend.set_status(side.dataset, [remote.document_id], "un_archive")
    with pytest.raises(Denied, match="search"):
        side.backend.search(side.dataset, "voles")


def test_a_dataset_by_name(side: Side) -> None:
    """A name cannot be resolved nor made: the id has to be configured."""
    for create in (None, Processing(indexing_technique="economy")):
        with pytest.raises(Denied, match="by id only"):
            side.backend.dataset("KB", create=create)
