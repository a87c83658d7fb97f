"""Faults on request: what can go wrong between a client and a server, one value per rule."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal[
    "cut-before",
    "cut-after",
    "500-before",
    "500-after",
    "429",
    "403-rate-limit",
    "plugin-daemon",
    "proxy-502",
    "proxy-413",
    "metadata-busy",
    "delay",
    "outage",
    "shift-insert",
    "shift-skip",
    "index-error",
    "index-empty",
    "index-slow",
    "index-lost",
    "index-stuck",
    "run-failed",
    "stream-cut",
    "stream-error",
    "stream-slow",
]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule: what goes wrong, for which requests or documents, and how many times.

    ==================  ==========================================================================
    ``cut-before``      the connection is closed without an answer and nothing was done
    ``cut-after``       the call was done and committed, then the connection is closed
    ``500-before``      500, nothing was done
    ``500-after``       500, but the call was done and committed
    ``429``             429; with ``seconds`` > 0 a Retry-After header says so many
    ``403-rate-limit``  the 403 of Dify Cloud's knowledge rate limit
    ``plugin-daemon``   the 400 of a server whose plugin daemon is down; nothing was done
    ``proxy-502``       a proxy's HTML page; nothing was done
    ``proxy-413``       ... which found the body too large
    ``metadata-busy``   metadata are being written: 400, or success without effect on old servers
    ``delay``           the answer comes ``seconds`` later
    ``outage``          every connection is closed at once for ``seconds`` (0: until ``clear()``)
    ``shift-insert``    before a list page after the first, a foreign document appears on top
    ``shift-skip``      list pages after the first begin one row late, as after a deletion
    ``index-error``     documents whose ``name`` matches end in "error" with ``text``
    ``index-empty``     ... complete with no segment
    ``index-slow``      ... take ``seconds`` to index
    ``index-lost``      ... wait for ever: the message to the workers is lost
    ``index-stuck``     ... are begun and never finished: their worker died
    ``run-failed``      an answer or a run of an application fails with ``text``
    ``stream-cut``      a stream ends after its first piece of text, without a last event
    ``stream-error``    ... with an error event that says ``text``
    ``stream-slow``     the events of a stream come ``seconds`` apart
    ==================  ==========================================================================

    The kinds about requests look at ``method`` ("" for any) and ``path``, those about indexing at
    ``name``; ``path`` and ``name`` are regular expressions that are searched for. ``times`` None
    means always; an outage ignores it.

    Raises:
        ValueError: a field that is out of its range, or that the kind does not look at.
    """

    kind: Kind
    method: str = ""
    path: str = ""
    name: str = ""
    times: int | None = 1
    seconds: float = 0.0
    text: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind {self.kind!r}; known: {', '.join(KINDS)}")
        if self.times is not None and self.times < 1:
            raise ValueError("times must be at least 1, or left out of the rule for always")
        if not 0 <= self.seconds < math.inf:
            raise ValueError("seconds must be a number from 0 on")
        about_documents = self.kind.startswith("index-")
        if about_documents and (self.method or self.path):
            raise ValueError(f"{self.kind} is about documents: name, and no method or path")
        if not about_documents and self.name:
            raise ValueError(f"{self.kind} is about requests: method and path, and no name")
        for pattern in (self.path, self.name):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error

    def hits(self, method: str, path: str) -> bool:
        """Whether this rule is about the request."""
        return self.method.upper() in ("", method) and re.search(self.path, path) is not None


@dataclass(slots=True)
class _Armed:
    fault: Fault
    left: int | None
    since: float


class Faults:
    """The rules of one stand-in; safe to change while it serves."""

    def __init__(self, clock: Callable[[], float], faults: Iterable[Fault] = ()) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._armed: list[_Armed] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """Switch a rule on from now."""
        with self._lock:
            self._armed.append(_Armed(fault, fault.times, self._clock()))

    def clear(self) -> None:
        """Switch every rule off."""
        with self._lock:
            self._armed.clear()

    @property
    def active(self) -> list[Fault]:
        """The rules that can still happen."""
        with self._lock:
            return [armed.fault for armed in self._armed if self._alive(armed)]

    def take(self, kind: Kind, method: str, path: str) -> Fault | None:
        """The first rule of this kind for a request, counted as having happened."""
        return self._take(lambda fault: fault.kind == kind and fault.hits(method, path))

    def outage(self) -> bool:
        """Whether nobody is to be answered now."""
        return any(fault.kind == "outage" for fault in self.active)

    def outcome(self, name: str) -> Fault | None:
        """The rule for how the indexing of a document ends, counted as having happened."""
        kinds = ("index-error", "index-empty")
        return self._take(lambda fault: fault.kind in kinds and _named(fault, name))

    def lost(self, name: str) -> Fault | None:
        """The rule by which the indexing of a document never ends, counted as having happened."""
        kinds = ("index-lost", "index-stuck")
        return self._take(lambda fault: fault.kind in kinds and _named(fault, name))

    def pace(self, name: str, usual: float) -> float:
        """How many seconds the indexing of a document takes."""
        slow = self._take(lambda fault: fault.kind == "index-slow" and _named(fault, name))
        return usual if slow is None else slow.seconds

    def _take(self, wanted: Callable[[Fault], bool]) -> Fault | None:
        with self._lock:
            for armed in self._armed:
                if not self._alive(armed) or not wanted(armed.fault):
                    continue
                if armed.left is not None:
                    armed.left -= 1
                return armed.fault
        return None

    def _alive(self, armed: _Armed) -> bool:
        fault = armed.fault
        if fault.kind == "outage":
            return not fault.seconds or self._clock() < armed.since + fault.seconds
        return armed.left is None or armed.left > 0


def _named(fault: Fault, name: str) -> bool:
    return re.search(fault.name, name) is not None
