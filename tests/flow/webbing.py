"""A running service and its web side, as a browser or a monitor meets it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from kbsync.errors import LedgerError
from kbsync.ledger import Ledger

from .place import Place
from .test_service import eventually, service


def published(place: Place) -> dict[str, object]:
    """What the service says of its web side; empty before it does."""
    try:
        with Ledger.open(place.ledger, readonly=True) as ledger:
            told = json.loads(ledger.published("service") or "{}")
    except LedgerError:  # not made yet
        return {}
    return dict(told.get("http", {}))


@contextmanager
def website(place: Place) -> Iterator[httpx.Client]:
    """A running service's web side, seen by a program on the same machine."""
    with service(place):
        eventually(lambda: bool(published(place).get("url")), "the status page", place)
        with httpx.Client(base_url=str(published(place)["url"]), trust_env=False) as client:
            yield client


def is_ready(client: httpx.Client) -> bool:
    """Whether everything that should be indexed is."""
    return client.get("/readyz").status_code == 200
