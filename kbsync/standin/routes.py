"""The addresses of both dialects: which handler answers, what it is called in the request log."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kbsync.standin import about, chat, datasets, documents, metadata, reading, simple, workflows
from kbsync.standin.behaviour import Behaviour
from kbsync.standin.call import Call
from kbsync.standin.errors import Answer
from kbsync.standin.retrieve import retrieve

Handler = Callable[[Call], Answer]
UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
ANY = r"[^/]+"


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one address; ``rule`` is written as the server's web framework writes it.

    ``limited`` routes count for the knowledge rate limit; ``open`` ones need no key, ``app`` ones
    that of an application.
    """

    method: str
    rule: str
    kind: str
    handler: Handler
    limited: bool = False
    open: bool = False
    app: bool = False
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        text = re.sub(r"<uuid:(\w+)>", rf"(?P<\1>{UUID})", self.rule)
        text = re.sub(r"<string:(\w+)>", rf"(?P<\1>{ANY})", text)
        object.__setattr__(self, "pattern", re.compile(text))


@dataclass(frozen=True, slots=True)
class Match:
    """What the table says of a request: a route, or the methods that the address does have."""

    route: Route | None
    parameters: Mapping[str, str]
    allowed: tuple[str, ...]


class Routes:
    """The table of one dialect."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes
        self.rules = list(dict.fromkeys(route.rule for route in routes))

    def match(self, method: str, path: str) -> Match:
        """Find the route; HEAD is answered as GET."""
        wanted = "GET" if method == "HEAD" else method
        allowed: list[str] = []
        for route in self._routes:
            found = route.pattern.fullmatch(path)
            if found is None:
                continue
            if route.method == wanted:
                return Match(route, found.groupdict(), ())
            allowed.append(route.method)
        return Match(None, {}, tuple(dict.fromkeys(allowed)))

    def kind(self, method: str, path: str) -> str:
        """What the request log calls a request; "unknown" if nothing answers it."""
        route = self.match(method, path).route
        return route.kind if route else "unknown"


DATASETS = "/v1/datasets"
DATASET = f"{DATASETS}/<uuid:dataset_id>"
DOCUMENT = f"{DATASET}/documents/<uuid:document_id>"
MODELS = "/v1/workspaces/current/models/model-types"
METADATA = f"{DATASET}/metadata"


def dify_routes(behaviour: Behaviour) -> Routes:
    """The service API: datasets, and the most of applications."""
    routes = [
        Route("GET", DATASETS, "dataset-list", datasets.list_datasets),
        Route("POST", DATASETS, "dataset-create", datasets.create, limited=True),
        Route("GET", f"{DATASETS}/tags", "tags", datasets.tags),
        Route("GET", f"{MODELS}/text-embedding", "models", datasets.models),
        Route("GET", DATASET, "dataset-get", datasets.get),
        Route("PATCH", DATASET, "dataset-update", datasets.update, limited=True),
        Route("DELETE", DATASET, "dataset-delete", datasets.delete, limited=True),
        *_either(f"{DATASET}/document/create-by-file", "create", documents.create_by_file),
        *_either(f"{DATASET}/document/create-by-text", "create", documents.create_by_text),
        *_either(f"{DOCUMENT}/update-by-file", "update", documents.update_by_file),
        *_either(f"{DOCUMENT}/update-by-text", "update", documents.update_by_text),
        Route("GET", f"{DATASET}/documents", "list", reading.list_documents),
        Route("POST", f"{DATASET}/documents/metadata", "metadata", metadata.set_values, True),
        Route(
            "PATCH",
            f"{DATASET}/documents/status/<string:action>",
            "status",
            reading.change_status,
        ),
        Route("GET", DOCUMENT, "get", reading.get),
        Route("DELETE", DOCUMENT, "delete", reading.delete, limited=True),
        Route("GET", f"{DOCUMENT}/segments", "segments", reading.segments),
        Route(
            "GET",
            f"{DATASET}/documents/<string:batch>/indexing-status",
            "progress",
            reading.indexing_status,
        ),
        Route("GET", METADATA, "field-list", metadata.list_fields),
        Route("POST", METADATA, "field-create", metadata.create_field, limited=True),
        Route("GET", f"{METADATA}/built-in", "field-list", metadata.list_built_in),
        Route(
            "POST",
            f"{METADATA}/built-in/<string:action>",
            "field-update",
            metadata.switch_built_in,
            limited=True,
        ),
        Route(
            "PATCH",
            f"{METADATA}/<uuid:metadata_id>",
            "field-update",
            metadata.rename_field,
            limited=True,
        ),
        Route(
            "DELETE",
            f"{METADATA}/<uuid:metadata_id>",
            "field-delete",
            metadata.delete_field,
            limited=True,
        ),
        Route("POST", f"{DATASET}/retrieve", "retrieve", retrieve, limited=True),
        Route("POST", f"{DATASET}/hit-testing", "retrieve", retrieve, limited=True),
        *_applications("/v1/workflows/run"),
        Route("GET", "/v1/info", "about", about.info, app=True),
        Route("GET", "/v1/parameters", "about", about.parameters, app=True),
        Route("GET", "/v1/meta", "about", about.meta, app=True),
        Route("GET", "/v1/conversations", "conversations", chat.conversations, app=True),
        Route("POST", "/v1/files/upload", "upload", about.upload, app=True),
    ]
    if behaviour.patch_updates_document:
        routes.append(Route("PATCH", DOCUMENT, "update", documents.update_by_file, limited=True))
    if behaviour.downloads:
        routes += [
            Route("GET", f"{DOCUMENT}/download", "download", reading.download, limited=True),
            Route(
                "POST",
                f"{DATASET}/documents/download-zip",
                "download",
                reading.download_zip,
                limited=True,
            ),
            Route(
                "GET",
                "/files/<uuid:file_id>/file-preview",
                "download",
                reading.preview,
                open=True,
            ),
        ]
    return Routes(routes)


def simple_routes() -> Routes:
    """The calls of the older guide's form: three for documents, and those of applications."""
    path = f"{DATASETS}/<string:dataset_id>/documents"
    return Routes(
        [
            Route("POST", path, "create", simple.create, limited=True),
            Route("GET", f"{path}/<string:document_id>", "get", simple.get),
            Route("DELETE", f"{path}/<string:document_id>", "delete", simple.delete, limited=True),
            *_applications("/v1/workflows/runs"),
            Route("GET", "/v1/apps/<string:app_id>", "about", about.by_id, app=True),
        ]
    )


def _applications(runs: str) -> list[Route]:
    """Chats and workflows; a run's status is below `runs`."""
    return [
        Route("POST", "/v1/chat-messages", "ask", chat.ask, app=True),
        Route("POST", "/v1/chat-messages/<string:task_id>/stop", "stop", chat.stop, app=True),
        Route("GET", "/v1/messages", "messages", chat.messages, app=True),
        Route("POST", "/v1/workflows/run", "run", workflows.run, app=True),
        Route("GET", f"{runs}/<string:run_id>", "run-status", workflows.status, app=True),
        Route(
            "POST", "/v1/workflows/tasks/<string:task_id>/stop", "stop", workflows.stop, app=True
        ),
    ]


def _either(rule: str, kind: str, handler: Handler) -> list[Route]:
    """A route under both spellings, with hyphens and with underscores."""
    head, _, tail = rule.rpartition("/")
    return [
        Route("POST", f"{head}/{name}", kind, handler, limited=True)
        for name in (tail.replace("-", "_"), tail)
    ]
