"""Running workflows and following their runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from kbsync.apps.events import Source, run_events
from kbsync.apps.reading import run_of
from kbsync.apps.values import Run, RunBegan, RunEnded, RunEvent
from kbsync.errors import Missing
from kbsync.transport import Call, NoSuchRoute, Transport
from kbsync.transport.fields import inner, table, text

#: Where a run's status is: the service API's address, and the older guide's.
_STATUS_PATHS = ("/workflows/run/", "/workflows/runs/")


class Workflows:
    """The workflow endpoints."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def run(self, inputs: Mapping[str, object], *, user: str) -> Run:
        """Run the workflow to its end; one that failed is returned as such, not raised."""
        told = table(self._transport.call(_run(inputs, user, "blocking")))
        return run_of(inner(told, "data"), text(told, "task_id"))

    def begin(self, inputs: Mapping[str, object], *, user: str, quiet: float) -> str:
        """Begin a run and leave it, for `run_status` to follow; returns its id.

        It goes on at the server without us (seen live). `quiet` is how many seconds a server's
        queue may take to begin it.
        """
        call = _run(inputs, user, "streaming")
        with self._transport.stream(call, quiet=quiet) as stream:
            for event in run_events(stream, Source(call.told, self._transport.host)):
                match event:
                    case RunBegan(run_id=str(run_id)) if run_id:
                        return run_id
                    case RunEnded(run=run):
                        return run.id
                    case _:
                        pass
        raise AssertionError  # the events end in a RunEnded or in an error

    @contextmanager
    def running(self, inputs: Mapping[str, object], *, user: str) -> Iterator[Iterator[RunEvent]]:
        """Run the workflow and see how it goes; leaving early does not stop it at the server."""
        call = _run(inputs, user, "streaming")
        with self._transport.stream(call) as stream:
            yield run_events(stream, Source(call.told, self._transport.host))

    def run_status(self, run_id: str) -> Run:
        """A run as it is now.

        Servers up to 1.10 go on calling a stopped run "running" (seen live). Raises Missing.
        """
        first, second = _STATUS_PATHS
        try:
            return self._status(first, run_id)
        except (Missing, NoSuchRoute) as error:
            # A server of the guide's form tells an unknown address as it tells an unknown run.
            try:
                return self._status(second, run_id)
            except NoSuchRoute:
                raise error from None

    def stop_run(self, task_id: str, user: str) -> None:
        """Stop a run; a task that is over, or that nobody knows, is a success."""
        path = f"/workflows/tasks/{task_id}/stop"
        self._transport.call(Call("stop", "POST", path, json={"user": user}, repeatable=True))

    def _status(self, path: str, run_id: str) -> Run:
        call = Call("run-status", "GET", f"{path}{run_id}", repeatable=True)
        run = run_of(table(self._transport.call(call)))
        if not run.id:
            # Servers up to 1.10 answer 200 with nothing but nulls (seen live).
            raise Missing(f"{self._transport.host}: there is no workflow run {run_id}")
        return run


def _run(inputs: Mapping[str, object], user: str, mode: str) -> Call:
    body = {"inputs": dict(inputs), "user": user, "response_mode": mode}
    return Call("run", "POST", "/workflows/run", json=body)
