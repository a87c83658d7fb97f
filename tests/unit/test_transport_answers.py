"""Every shape of answer that servers were seen to give, and the reaction it asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from kbsync.errors import BackendError, Denied, Missing, Rejected, Unavailable
from kbsync.transport.answer import Answer
from kbsync.transport.meaning import KeyRefused, NoSuchRoute, error_of

NOW = datetime(2026, 11, 22, 21, 0, 0, tzinfo=UTC)
JSON = {"content-type": "application/json"}
HTML = {"content-type": "text/html; charset=utf-8"}
NGINX = b"<html>\r\n<head><title>413 Request Entity Too Large</title></head></html>\r\n"
FLASK = b"<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n"
TAIL = (
    "Dataset not found. You have requested this URI [/v1/datasets/0/document/create-by-file] but"
    " did you mean /v1/datasets/<uuid:dataset_id>/document/create-by-file ?"
)
WERKZEUG = (
    "The requested URL was not found on the server. If you entered the URL manually please check"
    " your spelling and try again."
)
PYDANTIC = (
    "1 validation error for DatasetCreatePayload\nname\n  String should have at most 40 characters"
    " [type=string_too_long, input_value='xxx', input_type=str]\n    For further information visit"
    " https://errors.pydantic.dev/2.12/v/string_too_long"
)


def told(status: int, code: str, message: str) -> bytes:
    return json.dumps({"code": code, "message": message, "status": status}).encode()


@dataclass(frozen=True)
class Case:
    """An answer and what it means; `says` are parts of the message, `wait` is its retry_after."""

    name: str
    status: int
    body: bytes
    error: type[BackendError]
    says: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    ambiguous: bool = False
    wait: float | None = None
    sends_file: bool = False


def param(status: int, message: str, error: type[BackendError], *says: str) -> Case:
    body = told(status, "invalid_param", message)
    return Case(message or "empty", status, body, error, says or (message,))


BAD_REQUESTS = [
    param(400, "Failed to request plugin daemon, url: plugin/management/models", Unavailable),
    param(400, "Document:a.md is being indexed, please try again later", Unavailable),
    param(
        400,
        "Another document metadata operation is running, please wait a moment.",
        Unavailable,
    ),
    param(
        400,
        "Another knowledge base metadata operation is running, please wait a moment.",
        Unavailable,
    ),
    param(400, "Too many requests. Please try again later.", Unavailable),
    param(400, "Could not connect to Weaviate:Connection to Weaviate failed.", Unavailable),
    param(400, "Default model not found for text-embedding", Denied, "economy", "Model Provider"),
    param(400, "No Embedding Model available. Please configure one.", Denied, "Model Provider"),
    param(400, "Provider openai does not exist.", Denied, "Model Provider"),
    param(400, "doc_form is different from the dataset doc_form.", Denied, "; set doc_form"),
    param(400, "External datasets are not supported.", Denied, "kept in Dify"),
    param(400, "Dataset does not exist.", Denied, "workspace"),
    param(400, "You do not have permission to access this dataset.", Denied, "workspace"),
    param(400, "process_rule is required.", Denied, "; correct process_rule"),
    param(400, "Process rule rules is required", Denied, "; correct process_rule"),
    param(
        400,
        "1 validation error for KnowledgeConfig\nprocess_rule.mode\n  Input should be 'automatic'",
        Denied,
        "; correct process_rule",
    ),
    param(400, "Only 3 documents can be uploaded.", Denied, "plan"),
    param(400, "Document is not available", Rejected),
    param(400, "Filename contains invalid characters", Rejected),
    param(400, "Metadata name already exists.", Rejected),
    param(400, "Query is required and cannot exceed 250 characters", Rejected),
    param(400, "", Rejected, "type or size"),
    param(400, PYDANTIC, Rejected, "name String should have at most 40"),
    Case(
        "no model at a create",
        400,
        told(400, "provider_not_initialize", "no credentials"),
        Denied,
        ("Model Provider",),
    ),
    Case(
        "made anyway",
        400,
        told(400, "invalid_param", "Cannot release a lock that's no longer owned"),
        Unavailable,
        ("Cannot release a lock",),
        ambiguous=True,
    ),
    Case(
        "no code",
        400,
        b'{"errors": {"name": "is too long."}, "message": "Input payload validation failed"}',
        Rejected,
        ("name: is too long.",),
    ),
    Case("old flask", 400, b'{"message": {"name": "missing"}}', Rejected, ("missing",)),
    Case("only error", 400, b'{"error": "Segments is required"}', Rejected, ("Segments",)),
    Case("bad json", 400, told(400, "bad_request", "The browser sent"), Rejected, ("browser",)),
    Case("http to https", 400, NGINX, Denied, ("https://", "base_url"), HTML),
    Case("a page for a file", 400, NGINX, Rejected, ("proxy",), HTML, sends_file=True),
]

OTHERS = [
    Case("redirect", 308, b"", Denied, ("/v1/", "base_url"), {"location": "http://server/v1/"}),
    Case("a page for success", 200, FLASK, Denied, ("web page", "base_url"), HTML),
    Case("a page without its type", 200, b"\n<html>", Denied, ("web page",), {}),
    Case(
        "bad key",
        401,
        told(401, "unauthorized", "Access token is invalid"),
        KeyRefused,
        ("Access token is invalid", "dataset key"),
    ),
    Case("login page", 401, FLASK, Denied, ("another login",), HTML),
    Case("proxy login", 407, b"", Denied, ("http_proxy",), {}),
    Case(
        "rate limit",
        403,
        told(403, "forbidden", "Sorry, you have reached the knowledge base request rate limit of"),
        Unavailable,
        ("rate limit",),
        wait=60.0,
    ),
    Case(
        "vector space full",
        403,
        told(
            403,
            "forbidden",
            "The capacity of the vector space has reached the limit of your subscription.",
        ),
        Denied,
        ("vector space", "make room"),
    ),
    Case(
        "documents full",
        403,
        told(
            403, "forbidden", "The number of documents has reached the limit of your subscription."
        ),
        Denied,
        ("number of documents", "make room"),
    ),
    Case(
        "api access off",
        403,
        told(403, "forbidden", "Dataset api access is not enabled."),
        Denied,
        ("switch API access on",),
    ),
    Case(
        "no permission",
        403,
        told(403, "forbidden", "You do not have permission to access this dataset."),
        Denied,
        ("permission",),
    ),
    Case(
        "archived",
        403,
        told(403, "archived_document_immutable", "The archived document is not editable."),
        Denied,
        ("archived document is not editable",),
    ),
    Case("firewall", 403, NGINX, Denied, ("web page (403)",), HTML),
    Case("firewall and a file", 403, NGINX, Rejected, ("web page (403)",), HTML, sends_file=True),
    Case("gone", 404, told(404, "not_found", "Document Not Exists."), Missing, ("Not Exists.",)),
    Case("gone, with a tail", 404, told(404, "not_found", TAIL), Missing, ("Dataset not found.",)),
    Case("gone, no code", 404, b'{"error": "document 7 not found"}', Missing, ("document 7",)),
    Case("no route", 404, FLASK, NoSuchRoute, ("base_url",), HTML),
    Case("no route, text", 404, b"404 page not found\n", NoSuchRoute, ("base_url",), {}),
    Case("gateway", 404, b'{"message": "no Route matched"}', NoSuchRoute, ("base_url",)),
    Case("gateway, busy", 404, b'{"error": "Dataset service not up"}', NoSuchRoute, ("base_url",)),
    Case("no route, JSON", 404, told(404, "not_found", WERKZEUG), NoSuchRoute, ("base_url",)),
    Case("framework", 404, b'{"detail": "Not Found"}', NoSuchRoute, ("base_url",)),
    Case(
        "no such method",
        405,
        told(405, "method_not_allowed", "The method is not allowed for the requested URL."),
        NoSuchRoute,
        ("api_style",),
    ),
    Case("not implemented", 501, FLASK, NoSuchRoute, ("api_style",), HTML),
    Case("slow request", 408, b"", Unavailable, ("timed out",), {}),
    Case(
        "name taken",
        409,
        told(409, "dataset_name_duplicate", "The dataset name already exists."),
        Rejected,
        ("409", "already exists"),
    ),
    Case("nginx limit", 413, NGINX, Rejected, ("client_max_body_size",), HTML),
    Case("too large", 413, told(413, "file_too_large", ""), Rejected, ("15 MiB",)),
    Case(
        "too large, old",
        413,
        told(413, "file_too_large", "File size exceeded. {message}"),
        Rejected,
        ("File size exceeded.",),
    ),
    Case(
        "type",
        415,
        told(415, "unsupported_file_type", "File type not allowed."),
        Rejected,
        ("File type not allowed.",),
    ),
    Case(
        "too many, in seconds",
        429,
        told(429, "too_many_requests", "Too many requests."),
        Unavailable,
        ("Too many",),
        JSON | {"retry-after": "7"},
        wait=7.0,
    ),
    Case("too many, no word", 429, b"", Unavailable, ("too many requests",), {}),
    Case(
        "crash",
        500,
        b'{"message": "Internal Server Error", "code": "unknown", "status": 500}',
        Unavailable,
        ("answered 500 to POST /x", "Internal Server Error"),
        ambiguous=True,
    ),
    Case("bad gateway", 502, NGINX, Unavailable, ("web page",), HTML, ambiguous=True),
    Case("gateway timeout", 504, NGINX, Unavailable, ("504",), HTML, ambiguous=True),
    Case("proxy without servers", 503, NGINX, Unavailable, ("503",), HTML, ambiguous=True),
    Case(
        "maintenance",
        503,
        NGINX,
        Unavailable,
        ("503",),
        HTML | {"retry-after": "Sun, 22 Nov 2026 21:02:00 GMT"},
        wait=120.0,
    ),
    Case(
        "vector space unknown",
        503,
        told(503, "service_unavailable", "Unable to verify vector space usage right now."),
        Unavailable,
        ("vector space",),
    ),
]


@pytest.mark.parametrize("case", [*BAD_REQUESTS, *OTHERS], ids=lambda case: case.name[:40])
def test_what_an_answer_means(case: Case) -> None:
    """Each recorded shape of answer becomes the error that asks for the right reaction."""
    answer = Answer(case.status, case.headers, case.body)
    error = error_of(answer, "POST /x", "dify.example", NOW, sends_file=case.sends_file)
    assert type(error) is case.error, error
    for part in case.says:
        assert " ".join(part.split()) in str(error)
    assert "\n" not in str(error)
    assert "requested this URI" not in str(error)
    assert "errors.pydantic.dev" not in str(error)
    assert "{message}" not in str(error)
    if isinstance(error, Unavailable):
        assert (error.ambiguous, error.retry_after) == (case.ambiguous, case.wait)


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"204\n"), (204, b""), (200, b"{}"), (201, b'{"id": "x"}'), (200, b"")],
)
def test_what_a_success_looks_like(status: int, body: bytes) -> None:
    """Deletes answer 200 with the body 204, or 204 with none: both are successes."""
    assert error_of(Answer(status, JSON, body), "DELETE /x", "dify.example", NOW) is None


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("0", 0.0),
        ("2.5", 2.5),
        ("86400", 600.0),
        ("-3", None),
        ("soon", None),
        ("", None),
        ("Sun, 22 Nov 2026 21:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 20:00:00 GMT", 0.0),
        ("Sun, 22 Nov 99999 20:00:00 GMT", None),
    ],
)
def test_retry_after(told: str, seconds: float | None) -> None:
    """Retry-After is read as seconds or as a date, is bounded, and nonsense is no wish at all."""
    assert Answer(503, {"retry-after": told}, b"").retry_after(NOW) == seconds


def test_a_clock_that_is_wrong() -> None:
    """A Retry-After date counts from the answer's own Date, not from our clock."""
    headers = {
        "date": "Mon, 23 Nov 2026 10:00:00 GMT",
        "retry-after": "Mon, 23 Nov 2026 10:00:09 GMT",
    }
    assert Answer(503, headers, b"").retry_after(NOW) == 9.0


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe", b"[" * 100_000, b'"a"', b"[1]", b"null", b'{"code": 7, "message": null}', b""],
    ids=["bytes", "deep", "string", "list", "null", "odd", "nothing"],
)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 418, 500])
def test_an_answer_that_makes_no_sense(status: int, body: bytes) -> None:
    """Whatever comes as an error's body, one short line of ours comes out."""
    error = error_of(Answer(status, {}, body), "GET /x", "dify.example", NOW)
    assert isinstance(error, BackendError)
    assert 0 < len(str(error)) < 500
    assert "\n" not in str(error)
