"""The server: whether and how it answers, before it is shown the key."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from kbsync import __version__
from kbsync.commands.doctor.findings import (
    Finding,
    fail,
    ok,
    skip,
    warn,
)
from kbsync.config import ServerSettings
from kbsync.errors import Unavailable

#: Seconds that the walk through one folder, and the wait for one answer, may take.
PATIENCE: Final = 10.0

_SKEW, _SLOW = 60.0, 2.0

_OLDEST = (1, 7)

_REDIRECT, _SUCCESS = 3, 200

_NAMED = {"User-Agent": f"kbsync/{__version__}"}


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a server says without a key; `seconds` is how long it took, `now` our clock then."""

    status: int
    seconds: float
    now: float
    headers: Mapping[str, str]

    @property
    def is_page(self) -> bool:
        """True for a page for people; servers up to 1.10 answer this address with one, a 404."""
        is_html = "html" in self.headers.get("content-type", "")
        return is_html and self.status == _SUCCESS and "x-version" not in self.headers


def greeted(server: ServerSettings) -> Greeting:
    """One GET of the API's first page, without the key; raises Unavailable."""
    import httpx

    try:
        verify = _context(server)
        timeout = min(server.timeout, PATIENCE)
        begun = time.monotonic()
        with (
            httpx.Client(verify=verify, timeout=timeout, headers=_NAMED) as client,
            client.stream("GET", f"{server.url}/") as answer,
        ):
            seconds = time.monotonic() - begun
            return Greeting(answer.status_code, seconds, time.time(), answer.headers)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Unavailable(_why(error, server)) from error


def _context(server: ServerSettings) -> ssl.SSLContext | bool:
    if not server.base_url.startswith("https:") or not server.verify_tls:
        return False
    return ssl.create_default_context(cafile=server.ca_file)


def _why(error: Exception, server: ServerSettings) -> str:
    """What happened and, after the last semicolon, what to do."""
    host = urlsplit(server.base_url).netloc
    if proxy := proxy_of(server):
        return (
            f"{host} cannot be reached through the proxy that {proxy} names: {_words(error)};"
            f" correct {proxy}, or except {host} from it with the variable no_proxy"
        )
    match _root_of(error):
        case socket.gaierror():
            return f"the name of {host} is not known here (DNS); correct server.base_url"
        case ConnectionRefusedError():
            return f"nothing listens at {host}; start the server, or correct server.base_url"
        case ssl.SSLCertVerificationError() as cause:
            return (
                f"the certificate of {host} is not trusted: {cause.verify_message};"
                " put the certificate that signed it into a file and set server.ca_file to it"
            )
        case ssl.SSLError() as cause:
            return (
                f"{host} does not speak TLS as it should: {_words(cause)};"
                " is it http:// instead of https://, or is server.ca_file no certificate?"
            )
        case TimeoutError():
            return (
                f"{host} did not answer within {min(server.timeout, PATIENCE):g} s;"
                " look whether it runs, and whether a firewall or a proxy is between"
            )
        case cause:
            return f"{host}: {_words(cause)}; look whether the server runs"


def proxy_of(server: ServerSettings) -> str | None:
    """The variable whose proxy is between us and the server; its value may hold a password."""
    address = urlsplit(server.base_url)
    if proxy_bypass(address.hostname or ""):
        return None
    known = getproxies()
    name = next((name for name in (address.scheme, "all") if known.get(name)), None)
    return name and f"{name}_proxy"


def _words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return str(error) or type(error).__name__


def _root_of(error: BaseException) -> BaseException:
    below = error.__cause__ or error.__context__
    return error if below is None else _root_of(below)


def reached(url: str, greeting: Greeting, proxy: str | None = None) -> Finding:
    """Whether it is this address that answers, how fast, and by which way."""
    way = f", through the proxy that {proxy} names" if proxy else ""
    found = f"answers in {greeting.seconds * 1000:.0f} ms{way}"
    target = greeting.headers.get("location", "")
    if greeting.status // 100 == _REDIRECT and target.rstrip("/") != url:
        said = f"sends everybody on to {target}"
        remedy = f'set server.base_url = "{target.rstrip("/")}"'
        return fail("server", url, said, remedy)
    if greeting.is_page:
        return warn(
            "server",
            url,
            "answers with a web page, as a proxy or another site does",
            "correct server.base_url, or let this machine past the proxy (variable no_proxy)",
        )
    if greeting.seconds > _SLOW:
        remedy = "expect long runs; look at the server's load and at the network"
        return warn("server", url, found, remedy)
    return ok("server", url, found)


def version(url: str, greeting: Greeting) -> Finding:
    """Which Dify it says it is, in the header of every answer."""
    told = greeting.headers.get("x-version")
    if told is None:
        return skip("version", url, "the server does not tell its version")
    known = re.match(r"(\d+)\.(\d+)", told)
    if known and (int(known[1]), int(known[2])) < _OLDEST:
        found = f"Dify {told} is older than what kbsync was tried with"
        return warn("version", url, found, f"update Dify to {_OLDEST[0]}.{_OLDEST[1]} or newer")
    if "x-stand-in" in greeting.headers:
        return ok("version", url, f"kbsync's stand-in, which acts as Dify {told}")
    return ok("version", url, f"Dify {told}")


def clock(url: str, greeting: Greeting) -> Finding:
    """How far apart the clocks are, by the Date header (whole seconds)."""
    try:
        date = parsedate_to_datetime(greeting.headers.get("date", ""))
    except ValueError:
        return skip("clock", url, "the server does not tell its time")
    skew = date.timestamp() - greeting.now
    if abs(skew) <= _SKEW:
        return ok("clock", url, "agrees with this machine's")
    way = "ahead of" if skew > 0 else "behind"
    return warn(
        "clock",
        url,
        f"is {abs(skew):.0f} s {way} this machine's",
        "let both set their clocks by NTP (timedatectl set-ntp true): times in documents and"
        " certificates depend on it",
    )


GREETING_CHECKS: Mapping[str, Callable[[str, Greeting], Finding]] = {
    "version": version,
    "clock": clock,
}
