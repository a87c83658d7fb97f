"""Who this runs as, and what the system tells of itself."""

from __future__ import annotations

import os
import pwd
from pathlib import Path


def user() -> str:
    """The name of the user this runs as."""
    return name_of(os.geteuid())


def name_of(uid: int) -> str:
    """A user's name, or the number where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def text(path: str) -> str:
    """What a file of the system says; "" where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
