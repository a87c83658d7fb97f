"""The [server] section: which Dify server, with which key, how hard it may be worked."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr, field_validator

from kbsync.config.addresses import address, is_loopback
from kbsync.config.parse import Flag, Place, PositiveDuration, Section, choice, whole

_VERSION_AT_END = re.compile(r"/v[0-9]+$")


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
        allowed = "must be a file with certificates in PEM form"
        try:
            content = b"" if value is None else value.read_bytes()
        except OSError as error:
            raise ValueError(f"{allowed}: {error.strerror}") from None
        if value is not None and b"-----BEGIN " not in content:
            raise ValueError(f"{allowed}: there is none in it")
        return value
