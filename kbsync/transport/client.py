"""The HTTP client: what may be repeated is, what may not is told as it is."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import httpx

from kbsync.errors import BackendError, Denied, Unavailable
from kbsync.model import Traffic
from kbsync.transport.answer import Answer
from kbsync.transport.circuit import Circuit
from kbsync.transport.connections import Connections
from kbsync.transport.failure import (
    FAILURES,
    UNREACHED,
    Slow,
    failure_of,
    host_of,
)
from kbsync.transport.meaning import error_of
from kbsync.transport.pace import PATIENCE, Pace
from kbsync.transport.streaming import EVENTS, LONGEST_SECONDS, QUIET_SECONDS, Stream

_TRIES = 4
_QUIET_WITHOUT_A_WORD = 5.0
_STARS = "***"

Params = Mapping[str, str | int]
File = tuple[str, bytes, str]
#: What an answer means where our usual reading of it would be wrong; None leaves it to that.
Meaning = Callable[[Answer, str], BackendError | None]
_Got = TypeVar("_Got")


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `kind` names it in counts, `repeatable` says that doing it twice is harmless."""

    kind: str
    method: str
    path: str
    params: Params | None = None
    json: object | None = None
    fields: Mapping[str, str] | None = None
    files: Mapping[str, File] | None = None
    repeatable: bool = False

    @property
    def told(self) -> str:
        """The call in a message."""
        return f"{self.method} {self.path}"


