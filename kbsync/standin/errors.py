"""The shapes in which the service API answers, and the refusals that end a call.

Four shapes exist: ``{code, message, status}``; ``{errors, message}`` for bad fields of an old
version; the 500 with ``code`` "unknown"; and an HTML page for an address that no route has, or a
request line that is too long.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

NOT_FOUND_PAGE = (
    "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n"
    "<p>The requested URL was not found on the server. If you entered the URL manually "
    "please check your spelling and try again.</p>\n"
)
TOO_LONG_PAGE = (
    "<html>\n  <head>\n    <title>Bad Request</title>\n  </head>\n  <body>\n"
    "    <h1><p>Bad Request</p></h1>\n    Request Line is too large ({} &gt; {})\n"
    "  </body>\n</html>\n"
)
RATE_LIMITED = "Sorry, you have reached the knowledge base request rate limit of your subscription."


@dataclass(frozen=True, slots=True)
class Flow:
    """A body that comes in pieces, ``seconds`` apart, until somebody stops it.

    ``done`` is told at the end whether somebody did.
    """

    pieces: Sequence[bytes]
    when_stopped: Sequence[bytes]
    seconds: float
    stopped: Callable[[], bool]
    done: Callable[[bool], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer before it is written as bytes; ``body`` is JSON data, or bytes for other types."""

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    flow: Flow | None = None

    def content(self, *, compact: bool) -> bytes:
        """The bytes of the body: ASCII-escaped JSON with a newline, or the body as it is."""
        if isinstance(self.body, bytes):
            return self.body
        separators = (",", ":") if compact else (", ", ": ")
        return json.dumps(self.body, separators=separators).encode() + b"\n"


class RefusedError(Exception):
    """A call that ends here with the given answer; nothing that it wrote stays."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status} {answer.body!r}")
        self.answer = answer


def refused(status: int, code: str, message: str) -> RefusedError:
    """The usual refusal."""
    return RefusedError(Answer({"code": code, "message": message, "status": status}, status=status))


def invalid_param(message: str) -> RefusedError:
    """400 ``invalid_param``, which is what most faults of a request become."""
    return refused(400, "invalid_param", message)


def not_found(message: str) -> RefusedError:
    """404 as JSON: the route exists, the thing does not."""
    return refused(404, "not_found", message)


def invalid_field(name: str, reason: str) -> RefusedError:
    """400 in the shape of old versions, with neither code nor status in the body."""
    body = {"errors": {name: reason}, "message": "Input payload validation failed"}
    return RefusedError(Answer(body, status=400))


def unauthorized(message: str) -> RefusedError:
    """401 with the header that names the scheme."""
    body = {"code": "unauthorized", "message": message, "status": 401}
    return RefusedError(Answer(body, 401, {"WWW-Authenticate": 'Bearer realm="api"'}))


def crashed() -> RefusedError:
    """500 as the server tells of any exception that it did not expect."""
    body = {"message": "Internal Server Error", "code": "unknown", "status": 500}
    return RefusedError(Answer(body, status=500))


def no_route() -> Answer:
    """404 as an HTML page: no route has this address."""
    return Answer(NOT_FOUND_PAGE.encode(), 404, media_type="text/html; charset=utf-8")


def too_long(line: int, limit: int) -> Answer:
    """400 as an HTML page: the request's first line has more bytes than the server reads."""
    return Answer(TOO_LONG_PAGE.format(line, limit).encode(), 400, media_type="text/html")


def with_suggestions(answer: Answer, path: str, rules: Iterable[str]) -> Answer:
    """A JSON 404 with the server's tail "You have requested this URI ..." where it adds one.

    The web framework of the server compares the path with its rules, their parameters cut out.
    """
    body = answer.body
    if answer.status != 404 or not isinstance(body, dict):
        return answer
    by_text = {re.sub(r"(<.*>)", "", rule): rule for rule in rules}
    close = difflib.get_close_matches(path, by_text.keys())
    if not close:
        return answer
    meant = " or ".join(by_text[text] for text in close)
    message = f"{str(body['message']).rstrip('.')}. "
    message += f"You have requested this URI [{path}] but did you mean {meant} ?"
    return Answer(body | {"message": message}, answer.status, answer.headers)
