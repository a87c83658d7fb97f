"""Conversions in processes of their own, so that no file can stop or slow down who sends it.

A child knows no key: it gets no environment, no open file but its two, and no directory.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from kbsync.convert import child
from kbsync.convert.registry import RECOGNITION
from kbsync.errors import FileError, NothingToIndex, NotNow
from kbsync.formats import NO_TEXT

_LONGEST_REASON = 200
#: Text recognition takes seconds for each page.
_LONG = 900
_UNBOUNDED = (
    "its conversion can be given no limits, because the system refuses that; with systemd, the unit"
    " needs SystemCallFilter=prlimit64 setrlimit"
)
_STOPPING = "kbsync is stopping: converted at the next run"


class Bounds(NamedTuple):
    """What one conversion may use: seconds of work and of waiting, bytes of memory and of text."""

    work: int = 60
    wait: float = 120.0
    memory: int = 2 * 2**30
    output: int = 64 * 2**20


class Apart:
    """Runs conversions, at most `most` at a time."""

    def __init__(
        self, bounds: Bounds | None = None, *, most: int = 2, python: str = sys.executable
    ) -> None:
        self._bounds = bounds or Bounds()
        self._python = python
        self._places = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ended = False

    def convert(self, family: str, extension: str, body: bytes) -> str:
        """The text that a family finds in a file.

        Raises:
            NothingToIndex: none.
            FileError: it cannot be converted, or not within the bounds.
            NotNow: no process can be had, or none with bounds, or kbsync is stopping.
        """
        return self._told([family, extension], body, self._bounds).decode("utf-8", "replace")

    def split(self, family: str, extension: str, body: bytes, most: int) -> list[bytes]:
        """What a family makes of a file in parts of at most `most` bytes; raises as `convert`."""
        output = max(self._bounds.output, 4 * len(body))  # each part has all the fonts it needs
        told = self._told([family, extension], body, self._bounds._replace(output=output), most)
        return list(_parts(told))

    def recognised(self, body: bytes, languages: str) -> bytes:
        """A PDF with the text that is in its pictures; raises as `convert`."""
        family, output = RECOGNITION.family, max(self._bounds.output, 8 * len(body))
        bounds = self._bounds._replace(work=_LONG, wait=2.0 * _LONG, output=output)
        return b"".join(_parts(self._told([family, languages], body, bounds, most=1)))

    def _told(self, what: list[str], body: bytes, bounds: Bounds, most: int = 0) -> bytes:
        with self._places, _memory(body) as given, _memory() as taken:
            code = self._run(what, bounds, most, given, taken)
            told = os.pread(taken, os.fstat(taken).st_size, 0)
        if code == 0:
            return told
        if self._ended:
            raise NotNow(_STOPPING)
        if code == child.UNBOUNDED:
            raise NotNow(_UNBOUNDED)
        raise _refusal(code, told.decode("utf-8", "replace"), bounds)

    @property
    def ended(self) -> bool:
        """Whether it was interrupted."""
        return self._ended

    def interrupt(self) -> None:
        """End what runs, and run nothing any more."""
        with self._lock:
            self._ended = True
            for running in self._running:
                running.kill()

    def _run(
        self, what: list[str], bounds: Bounds, most: int, given: int, taken: int
    ) -> int | None:
        """The exit code; None when the time was over."""
        running = self._started(what, bounds, most, given, taken)
        try:
            return running.wait(bounds.wait)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if running.returncode is None:
                os.killpg(running.pid, signal.SIGKILL)  # not reaped yet, so it is still the child's
                running.wait()
            with self._lock:
                self._running.discard(running)

    def _started(
        self, what: list[str], bounds: Bounds, most: int, given: int, taken: int
    ) -> subprocess.Popen[bytes]:
        numbers = map(str, (bounds.work, bounds.memory, bounds.output, most))
        module = ["-I", "-m", "kbsync.convert.child", *what, *numbers]
        with self._lock:
            if self._ended:
                raise NotNow(_STOPPING)
            try:
                running = subprocess.Popen(  # noqa: S603 - our own module, names from the registry
                    [self._python, *module],
                    stdin=given,
                    stdout=taken,
                    stderr=subprocess.DEVNULL,
                    env={"LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1", "PATH": _path()},
                    cwd="/",
                    start_new_session=True,
                )
            except OSError as error:
                raise NotNow(f"no process for its conversion: {error.strerror}") from error
            self._running.add(running)
            return running


def _parts(told: bytes) -> Iterator[bytes]:
    place = 0
    while place < len(told):
        (length,) = child.LENGTH.unpack_from(told, place)
        place += child.LENGTH.size + length
        yield told[place - length : place]


@contextmanager
def _memory(content: bytes = b"") -> Iterator[int]:
    """A file in memory with this content, for a child."""
    descriptor = os.memfd_create("kbsync")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def _refusal(code: int | None, told: str, bounds: Bounds) -> FileError:
    reason = " ".join(told.split())[:_LONGEST_REASON]
    match code:
        case child.NO_TEXT:
            return NothingToIndex(reason or NO_TEXT)
        case child.REFUSED:
            return FileError(reason)
        case child.BROKEN:
            return FileError(f"it cannot be converted: {reason}")
        case child.TOO_BIG:
            return FileError("it cannot be converted: it needs more memory than it may have")
        case None:
            seconds = bounds.wait
            return FileError(f"it cannot be converted within {seconds:g} seconds")
        case _ if code == -signal.SIGXCPU:
            seconds = bounds.work
            return FileError(f"it cannot be converted within {seconds} seconds of work")
        case _:
            return FileError(f"it cannot be converted: the converter ended with {code}")


def _path() -> str:
    return os.environ.get("PATH", os.defpath)
