"""A small disk that a test can fill."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(point: Path, megabytes: int = 4) -> Iterator[Path]:
    """A file system of its own at `point`; skips the test for a user who may mount none."""
    point.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "kbsync-test", str(point)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk and fill it")
    try:
        yield point
    finally:
        subprocess.run(["umount", "--lazy", str(point)], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte free; the returned file is what to delete."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (2**16, 2**12):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    assert shutil.disk_usage(disk).free == 0
    return filler
