"""What an HTTP answer means: pure functions from status and body to one of our errors.

The shapes and sentences are those that live 1.10.1 and 1.16.1 servers answered with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from kbsync.errors import BackendError, Denied, Missing, Rejected, Unavailable

#: Seconds of silence after Dify Cloud's rate limit: it counts refused calls in the same window.
RATE_LIMIT_SILENCE = 60.0

_SHOWN = 300
_LONGEST_RETRY_AFTER = 600.0

#: 400s that the same request will not meet again a little later.
_PASSING = (
    "metadata operation is running",
    "is being indexed, please try again later",
    "Failed to request plugin daemon",
    "Too many requests",
)
#: The document was made although the answer says 400 (servers up to 1.10).
_MADE_ANYWAY = "Cannot release a lock"
_NO_MODEL = (
    "Default model not found",
    "No Embedding Model available",
    "Provider ",
    "provider_not_initialize",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer, read to its end; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_html(self) -> bool:
        """Whether a page came where the API sends JSON: a proxy's, or a path it does not know."""
        return "html" in self.headers.get("content-type", "") or self.body[:1] == b"<"

    @property
    def json(self) -> object:
        """The body as JSON, or None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def code(self) -> str:
        """The server's own error code, or ""."""
        told = self.json
        code = told.get("code") if isinstance(told, dict) else None
        return code if isinstance(code, str) else ""

    @property
    def message(self) -> str:
        """The server's words on one line, at most 300 characters; "" when it has none."""
        if self.is_html:
            return ""
        told = self.json
        if not isinstance(told, dict):
            return one_line(self.body.decode("utf-8", "replace"))
        errors = told.get("errors")
        if isinstance(errors, dict):
            return one_line("; ".join(f"{key}: {text}" for key, text in errors.items()))
        return one_line(str(told.get("message") or told.get("error") or ""))

    @property
    def is_rate_limit(self) -> bool:
        """Whether it asks for fewer requests: 429, or the sentence that Dify Cloud sends as 403."""
        return self.status == 429 or (  # noqa: PLR2004 - a status of the protocol
            self.status == 403 and "rate limit" in self.message  # noqa: PLR2004
        )

    def retry_after(self, now: datetime) -> float | None:
        """Seconds the server wants to be left alone; None when it does not say."""
        told = self.headers.get("retry-after", "").strip()
        if told.isascii() and told.isdigit():
            return min(float(told), _LONGEST_RETRY_AFTER)
        try:
            moment = parsedate_to_datetime(told)
        except ValueError:
            return RATE_LIMIT_SILENCE if self.is_rate_limit and self.status != 429 else None  # noqa: PLR2004
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return min(max((moment - now).total_seconds(), 0.0), _LONGEST_RETRY_AFTER)


def one_line(text: str) -> str:
    """Text for a message: no line breaks, no control characters, bounded."""
    flat = re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).strip()
    return flat if len(flat) <= _SHOWN else flat[: _SHOWN - 1] + "…"


def error_of(answer: Answer, call: str, host: str, now: datetime) -> BackendError | None:
    """The error that an answer is, or None for a success.

    Args:
        answer: what came.
        call: what was asked, for the message, such as "POST /datasets".
        host: the server's name, for the message.
        now: an aware time, for Retry-After dates.
    """
    if 200 <= answer.status < 300:  # noqa: PLR2004 - the protocol's range of successes
        return None
    if 300 <= answer.status < 400:  # noqa: PLR2004 - the protocol's range of redirects
        target = answer.headers.get("location", "another place")
        return Denied(f"{host} redirects to {target}; set server.base_url to the API itself")
    if answer.is_rate_limit:
        text = answer.message or "too many requests"
        return Unavailable(f"{host}: {text}", retry_after=answer.retry_after(now))
    if answer.status >= 500:  # noqa: PLR2004 - the protocol's range of server faults
        return _server_fault(answer, call, host, now)
    return _client_fault(answer, call, host)


def _server_fault(answer: Answer, call: str, host: str, now: datetime) -> Unavailable:
    wait = answer.retry_after(now)
    surely_not_done = answer.status == 503 and wait is not None  # noqa: PLR2004 - of the protocol
    text = f"{host} answered {answer.status} to {call}: {answer.message or _page(answer)}"
    return Unavailable(text, retry_after=wait, ambiguous=not surely_not_done)


def _client_fault(answer: Answer, call: str, host: str) -> BackendError:
    message = answer.message
    match answer.status:
        case 400:
            return _bad_request(answer, call, host)
        case 401:
            return Denied(
                f"{host} refused the API key ({message or 'unauthorized'}); use a dataset key: in"
                " Dify, Knowledge > Service API"
            )
        case 403:
            return Denied(_forbidden(answer, call, host))
        case 404 if answer.json is not None:
            return Missing(f"{host}: {message or 'not found'} ({call})")
        case 404 | 405:
            return Denied(
                f"{host} does not know {call}: server.base_url or server.api_style is wrong"
            )
        case 408 | 425:
            return Unavailable(f"{host}: {message or 'timed out'} ({call})")
        case 413:
            return Rejected(_too_large(answer, host))
        case status:
            return Rejected(f"{host} refused {call} with {status}: {message or answer.code}")


def _bad_request(answer: Answer, call: str, host: str) -> BackendError:
    message = answer.message
    if _MADE_ANYWAY in message:
        return Unavailable(f"{host}: {message}", ambiguous=True)
    if any(text in message for text in _PASSING):
        return Unavailable(f"{host}: {message}")
    if answer.code == "provider_not_initialize" or any(text in message for text in _NO_MODEL):
        return Denied(
            f"{host}: {message}; set up an embedding model in Dify (Settings > Model Provider),"
            ' or use indexing_technique = "economy"'
        )
    if answer.is_html:
        return Rejected(f"{host} refused {call} with a page: a proxy in between, or a bad address")
    return Rejected(message or "the server gave no reason: the file's type or its size")


def _forbidden(answer: Answer, call: str, host: str) -> str:
    message = answer.message
    if "api access is not enabled" in message:
        return f"{host}: {message}; switch API access on in the knowledge base's settings in Dify"
    return f"{host} forbids {call}: {message or _page(answer)}"


def _too_large(answer: Answer, host: str) -> str:
    if answer.is_html:
        return f"too large for the proxy in front of {host} (nginx: client_max_body_size)"
    return f"too large for {host}: {answer.message or 'its upload limit (15 MiB by default)'}"


def _page(answer: Answer) -> str:
    return "a web page instead of an answer" if answer.is_html else "no reason given"
