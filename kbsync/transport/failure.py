"""Calls without an answer: httpx's errors as ours, and whether the call may have had an effect."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

import h11
import httpx

from kbsync.errors import BackendError, Denied, Unavailable

#: Whatever httpx raises for a call; what it takes for a fault of our own is not an HTTPError.
FAILURES = (httpx.HTTPError, httpx.InvalidURL, h11.ProtocolError)
#: The server did not even take the connection.
UNREACHED = (httpx.ConnectError, httpx.ConnectTimeout)

_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"}


class Slow(Unavailable):
    """No answer within the time-out; asking again at once would only add to the load."""


def failure_of(error: Exception, told: str, base_url: str, *, proven: bool = False) -> BackendError:
    """The error that a call without an answer ends in; `told` names the call.

    A `proven` address is known to be right.
    """
    host = host_of(base_url)
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return _unreached(error, host, base_url, proven)
        case httpx.ProxyError():
            text = f"the proxy before {host} refuses: {words(error)}"
            return Unavailable(f"{text}; correct https_proxy, or except {host} in no_proxy")
        case httpx.UnsupportedProtocol() | httpx.InvalidURL():
            return Denied(f"server.base_url is no address ({words(error)}); correct it")
        case httpx.ReadTimeout() | httpx.WriteTimeout():
            return Slow(f"{host}: no answer to {told} in time", ambiguous=True)
        case _:
            return Unavailable(f"{host}: no answer to {told} ({words(error)})", ambiguous=True)


def host_of(base_url: str) -> str:
    """Host and port, without a user or a password."""
    return _parts(base_url).netloc.rpartition("@")[2]


def uses_proxy(base_url: str) -> bool:
    """Whether the environment names a proxy for this address."""
    parts = _parts(base_url)
    known = getproxies()
    named = known.get(parts.scheme) or known.get("all")
    return bool(named) and not proxy_bypass(parts.hostname or "")


def _parts(base_url: str) -> SplitResult:
    try:
        return urlsplit(base_url)
    except ValueError:
        return urlsplit("")


def words(error: BaseException) -> str:
    """What a foreign error says, on one line."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    if isinstance(error, OSError) and error.strerror:
        # Without the number that `str` begins with.
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def _unreached(error: Exception, host: str, base_url: str, proven: bool) -> BackendError:
    cause = root_of(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _distrusted(cause, host)
    if isinstance(cause, ssl.SSLError) and cause.reason in _NO_TLS:
        return Denied(f"{host} does not speak TLS; is it http:// in server.base_url?")
    if uses_proxy(base_url):
        return Unavailable(
            f"{host} cannot be reached through the proxy ({words(cause)}); correct https_proxy or"
            f" http_proxy, or except {host} in no_proxy"
        )
    doubt = "" if proven else "; check server.base_url"
    if isinstance(cause, socket.gaierror):
        return Unavailable(f"the name of {host} is not known here (DNS){doubt}")
    return Unavailable(f"{host} cannot be reached ({words(cause)}){doubt}")


def _distrusted(cause: ssl.SSLCertVerificationError, host: str) -> Denied:
    reason = cause.verify_message
    if "mismatch" in reason:
        return Denied(
            f"{host}: its certificate is for another name ({reason}); use a name of the certificate"
            " in server.base_url"
        )
    if "expired" in reason or "not yet valid" in reason:
        return Denied(f"{host}: {reason}; renew the certificate, or correct the clock here")
    return Denied(
        f"{host}: its certificate is not trusted ({reason}); set server.ca_file to the certificate"
        " of who signed it"
    )


def root_of(error: BaseException) -> BaseException:
    """What a foreign error began with."""
    below = error.__cause__ or error.__context__
    return error if below is None else root_of(below)
