"""What the tests of the stand-in share: its clock, a client of it, and an upload."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import httpx

from kbsync.standin import StandIn, running

#: What a first document must say of how it is indexed.
AUTOMATIC = {"indexing_technique": "economy", "process_rule": {"mode": "automatic"}}


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def client_of(standin: StandIn) -> Iterator[httpx.Client]:
    """A client with the stand-in's key, over a socket; closes the stand-in at the end."""
    headers = {"Authorization": f"Bearer {standin.key}"}
    with (
        closing(standin),
        running(standin) as url,
        httpx.Client(base_url=url, headers=headers) as http,
    ):
        yield http


def upload(
    http: httpx.Client, dataset: str, name: str, body: bytes = b"text", **data: object
) -> httpx.Response:
    """Create a document from a file."""
    return http.post(
        f"/datasets/{dataset}/document/create-by-file",
        data={"data": json.dumps(AUTOMATIC | data)},
        files={"file": (name, body)},
    )
