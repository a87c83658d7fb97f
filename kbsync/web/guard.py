"""Who may ask: the Host, the token, the origin of an action; and what every answer carries.

A page of somebody else's, open in an operator's browser, can send requests here. It must neither
read anything (it would need a name of its own that resolves to this address: Host) nor do anything
(an action must come from our own page: Sec-Fetch-Site, Origin, and a type of content that no
form can send).
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
from collections.abc import Collection
from email.utils import formatdate
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_READS = frozenset({"GET", "HEAD"})
#: Answered without a token: it tells nothing but that the process lives.
_OPEN = frozenset({"/healthz"})

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """Refuses what is not for us, before anything else sees it.

    Args:
        names: host names that are ours, in lower case; addresses are always taken, because a page
            can only use a name of its own to get here.
        token: what every request must show, or None.
    """

    def __init__(self, app: ASGIApp, names: Collection[str], token: str | None) -> None:
        self._app = app
        self._names = frozenset(names)
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                headers["Date"] = formatdate(usegmt=True)
            await send(message)

        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if not _is_ours(headers.get("host", ""), self._names):
            return _refused(
                403,
                "this host name is not one of kbsync's; add it to http.hosts if it should be",
            )
        if self._token is not None and scope["path"] not in _OPEN and not self._knows(headers):
            refused = _refused(
                401,
                "the token of http.token_file is needed: as a bearer token, or"
                " as the password, with any user name",
            )
            refused.headers["WWW-Authenticate"] = 'Basic realm="kbsync", charset="UTF-8"'
            return refused
        if scope["method"] not in _READS and (why := _foreign(headers)) is not None:
            return _refused(403, why)
        return None

    def _knows(self, headers: Headers) -> bool:
        assert self._token is not None  # noqa: S101 - asked only then
        shown = _shown(headers.get("authorization", ""))
        return hmac.compare_digest(shown.encode(), self._token.encode())


def _refused(status: int, why: str) -> JSONResponse:
    return JSONResponse({"error": why}, status)


def _is_ours(host: str, names: Collection[str]) -> bool:
    name = _name_of(host)
    return name in names or _is_address(name)


def _name_of(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _shown(authorization: str) -> str:
    """The token in a header: `Bearer TOKEN`, or the password of `Basic`."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except ValueError:
            return ""
    return ""


def _foreign(headers: Headers) -> str | None:
    """Why a request that would do something is not from our own page or a program; else None."""
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return "an action must come from kbsync's own page"
    origin = headers.get("origin")
    if origin is not None and _server_of(origin) != headers.get("host", "").lower():
        return "an action must come from kbsync's own page"
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return "an action is sent as application/json"
    return None


def _server_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None
