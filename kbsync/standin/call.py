"""One call of the API: who asks, for what, with which body, against which server."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.datastructures import QueryParams

from kbsync.standin.apps import Application, Memory
from kbsync.standin.behaviour import Behaviour
from kbsync.standin.errors import (
    Answer,
    crashed,
    invalid_param,
    not_found,
    refused,
    unauthorized,
)
from kbsync.standin.faults import Faults
from kbsync.standin.indexing import Indexer
from kbsync.standin.store import Dataset, Store

NAMESPACE = uuid.UUID("6d78f354-1c21-4281-bc57-1c105a97d227")


@dataclass(slots=True)
class World:
    """All that the handlers of one stand-in share."""

    store: Store
    behaviour: Behaviour
    indexer: Indexer
    faults: Faults
    clock: Callable[[], float]
    epoch: Callable[[], float]
    size_limit: int
    embedding_model: bool
    rate_limit: int | None
    dify: bool
    quotas: set[str] = field(default_factory=set)
    limited: dict[str, deque[float]] = field(default_factory=dict)
    apps: Memory = field(default_factory=Memory)

    def owner(self, workspace: str) -> str:
        """The account that calls with a key of this workspace act as."""
        return str(uuid.uuid5(NAMESPACE, workspace))

    def batch(self) -> str:
        """A new batch name: the time in UTC and six random digits."""
        stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(self.epoch()))
        return f"{stamp}{random.randrange(10**6):06}"

    def deleted(self) -> Answer:
        """The answer to a deletion: an empty 204, or the old 200 with 204 in its body."""
        if self.behaviour.delete_status == 204:
            return Answer(b"", 204)
        return Answer(204)


@dataclass(frozen=True, slots=True)
class Upload:
    """One file part of a multipart body."""

    field: str
    filename: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose route is known; ``dataset`` is set for the routes below one."""

    world: World
    path: str
    base_url: str
    headers: Mapping[str, str]
    query: QueryParams
    body: bytes
    form: Mapping[str, str]
    files: tuple[Upload, ...]
    parameters: Mapping[str, str]
    workspace: str = ""
    found: Dataset | None = None
    app: Application | None = None

    @property
    def application(self) -> Application:
        """The application of the key."""
        if self.app is None:
            raise unauthorized("Access token is invalid")
        return self.app

    @property
    def behaviour(self) -> Behaviour:
        """What this server version does."""
        return self.world.behaviour

    @property
    def store(self) -> Store:
        """The rows."""
        return self.world.store

    @property
    def dataset(self) -> Dataset:
        """The dataset that the address names."""
        if self.found is None:
            raise not_found("Dataset not found.")
        return self.found

    def json(self) -> dict[str, object]:
        """The body as a JSON object; what else it may be is refused as the version does it.

        Old versions take a body that is no JSON, or not declared as JSON, for one without fields.
        """
        strict = self.behaviour.strict_json
        if "application/json" not in self.headers.get("content-type", ""):
            if strict:
                raise refused(
                    415,
                    "unsupported_media_type",
                    "Did not attempt to load JSON data because the request Content-Type was "
                    "not 'application/json'.",
                )
            return {}
        try:
            data = json.loads(self.body)
        except ValueError as error:
            if strict:
                raise refused(
                    400,
                    "bad_request",
                    "The browser (or proxy) sent a request that this server could not understand.",
                ) from error
            return {}
        if not isinstance(data, dict):
            raise crashed()
        return data


def key_of(headers: Mapping[str, str]) -> str:
    """The key of a request; the scheme is read without regard to case."""
    header = headers.get("authorization", "")
    if " " not in header:
        raise unauthorized("Authorization header must be provided and start with 'Bearer'")
    scheme, key = header.split(None, 1) if len(header.split(None, 1)) == 2 else (header.strip(), "")
    if scheme.lower() != "bearer":
        raise unauthorized("Authorization scheme must be 'Bearer'")
    return key.strip()


def user_of(given: Mapping[str, object]) -> str:
    """The end user, whom calls of applications must name."""
    user = given.get("user")
    if not isinstance(user, str) or not user:
        raise invalid_param("Arg user must be provided.")
    return user


def failure_of(call: Call) -> str:
    """Why this answer or run shall fail; "" when it shall not."""
    fault = call.world.faults.take("run-failed", "POST", call.path)
    return fault.text or "told to fail" if fault else ""
