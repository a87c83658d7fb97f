"""The HTTP client: what may be repeated is, what may not is told as it is."""

from __future__ import annotations

import random
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import h11
import httpx

from kbsync import __version__
from kbsync.errors import BackendError, Denied, Unavailable
from kbsync.transport.answer import Answer, error_of
from kbsync.transport.pace import Pace

#: Idle connections are dropped before the server drops them: gunicorn waits 2.0 s (seen live).
KEEP_IDLE_SECONDS = 1.2

_TRIES = 4
_CONNECT_SECONDS = 10.0
_REFUSALS_BEFORE_REST, _REST_SECONDS = 3, 5.0
_QUIET_WITHOUT_A_WORD = 5.0

Params = Mapping[str, str | int]
File = tuple[str, bytes, str]


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
        clock: seconds, never going back.
        chance: a number from 0 to 1, for spreading retries.
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
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.host = urlsplit(base_url).netloc
        self.counts: Counter[tuple[str, int]] = Counter()
        self.sent_bytes = 0
        self._sleep = sleep
        self._clock = clock
        self._chance = chance
        self._pace = Pace(requests_per_minute, clock=clock, sleep=sleep)
        self._lock = threading.Lock()
        self._refusals = 0
        self._rest_until = 0.0
        self._key_refused: Denied | None = None
        self._client = httpx.Client(
            base_url=base_url,
            headers={"Authorization": f"Bearer {key}", "User-Agent": f"kbsync/{__version__}"},
            timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS), pool=600.0),
            limits=httpx.Limits(
                max_connections=max_connections,
                max_keepalive_connections=max_connections,
                keepalive_expiry=KEEP_IDLE_SECONDS,
            ),
            verify=_trust(verify),
            follow_redirects=False,
            trust_env=True,
        )

    def __repr__(self) -> str:
        return f"Transport({self.host!r})"

    def close(self) -> None:
        """Close all connections; no call may be under way."""
        self._client.close()

    def call(self, call: Call) -> Answer:
        """Make a call and return the successful answer; raises BackendError.

        A call that is not repeatable and whose answer was lost ends as Unavailable with
        `ambiguous` set; one that surely had no effect is repeated like any other.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                return self._once(call)
            except Unavailable as error:
                if attempt == _TRIES or (error.ambiguous and not call.repeatable):
                    raise
                self._wait(attempt, error)
        raise AssertionError  # the last attempt returned or raised

    def _wait(self, attempt: int, error: Unavailable) -> None:
        pause = 0.25 * 2.0**attempt * (0.5 + self._chance())
        self._sleep(max(pause, error.retry_after or 0.0))

    def ask(self, call: Call) -> Answer:
        """Make a call once and return its answer whatever its status; raises BackendError."""
        self._refuse_early()
        self._pace.wait()
        try:
            answer = self._exchange(call)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise self._unreachable(error) from error
        except (httpx.HTTPError, h11.ProtocolError) as error:
            text = f"{self.host}: no answer to {call.told} ({_reason(error)})"
            raise Unavailable(text, ambiguous=True) from error
        except httpx.InvalidURL as error:
            raise Denied(f"server.base_url is not an address: {error}") from error
        self._count(call, answer)
        return answer

    def _once(self, call: Call) -> Answer:
        answer = self.ask(call)
        problem = error_of(answer, call.told, self.host, datetime.now(UTC))
        if problem is None:
            return answer
        self._remember(answer, problem)
        raise problem

    def _exchange(self, call: Call) -> Answer:
        response = self._client.request(
            call.method,
            call.path,
            params=call.params,
            json=call.json,
            data=call.fields,
            files=call.files,
        )
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, response.content)

    def _count(self, call: Call, answer: Answer) -> None:
        with self._lock:
            self.counts[call.kind, answer.status] += 1
            self.sent_bytes += sum(len(file[1]) for file in (call.files or {}).values())
            self._refusals = 0

    def _remember(self, answer: Answer, problem: BackendError) -> None:
        """Keep what concerns every later call: silence that was asked for, a refused key."""
        if answer.is_rate_limit and isinstance(problem, Unavailable):
            self._pace.quiet(problem.retry_after or _QUIET_WITHOUT_A_WORD)
        if answer.status == 401 and isinstance(problem, Denied):  # noqa: PLR2004 - of the protocol
            with self._lock:
                self._key_refused = problem

    def _refuse_early(self) -> None:
        """Fail at once while the server is known to be away, or to refuse the key."""
        with self._lock:
            if self._key_refused is not None:
                raise Denied(str(self._key_refused))
            if self._clock() < self._rest_until:
                raise Unavailable(f"{self.host} cannot be reached")

    def _unreachable(self, error: httpx.HTTPError) -> BackendError:
        reason = _reason(error)
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            return Denied(
                f"{self.host}: its certificate is not trusted ({reason}); set server.ca_file to the"
                " certificate of who signed it"
            )
        with self._lock:
            self._refusals += 1
            if self._refusals >= _REFUSALS_BEFORE_REST:
                self._rest_until = self._clock() + _REST_SECONDS
        return Unavailable(f"{self.host} cannot be reached ({reason}); is server.base_url right?")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _trust(verify: bool | str) -> bool | ssl.SSLContext:
    return verify if isinstance(verify, bool) else ssl.create_default_context(cafile=verify)
