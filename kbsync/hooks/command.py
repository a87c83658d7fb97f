"""A command that gets the message as JSON on its standard input."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence

from kbsync.errors import Undelivered
from kbsync.hooks.interface import Message

_SECONDS = 20.0
_AT_ONCE, _KEPT = 65_536, 4_096
_LOOK = 0.05


class Command:
    """Runs it without a shell; it has told when it ends with 0 in time.

    What it starts in the background may live on; one that is late is killed with all it started.
    Of what it says only the end is kept, however much it is.
    """

    def __init__(self, arguments: Sequence[str], *, seconds: float = _SECONDS) -> None:
        self._arguments = list(arguments)
        self._seconds = seconds

    def tell(self, message: Message) -> None:
        """Run it; raises Undelivered."""
        with tempfile.TemporaryFile() as told:  # never blocks, whether or not it is read
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
            with process:
                said = self._watched(process)
        if said is None:
            raise Undelivered(f"not at its end after {self._seconds:.3g} s, and killed")
        if process.returncode != 0:
            lines = said.decode(errors="replace").strip().splitlines()
            why = f": {lines[-1][:300]}" if lines else ""
            raise Undelivered(f"ended with {process.returncode}{why}")

    def _watched(self, process: subprocess.Popen[bytes]) -> bytes | None:
        """The end of what it said; None when it had to be killed."""
        assert process.stderr is not None  # noqa: S101 - asked for above
        said, until = b"", time.monotonic() + self._seconds
        pipe = process.stderr.fileno()
        while process.poll() is None:
            if time.monotonic() > until:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                return None
            said = _more(pipe, said, _LOOK)
        return _more(pipe, said, 0)


def _more(pipe: int, said: bytes, wait: float) -> bytes:
    """What was said, and what comes next."""
    if not select.select([pipe], [], [], wait)[0]:
        return said
    told = os.read(pipe, _AT_ONCE)
    if not told:
        time.sleep(wait)  # it has closed its standard error, and works on
    return (said + told)[-_KEPT:]
