"""What `kbsync --version` tells: the program, and what it runs on."""

from __future__ import annotations

import platform
import re
import sqlite3
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from kbsync import __version__

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_EXTRA = re.compile(r"extra == ['\"](.+?)['\"]")


def versions() -> Iterator[tuple[str, str]]:
    """Each component with its version; those of an extra that is not installed are left out."""
    yield "kbsync", __version__
    yield "Python", platform.python_version()
    yield "SQLite", sqlite3.sqlite_version
    yield platform.system(), f"{platform.release()} {platform.machine()}"
    for name, extra in sorted(_required()):
        try:
            yield name, version(name) + (f" (extra {extra})" if extra else "")
        except PackageNotFoundError:
            continue


def _required() -> set[tuple[str, str]]:
    """The packages that kbsync names, with the extra that wants each; "" for what it must have."""
    wanted: dict[str, str] = {}
    for line in requires("kbsync") or ():
        name, extra = _NAME.match(line), _EXTRA.search(line)
        if name is not None:
            wanted.setdefault(name[0], extra[1] if extra else "")
    return set(wanted.items())
