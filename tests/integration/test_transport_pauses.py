"""When the HTTP client waits: a server's wishes, the Cloud's rate limit, our own budget."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from kbsync.errors import BackendError, Unavailable
from kbsync.transport import Transport
from kbsync.transport.pace import Pace

from .transporting import (
    FINE,
    GET,
    KEY,
    POST,
    Time,
    answers,
    calling,
    served,
    written,
)

# Pauses


def test_retry_after_is_kept() -> None:
    """What the server asks for is waited, by the same call and by others."""
    busy = written("503 Busy", b"", "Retry-After: 7")
    with served(answers(busy, FINE)) as server, calling(server.url) as (transport, time):
        assert transport.call(POST).status == 200
        assert time.now == pytest.approx(1007)


def test_a_date_is_kept() -> None:
    """A date of Retry-After counts from the server's own."""
    told = ["Date: Mon, 23 Nov 2026 10:00:00 GMT", "Retry-After: Mon, 23 Nov 2026 10:00:40 GMT"]
    busy = written("429 Too Many Requests", b"", *told)
    with served(answers(busy, FINE)) as server, calling(server.url) as (transport, time):
        assert transport.call(POST).status == 200
        assert time.now == pytest.approx(1040)


def test_a_long_silence_is_not_waited_for() -> None:
    """A server that wants ten minutes gets them, and the caller gets its hands free."""
    busy = written("503 Busy", b"", "Retry-After: 600")
    with served(answers(busy)) as server, calling(server.url) as (transport, time):
        with pytest.raises(Unavailable) as caught:
            transport.call(GET)
        assert caught.value.retry_after == 600
        with pytest.raises(Unavailable) as caught:
            transport.call(POST)
        assert caught.value.retry_after == 600
        assert transport.counts == Counter({("get", 503): 1})
        assert time.slept == []


LIMITED = (
    b'{"code": "forbidden", "message": "Sorry, you have reached the knowledge base request rate'
    b' limit of your subscription.", "status": 403}'
)


def test_the_knowledge_rate_limit() -> None:
    """After Dify Cloud's refusal nobody writes for a minute; reading, which is free, goes on."""
    limited = written("403 Forbidden", LIMITED, "Content-Type: application/json")
    with served(answers(limited, FINE)) as server, calling(server.url) as (transport, time):
        with pytest.raises(Unavailable, match="rate limit") as caught:
            transport.call(POST, tries=1)
        assert caught.value.retry_after == 60
        transport.call(GET)
        assert time.now == 1000
        transport.call(POST)
        assert time.now == pytest.approx(1060)


def test_refusals_prolong_the_silence() -> None:
    """A call that was under way when the limit was met, and is refused, starts the minute anew."""
    time = Time()
    pace = Pace(0, clock=time.clock, sleep=time.sleep)
    pace.quiet(60, writes_only=True)
    time.now += 50
    pace.quiet(60, writes_only=True)
    pace.quiet(5)
    pace.wait(writes=False)
    assert time.now == 1055
    pace.wait()
    assert time.now == 1110


@pytest.mark.parametrize("budget", [1, 2, 7, 10, 60, 600])
def test_the_budget(budget: int) -> None:
    """In no minute are there more requests than allowed, and few less than that."""
    time = Time()
    pace = Pace(budget, clock=time.clock, sleep=time.sleep)
    moments = []
    for _ in range(4 * budget):
        pace.wait()
        moments.append(time.now)
    for first, after in zip(moments, moments[budget:], strict=False):
        assert after - first >= 60 - 1e-6
    assert moments[-1] - moments[0] < 60 * 4 * 1.12


def test_stopping_does_not_wait() -> None:
    """A call that waits for a silence to end gives up when the program stops."""
    busy = written("503 Busy", b"", "Retry-After: 60")
    ended: list[BackendError] = []

    def call(transport: Transport) -> None:
        try:
            transport.call(GET)
        except Unavailable as error:
            ended.append(error)

    with served(answers(busy)) as server:
        transport = Transport(server.url, KEY)
        thread = threading.Thread(target=call, args=(transport,))
        thread.start()
        server.until(lambda: server.connections == 1)
        transport.interrupt()
        thread.join(5)
        assert not thread.is_alive()
        transport.close()
    assert len(ended) == 1
