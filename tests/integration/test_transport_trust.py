"""Whom the HTTP client trusts, and with what: certificates, proxies, the key."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from kbsync.errors import BackendError, Denied, Unavailable
from kbsync.transport import Transport

from .transporting import (
    FINE,
    GET,
    KEY,
    POST,
    answers,
    calling,
    once,
    served,
    written,
)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


# Certificates


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for "localhost"."""

    file: Path
    context: ssl.SSLContext


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    place = tmp_path_factory.mktemp("tls")
    file, key = place / "cert.pem", place / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(file)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file, key)
    return Certificate(file, context)


def test_a_certificate_of_ones_own(certificate: Certificate) -> None:
    """A self-signed certificate is refused until ca_file names it or checks are switched off."""
    with served(answers(FINE), context=certificate.context) as server:
        with (
            calling(server.url) as (transport, _),
            pytest.raises(Denied, match=r"not trusted \(self-signed certificate\); set server.ca_"),
        ):
            transport.call(GET)
        for verify in (str(certificate.file), False):
            with calling(server.url, verify=verify) as (transport, _):
                assert transport.call(GET).status == 200


def test_a_certificate_for_another_name(certificate: Certificate) -> None:
    """A certificate for another name is not told as one that nobody trusts."""
    with served(answers(FINE), context=certificate.context) as server:
        url = server.url.replace("localhost", "127.0.0.1")
        with (
            calling(url, verify=str(certificate.file)) as (transport, _),
            pytest.raises(Denied, match="another name"),
        ):
            transport.call(GET)


def test_https_where_http_is_spoken() -> None:
    """TLS with a server that knows none is told as a wrong address."""

    def script(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(written("400 Bad Request", b""))
        while connection.recv(1024):
            pass

    with served(script) as server:
        url = server.url.replace("http:", "https:")
        with (
            calling(url) as (transport, _),
            pytest.raises(Denied, match="does not speak TLS; is it http://"),
        ):
            transport.call(GET)


def test_a_bundle_that_is_none(tmp_path: Path) -> None:
    """A ca_file without certificates is told by its name in the configuration."""
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    for path in (file, tmp_path / "missing.pem"):
        with pytest.raises(Denied, match="ca_file"):
            Transport("https://localhost/v1", KEY, verify=str(path))


# Proxies


def test_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's proxy is used, and a failing one is told as a proxy, without its login."""
    with served(answers(FINE)) as proxy:
        monkeypatch.setenv("http_proxy", f"http://me:pa55@localhost:{proxy.port}")
        with calling("http://dify.example/v1") as (transport, _):
            assert transport.call(GET).status == 200
        assert proxy.connections == 1
    with (
        calling("http://dify.example/v1") as (transport, _),
        pytest.raises(Unavailable, match="through the proxy") as caught,
    ):
        transport.call(GET)
    assert "pa55" not in str(caught.value)


def test_a_proxy_that_wants_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that refuses to connect had no effect, whatever was to be sent."""
    refusal = written("407 Proxy Authentication Required", b"")
    with served(once(refusal)) as proxy:
        monkeypatch.setenv("https_proxy", f"http://localhost:{proxy.port}")
        monkeypatch.setenv("http_proxy", f"http://localhost:{proxy.port}")
        with calling("https://dify.example/v1") as (transport, _):
            with pytest.raises(Unavailable, match=r"407.*https_proxy") as caught:
                transport.call(POST)
            assert not caught.value.ambiguous
        with (
            calling("http://dify.example/v1") as (transport, _),
            pytest.raises(Denied, match="login"),
        ):
            transport.call(POST)


def test_a_proxy_that_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy variable that is no address is told by the variable's name, without its login."""
    monkeypatch.setenv("http_proxy", "gopher://me:pa55@localhost:1")
    with pytest.raises(Denied, match="http_proxy") as caught:
        Transport("http://dify.example/v1", KEY)
    assert "pa55" not in str(caught.value)


# The key


def test_a_refused_key() -> None:
    """A refused key is not tried for every file, but again after half a minute."""
    body = b'{"code": "unauthorized", "message": "Access token is invalid", "status": 401}'
    refusal = written("401 Unauthorized", body)
    with served(answers(refusal, FINE)) as server, calling(server.url) as (transport, time):
        for _ in range(3):
            with pytest.raises(Denied, match="refused the API key"):
                transport.call(GET)
        time.now += 30
        assert transport.call(GET).status == 200
        assert transport.counts == Counter({("get", 401): 1, ("get", 200): 1})


@pytest.mark.parametrize("status", ["400 Bad", "401 No", "403 No", "418 Tea", "500 Oops", "301 Go"])
def test_the_key_is_not_shown(status: str) -> None:
    """A server that echoes the request in its error does not get the key into ours."""
    echo = written(status, b'{"message": "Bearer %s"}' % KEY.encode(), f"Location: /?k={KEY}")
    with served(answers(echo)) as server, calling(server.url) as (transport, _):
        with pytest.raises(BackendError) as caught:
            transport.call(POST)
        assert KEY not in str(caught.value) + repr(caught.value) + repr(transport)


@pytest.mark.parametrize("key", ["", "key\n", "k ey", "schlüssel", "a\x00b"])
def test_a_key_that_is_none(key: str) -> None:
    """A key that cannot be one is refused before anything is sent, and not shown."""
    with pytest.raises(Denied, match="API key") as caught:
        Transport("http://localhost/v1", key)
    assert not key or key not in str(caught.value)