class Transport:
    """Calls to one server with one key; safe for several threads.

    Args:
        base_url: ends in the API's version, without a slash.
        key: sent as bearer token and shown nowhere.
        timeout: seconds without a byte, in either direction, until a call is given up.
        verify: False, or the path of a CA bundle.
        proven: the address has answered before, so that no message doubts it.
        meaning: asked first what an answer that is no success means; with the server's name.
        clock: seconds, never going back.
        sleep: waits for seconds, by default until `interrupt`; True ends all waiting.
        chance: a number from 0 to 1, for spreading retries.

    Raises:
        Denied: the address, the key, the CA bundle or a proxy cannot be used at all.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        max_connections: int = 4,
        timeout: float = 60.0,
        requests_per_minute: int = 0,
        verify: bool | str = True,
        proven: bool = False,
        meaning: Meaning = lambda _answer, _host: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.host = host_of(base_url)
        self.counts: Counter[tuple[str, int]] = Counter()
        self.sent_bytes = 0
        self._base_url = base_url
        self._key = key
        self._proven = proven
        self._meaning = meaning
        self._clock = clock
        self._interrupted = threading.Event()
        self._sleep = sleep or self._interrupted.wait
        self._chance = chance
        self._pace = Pace(requests_per_minute, clock=clock, sleep=self._sleep)
        self._circuit = Circuit(clock)
        self._lock = threading.Lock()
        self._connections = Connections(
            base_url, key, most=max_connections, timeout=timeout, verify=verify
        )

    @property
    def traffic(self) -> Traffic:
        """What was sent so far."""
        with self._lock:
            return Traffic(dict(self.counts), self.sent_bytes)

    def __repr__(self) -> str:
        return f"Transport({self.host!r})"

    def close(self) -> None:
        """Close all connections; no call may be under way."""
        self._connections.rest()

    def rest(self) -> None:
        """Close connections that nobody uses: the next call comes in a while, if at all."""
        self._connections.rest()

    def interrupt(self) -> None:
        """Let no call pause any more: those that would have to end as Unavailable."""
        self._interrupted.set()

    def call(self, call: Call, *, tries: int = _TRIES) -> Answer:
        """Make a call and return the successful answer; raises BackendError.

        A call that is not repeatable and whose answer was lost ends as Unavailable with
        `ambiguous` set; one that surely had no effect is repeated like any other.
        """
        return self._repeated(lambda: self._once(call), tries, repeatable=call.repeatable)

    @contextmanager
    def stream(
        self, call: Call, *, quiet: float = QUIET_SECONDS, longest: float = LONGEST_SECONDS
    ) -> Iterator[Stream]:
        """Make a call whose answer is a stream of events; raises BackendError.

        It is given up after `quiet` seconds without a byte, and after `longest` in all.

        What a stream that broke off had begun goes on at the server: it is never called again.
        """
        with (
            self._connections.used() as client,
            closing(
                self._repeated(
                    lambda: self._opened(client, call, quiet, longest), _TRIES, repeatable=False
                )
            ) as stream,
        ):
            yield stream

    def _repeated(self, once: Callable[[], _Got], tries: int, *, repeatable: bool) -> _Got:
        for attempt in range(1, tries + 1):
            try:
                return once()
            except Slow:
                raise
            except Unavailable as error:
                if attempt == tries or (error.ambiguous and not repeatable):
                    raise
                if (error.retry_after or 0.0) > PATIENCE:
                    raise
                if self._sleep(0.25 * 2.0**attempt * (0.5 + self._chance())) is True:
                    raise
        raise AssertionError  # the last attempt returned or raised

    def ask(self, call: Call) -> Answer:
        """Make a call once and return its answer whatever its status; raises BackendError."""
        response = self._answered(call, lambda: self._exchange(call))
        answer = self._read(response)
        self._count(call, answer)
        return answer

    def _once(self, call: Call) -> Answer:
        answer = self.ask(call)
        self._check(answer, call)
        return answer

    def _opened(self, client: httpx.Client, call: Call, quiet: float, longest: float) -> Stream:
        response = self._answered(call, lambda: _begun(client, call, quiet))
        is_stream = EVENTS in response.headers.get("content-type", "")
        answer = Answer(response.status_code, {}, b"") if is_stream else self._read(response)
        self._count(call, answer)
        if not is_stream or not response.is_success:
            response.close()
            self._check(answer, call)
            raise Unavailable(
                f"{self.host} answered {call.told} not with a stream of events", ambiguous=True
            )
        return Stream(response, call.told, self._base_url, self._clock, longest)

    def _answered(self, call: Call, exchange: Callable[[], httpx.Response]) -> httpx.Response:
        """The response to a call when its turn has come."""
        self._circuit.check()
        self._pace.wait(writes=call.method != "GET")
        try:
            response = exchange()
        except FAILURES as error:
            problem = failure_of(error, call.told, self._base_url, proven=self._proven)
            if isinstance(error, UNREACHED) and isinstance(problem, Unavailable):
                self._circuit.refused(problem)
            raise problem from error
        self._circuit.answered()
        self._proven = True
        return response

    def _check(self, answer: Answer, call: Call) -> None:
        """Raise what an answer that is no success means, and keep what concerns later calls."""
        now = datetime.now(UTC)
        sends_file = call.files is not None
        own = None if 200 <= answer.status < 300 else self._meaning(answer, self.host)  # noqa: PLR2004 - successes
        problem = own or error_of(answer, call.told, self.host, now, sends_file=sends_file)
        if problem is not None:
            self._remember(answer, problem)
            raise problem

    def _exchange(self, call: Call) -> httpx.Response:
        with self._connections.used() as client:
            response = client.send(_request(client, call), stream=True)
            _read_whole(response)
            return response

    def _read(self, response: httpx.Response) -> Answer:
        headers = {name.lower(): value for name, value in response.headers.items()}
        body = response.content
        if not response.is_success:
            # Some proxies echo a request in their error pages. Data stay as they are: a short key
            # may well be part of a document's name.
            headers = {name: value.replace(self._key, _STARS) for name, value in headers.items()}
            body = body.replace(self._key.encode(), _STARS.encode())
        return Answer(response.status_code, headers, body)

    def _count(self, call: Call, answer: Answer) -> None:
        with self._lock:
            self.counts[call.kind, answer.status] += 1
            self.sent_bytes += sum(len(file[1]) for file in (call.files or {}).values())

    def _remember(self, answer: Answer, problem: BackendError) -> None:
        """Keep what concerns every later call: silence that was asked for, a refused key."""
        if isinstance(problem, Unavailable):
            silence = problem.retry_after
            if silence is None and answer.is_rate_limit:
                silence = _QUIET_WITHOUT_A_WORD
            if silence:
                self._pace.quiet(silence, writes_only=answer.is_knowledge_limit)
        if answer.status == 401 and isinstance(problem, Denied):  # noqa: PLR2004 - of the protocol
            self._circuit.key_refused(problem)


def _request(client: httpx.Client, call: Call) -> httpx.Request:
    return client.build_request(
        call.method,
        call.path,
        params=call.params,
        json=call.json,
        data=call.fields,
        files=call.files,
    )


def _begun(client: httpx.Client, call: Call, quiet: float) -> httpx.Response:
    """A response whose events are still to come; what is no stream is read."""
    request = _request(client, call)
    request.headers["Accept"] = EVENTS
    request.extensions["timeout"]["read"] = quiet
    response = client.send(request, stream=True)
    if EVENTS not in response.headers.get("content-type", ""):
        _read_whole(response)
    return response


def _read_whole(response: httpx.Response) -> None:
    try:
        content = response.read()
    finally:
        response.close()
    # httpx's own stream knows the response, which knows the request with all that was sent: in
    # that circle, large files would stay in memory until garbage is looked for.
    response.stream = httpx.ByteStream(content)
