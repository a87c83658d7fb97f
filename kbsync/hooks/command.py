"""A command that gets the message as JSON on its standard input."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence

from kbsync.errors import Undelivered
from kbsync.hooks.interface import Message

_SECONDS = 20.0
_AT_ONCE, _KEPT = 65_536, 4_096
_LOOK, _TO_DIE = 0.05, 1.0


class Command:
    """Runs it without a shell; it has told when it ends with 0 in time.

    What it starts in the background may live on; one that is late is killed with all it started.
    Of what it says only the end is kept, however much it is.
    """

    def __init__(self, arguments: Sequence[str], *, seconds: float = _SECONDS) -> None:
        self._arguments = list(arguments)
        self._seconds = seconds
        self._interrupted = threading.Event()

    def tell(self, message: Message) -> None:
        """Run it; raises Undelivered."""
        with os.fdopen(os.memfd_create("kbsync"), "w+b") as told:  # never blocks, read or not
            told.write(json.dumps(message.facts()).encode())
            told.seek(0)
            try:
                process = subprocess.Popen(  # noqa: S603 - the configuration names it, and no shell reads it
                    self._arguments,
                    stdin=told,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
            except OSError as error:
                raise Undelivered(str(error.strerror)) from error
            with _ended(process):
                said = self._watched(process)
        if process.returncode != 0:
            lines = said.decode(errors="replace").strip().splitlines()
            why = f": {lines[-1][:300]}" if lines else ""
            raise Undelivered(f"ended with {process.returncode}{why}")

    def interrupt(self) -> None:
        """Kill what runs, soon, and what will be run."""
        self._interrupted.set()

    def _watched(self, process: subprocess.Popen[bytes]) -> bytes:
        """The end of what it said; raises Undelivered when it is not to be waited for."""
        said, until = b"", time.monotonic() + self._seconds
        assert process.stderr is not None  # noqa: S101 - asked for above
        pipe = process.stderr.fileno()
        while process.poll() is None:
            if time.monotonic() > until:
                raise Undelivered(f"not at its end after {self._seconds:.3g} s, and killed")
            if self._interrupted.is_set():
                raise Undelivered("killed, because kbsync was stopped")
            said = _more(pipe, said, _LOOK)
        return _more(pipe, said, 0)


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill it, with all it started, if it has no end of its own; what cannot be killed is left."""
    assert process.stderr is not None  # noqa: S101 - asked for above
    with process.stderr:
        try:
            yield
        finally:
            if process.returncode is None:  # not reaped yet, so the number is still its own
                with contextlib.suppress(OSError):  # another user's, as after sudo
                    os.killpg(process.pid, signal.SIGKILL)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_TO_DIE)


def _more(pipe: int, said: bytes, wait: float) -> bytes:
    """What was said, and what comes next."""
    if not select.select([pipe], [], [], wait)[0]:
        return said
    told = os.read(pipe, _AT_ONCE)
    if not told:
        time.sleep(wait)  # it has closed its standard error, and works on
    return (said + told)[-_KEPT:]
