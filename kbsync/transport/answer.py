"""One answer of a server, and reading the four shapes in which it tells an error.

The shapes are those that live 1.10.1 and 1.16.1 servers answered with: ``{code, message,
status}``; ``{errors, message}`` without a code; the 500 with the code "unknown"; an HTML page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property

#: Seconds of silence after Dify Cloud's rate limit: refused calls count in its sliding minute.
RATE_LIMIT_SILENCE = 60.0

_SHOWN = 300
_LONGEST_RETRY_AFTER = 600.0
# The server's suggestions after a 404, and pydantic's links, help nobody who reads a log.
_TAIL = re.compile(
    r" You have requested this URI \[.*| For further information visit .*| ?{message}"
)


@dataclass(frozen=True)
class Answer:
    """A server's answer, read to its end; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_html(self) -> bool:
        """Whether a page came where the API sends JSON: a proxy's, or a path it does not know."""
        return "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"

    @cached_property
    def json(self) -> object:
        """The body as JSON, or None when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
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
        if isinstance(errors, dict) and errors:
            return one_line("; ".join(f"{key}: {text}" for key, text in errors.items()))
        words = (told.get(key) for key in ("message", "error", "detail"))
        return one_line(str(next((word for word in words if word), "")))

    @property
    def is_rate_limit(self) -> bool:
        """Whether it asks for fewer requests: 429, or the sentence that Dify Cloud sends as 403."""
        return self.status == 429 or self.is_knowledge_limit  # noqa: PLR2004 - of the protocol

    @property
    def is_knowledge_limit(self) -> bool:
        """Whether it is Dify Cloud's own limit, which counts no GET."""
        return self.status == 403 and "request rate limit" in self.message  # noqa: PLR2004

    def retry_after(self, now: datetime) -> float | None:
        """Seconds the server wants to be left alone, at most 600; None when it does not say.

        A date is taken relative to the answer's own Date: clocks differ.
        """
        told = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]+(\.[0-9]*)?", told):
            return min(float(told), _LONGEST_RETRY_AFTER)
        until = _moment(told)
        if until is None:
            return RATE_LIMIT_SILENCE if self.is_knowledge_limit else None
        since = _moment(self.headers.get("date", "")) or now
        return min(max((until - since).total_seconds(), 0.0), _LONGEST_RETRY_AFTER)


def one_line(text: str) -> str:
    """Text for a message: no line breaks, no control characters, bounded."""
    flat = re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).strip()
    flat = _TAIL.sub("", flat)
    return flat if len(flat) <= _SHOWN else flat[: _SHOWN - 1] + "…"


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
