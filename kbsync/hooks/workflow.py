"""A workflow of the server: begun with the message as its inputs, and followed to its end."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from typing import TypeVar

from kbsync.apps import App, Run
from kbsync.config.hook import PLACES, Inputs
from kbsync.errors import BackendError, Missing, Undelivered
from kbsync.hooks.interface import Message
from kbsync.hooks.leavable import Leavable
from kbsync.transport import NoSuchRoute

#: How long a server's queue may take to begin a run, and how long `tell` follows it, in seconds.
_QUEUE, _LONGEST = 120.0, 600.0
_POLL_FIRST, _POLL_MOST = 0.5, 10.0
_SAID = 160

_Got = TypeVar("_Got")


class Workflow(Leavable):
    """Begins a run for each message; who cannot wait for its end follows it with `look`.

    Args:
        connect: makes the workflow's client, which is closed after each call.
        inputs: its inputs, as constants and templates; empty stands for everything there is.
        user: whose runs they are, in Dify's logs.
        pause: waits so many seconds.
    """

    def __init__(
        self,
        connect: Callable[[], App],
        inputs: Inputs,
        user: str,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__()
        self._connect = connect
        self._templates = dict(inputs) or {place: f"{{{place}}}" for place in PLACES}
        self._user = user
        self._pause = pause

    def tell(self, message: Message) -> None:
        """Begin a run and wait for its end; raises Undelivered when it fails, too."""
        run_id, rest, waited = self.begin(message), _POLL_FIRST, 0.0
        while (run := self.look(run_id)).running and waited < _LONGEST:
            self._pause(rest)
            waited, rest = waited + rest, min(2 * rest, _POLL_MOST)
        if not run.succeeded:
            raise Undelivered(told_of(run))

    def begin(self, message: Message) -> str:
        """Begin a run; returns its id. Raises Undelivered, also when it may have begun."""
        return self._asked(
            lambda app: app.begin(self._inputs(message, app), user=self._user, quiet=_QUEUE)
        )

    def look(self, run_id: str) -> Run:
        """A run as it is now; raises Undelivered when the server does not say."""
        return self._asked(lambda app: app.run_status(run_id))

    def _asked(self, question: Callable[[App], _Got]) -> _Got:
        def ask() -> _Got:
            with closing(self._connect()) as app:
                return question(app)

        try:
            return self._awaited(ask)
        except BackendError as error:
            raise Undelivered(str(error)) from error

    def _inputs(self, message: Message, app: App) -> Mapping[str, object]:
        """The inputs, none longer than the workflow's form takes: more would be refused."""
        longest = {}
        with suppress(Missing, NoSuchRoute):  # servers of the older guide's form
            longest = {field.name: field.longest for field in app.parameters().fields}
        facts = message.facts()
        parts = {**facts, "page": message.page or "", "json": json.dumps(facts)}
        return {
            name: _cut(_filled(template, parts), longest.get(name))
            for name, template in self._templates.items()
        }


def told_of(run: Run) -> str:
    """How a run ended, or that it has not, in one line."""
    took = "" if run.seconds is None else f" after {run.seconds:.1f} s"
    if run.running:
        return f"run {run.id} has no end yet; see the workflow's log in Dify"
    said = run.error or ", ".join(f"{name}: {value}" for name, value in run.outputs.items())
    line = " ".join(said.split())
    line = line if len(line) <= _SAID else f"{line[: _SAID - 1]}…"
    return f"run {run.id} {run.status}{took}{f': {line}' if line else ''}"


def _filled(template: object, parts: Mapping[str, object]) -> object:
    if not isinstance(template, str):
        return template
    return re.sub(r"\{([^{}]*)\}", lambda found: str(parts[found[1]]), template)


def _cut(value: object, longest: int | None) -> object:
    if not isinstance(value, str) or not longest or len(value) <= longest:
        return value
    return f"{value[: longest - 1]}…"
