"""A streaming answer: the data of its events as they come, to the server's end or to our error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import httpx
from httpx_sse import EventSource

from kbsync.errors import Unavailable
from kbsync.transport.failure import FAILURES, failure_of

EVENTS = "text/event-stream"

#: Seconds without a byte after which a stream is given up: 1.16.1 is silent, without keep-alives,
#: until a worker takes a run; 49 s were seen while one was indexing.
QUIET_SECONDS = 300.0
#: A stream that lasts longer, in seconds, or is larger, in bytes, is given up.
LONGEST_SECONDS, MOST_BYTES = 3600.0, 64 * 2**20


def data_of(chunks: Iterable[bytes]) -> Iterator[str]:
    """The data of each event of a stream; "" for an event without, which is a keep-alive.

    An event that the stream's end cuts off is none.
    """
    response = httpx.Response(200, headers={"Content-Type": EVENTS}, content=chunks)
    return (event.data for event in EventSource(response).iter_sse())


class Stream:
    """One streaming answer that has begun; iterating over it raises only BackendError.

    Args:
        told: the call, for messages.
        clock: seconds, never going back.
        longest: seconds until it is given up, whatever still comes.
    """

    def __init__(
        self,
        response: httpx.Response,
        told: str,
        base_url: str,
        clock: Callable[[], float],
        longest: float,
    ) -> None:
        self._response = response
        self._told = told
        self._base_url = base_url
        self._clock = clock
        self._longest = longest

    def __iter__(self) -> Iterator[str]:
        try:
            yield from data_of(self._bounded())
        except FAILURES as error:
            raise failure_of(error, self._told, self._base_url) from error

    def close(self) -> None:
        """Close the connection, wherever the stream is; the server works on."""
        self._response.close()

    def _bounded(self) -> Iterator[bytes]:
        until, size = self._clock() + self._longest, 0
        for chunk in self._response.iter_bytes():
            size += len(chunk)
            if size > MOST_BYTES or self._clock() > until:
                raise Unavailable(f"the answer to {self._told} does not end", ambiguous=True)
            yield chunk
