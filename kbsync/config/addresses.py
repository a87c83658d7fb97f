"""Addresses of the web: the server's, and those that hooks write to."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit


def address(value: object) -> str:
    """An http or https address with nothing but host, port and path.

    Raises:
        ValueError: anything else.
    """
    parts = _split(value)
    if parts is None:
        raise ValueError('must be an address such as "https://dify.example/v1"')
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not contain a user or a password; the key goes to api_key_file")
    if "?" in str(value) or "#" in str(value):
        raise ValueError("must end with its path, without ? or #")
    return parts.geturl()


def hook_address(value: object) -> str:
    """An http or https address of any form.

    Raises:
        ValueError: anything else.
    """
    if _split(value) is None:
        raise ValueError('must be an address such as "https://chat.example/hooks/…"')
    return str(value)


def is_loopback(host: str) -> bool:
    """Whether a host, by its name or address, is this machine alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(value: object) -> SplitResult | None:
    if not isinstance(value, str) or not value.isascii() or re.search(r"[\s\x00-\x1f]", value):
        return None
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises when it is no port number
    except ValueError:
        return None
    return parts if parts.scheme in {"http", "https"} and parts.hostname else None
