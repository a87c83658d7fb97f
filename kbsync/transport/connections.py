"""The connections to one server: opened when they are needed, closed when nobody needs them."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

import httpx

from kbsync import __version__
from kbsync.errors import Denied
from kbsync.transport.failure import uses_proxy, words

#: Idle connections are dropped before the server drops them: gunicorn waits 2.0 s (seen live).
KEEP_IDLE_SECONDS = 1.2

_CONNECT_SECONDS = 10.0


class Connections:
    """At most so many at a time; they stay open from request to request until `rest`.

    Each is a client of its own, used by one thread at a time. A pool of httpcore 1.0 that threads
    share closes a connection after nearly each request, because it compares the number of all with
    the limit of idle ones (encode/httpcore#1000), and now and then one that is in use: its request
    then waits for an answer until it is given up (encode/httpcore#1110).

    Safe for several threads.

    Args:
        base_url: what the paths of requests are below.
        key: sent as bearer token.
        most: how many.
        timeout: seconds without a byte, in either direction, until a request is given up.
        verify: False, or the path of a CA bundle.

    Raises:
        Denied: the address, the key, the CA bundle or a proxy cannot be used at all.
    """

    def __init__(
        self, base_url: str, key: str, *, most: int, timeout: float, verify: bool | str
    ) -> None:
        if not key.isascii() or not key.isprintable() or " " in key or not key:
            raise Denied("the API key is empty or has characters that no key has; set it again")
        try:
            self._made = partial(
                httpx.Client,
                base_url=base_url,
                headers={"Authorization": f"Bearer {key}", "User-Agent": f"kbsync/{__version__}"},
                timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS)),
                limits=httpx.Limits(max_connections=1, keepalive_expiry=KEEP_IDLE_SECONDS),
                verify=_trust(base_url, verify),
                follow_redirects=False,
                trust_env=True,
            )
            self._idle = [self._made()]
        except httpx.InvalidURL as error:
            raise Denied(f"server.base_url is no address ({error}); correct it") from error
        except OSError as error:
            raise Denied(
                f"the trusted certificates cannot be read ({words(error)}); correct server.ca_file,"
                " or the variable SSL_CERT_FILE"
            ) from error
        except (ValueError, ImportError):
            # Their words may hold a proxy's password.
            raise Denied(
                "the proxy of the environment cannot be used; correct http_proxy, https_proxy or"
                " all_proxy"
            ) from None
        self._room = threading.BoundedSemaphore(most)

    @contextmanager
    def used(self) -> Iterator[httpx.Client]:
        """A client for one request and its answer; waits for one where all are in use."""
        with self._room:
            try:
                client = self._idle.pop()
            except IndexError:
                client = self._made()
            try:
                yield client
            finally:
                self._idle.append(client)

    def rest(self) -> None:
        """Close those that are not in use.

        Bare images of 1.16.1 have ten slots, one for each connection, and close none (seen live).
        """
        while self._idle:
            with suppress(IndexError):  # taken in this very moment
                self._idle.pop().close()


def _trust(base_url: str, verify: bool | str) -> bool | ssl.SSLContext:
    """Whom to believe: a bundle, or else the system's authorities and certifi's together."""
    if verify is False:
        return False
    if isinstance(verify, str):
        return ssl.create_default_context(cafile=verify)
    if base_url.startswith("http:") and not uses_proxy(base_url):
        return False  # no TLS at all, and reading the authorities takes longer than a call
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context
