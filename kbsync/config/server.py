"""The [server] section: which Dify server, with which key, how hard it may be worked."""

from __future__ import annotations

import ipaddress
import math
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, SecretStr, field_validator

from kbsync.config.parse import Flag, Place, PositiveDuration, Section, choice, whole

_VERSION_AT_END = re.compile(r"/v[0-9]+$")


def address(value: object) -> str:
    """An http or https address with nothing but host, port and path.

    Raises:
        ValueError: anything else.
    """
    parts = _split(value)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError('must be an address such as "https://dify.example/v1"')
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not contain a user or a password; the key goes to api_key_file")
    if "?" in str(value) or "#" in str(value):
        raise ValueError("must end with its path, without ? or #")
    return parts.geturl()


class ServerSettings(Section):
    """One Dify server; `api_key` is always set, wherever the key came from."""

    base_url: Annotated[str, BeforeValidator(address)]
    api_key: SecretStr
    api_key_file: Place | None = None
    api_style: Annotated[Literal["auto", "dify", "simple"], choice("auto", "dify", "simple")] = (
        "auto"
    )
    max_connections: Annotated[int, whole(1, 16)] = 4
    requests_per_minute: Annotated[int, whole(0)] = 0
    share_percent: Annotated[int, whole(1, 100)] = 80
    max_indexing: Annotated[int, whole(0)] = 100
    timeout: PositiveDuration = 60.0
    ca_file: Place | None = None
    verify_tls: Flag = True
    index_timeout: PositiveDuration = 1800.0

    @property
    def budget(self) -> int:
        """Requests a minute that are ours; 0 for no budget."""
        return math.ceil(self.requests_per_minute * self.share_percent / 100)

    @property
    def url(self) -> str:
        """The address that API paths are appended to: no slash at the end, a version always."""
        address = self.base_url.rstrip("/")
        return address if _VERSION_AT_END.search(address) else f"{address}/v1"

    @property
    def verify(self) -> bool | str:
        """The certificates that https is checked against: a file, the system's, or none."""
        return str(self.ca_file) if self.ca_file else self.verify_tls

    @property
    def sends_key_in_the_clear(self) -> bool:
        """True when the key travels unencrypted over a network."""
        parts = urlsplit(self.base_url)
        return parts.scheme == "http" and not is_loopback(parts.hostname or "")

    @field_validator("ca_file")
    @classmethod
    def _check_bundle(cls, value: Path | None) -> Path | None:
        try:
            if value is not None:
                value.open("rb").close()
        except OSError as error:
            raise ValueError(
                f"must be a file with certificates in PEM form: {error.strerror}"
            ) from None
        return value


def _split(value: object) -> SplitResult | None:
    if not isinstance(value, str) or not value.isascii() or re.search(r"[\s\x00-\x1f]", value):
        return None
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises when it is no port number
    except ValueError:
        return None
    return parts


def is_loopback(host: str) -> bool:
    """Whether a host, by its name or address, is this machine alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
