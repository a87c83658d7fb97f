"""Where the stand-in listens: who can reach it there, and whether the port is free."""

from __future__ import annotations

import ipaddress
import os
import socket

from kbsync.errors import ConfigError
from kbsync.log import printable


def reached_as(host: str) -> str:
    """The host of a base URL: not the address that stands for all of them."""
    if not host or _is_wildcard(host):
        return os.uname().nodename
    return f"[{host}]" if ":" in host else host


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def free_port(host: str, port: int) -> int:
    """The port, or a free one for 0, so that a busy one is told before anything else is.

    Raises OSError when nothing can listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind((host, port))
        return int(trial.getsockname()[1])


def unusable(host: str, port: int, error: OSError) -> ConfigError:
    """What to tell when it cannot listen there."""
    where = printable(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    return ConfigError(f"{where}: {error.strerror or error}; --host and --port choose another")
