"""A command that gets the message as JSON on its standard input."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence

from kbsync.errors import Undelivered
from kbsync.hooks.interface import Message

_SECONDS = 20


class Command:
    """Runs it without a shell; it has told when it ends with 0 within 20 s."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = list(arguments)

    def tell(self, message: Message) -> None:
        """Run it; raises Undelivered."""
        try:
            done = subprocess.run(  # noqa: S603 - the configuration names it, and no shell reads it
                self._arguments,
                input=json.dumps(message.facts()).encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=_SECONDS,
                check=False,
            )
        except OSError as error:
            raise Undelivered(f"{self._arguments[0]}: {error.strerror}") from error
        except subprocess.TimeoutExpired as error:
            raise Undelivered(
                f"{self._arguments[0]}: not at its end after {_SECONDS} s, and killed"
            ) from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            why = f": {said[-1][:300]}" if said else ""
            raise Undelivered(f"{self._arguments[0]} ended with {done.returncode}{why}")
