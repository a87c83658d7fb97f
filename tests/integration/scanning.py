"""What the tests of scanning share: a walk as a list, and denial that also holds for root."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kbsync import scan
from kbsync.filters import Filters
from kbsync.model import SERVER_TYPES, Problem, Seen, Skipped

ALL = Filters([], [], SERVER_TYPES)

_NOBODY = 65534


def walked(
    root: Path, *, filters: Filters = ALL, max_size: int = 10**6
) -> list[Seen | Skipped | Problem]:
    return list(scan.walk(root, "f", filters, max_size=max_size))


def seen_paths(items: Iterable[Seen | Skipped | Problem]) -> list[str]:
    return [item.key.path for item in items if isinstance(item, Seen)]


@contextmanager
def public_directory() -> Iterator[Path]:
    """A new directory that every user can reach."""
    with tempfile.TemporaryDirectory(prefix="kbsync-test-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@contextmanager
def denied(path: Path, *, mode: int = 0) -> Iterator[str]:
    """Give a path this mode and be a user whom modes bind; yields that user's name.

    Root is bound by no mode, so it becomes another user for the time.
    """
    before, user = path.stat().st_mode, os.geteuid()
    path.chmod(mode)
    if user == 0:
        os.seteuid(_NOBODY)
    try:
        yield pwd.getpwuid(os.geteuid()).pw_name
    finally:
        os.seteuid(user)
        path.chmod(before)
