"""A stand-in server in a process of its own that tells what it was asked and when.

And the configuration of a kbsync that works with it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kbsync.standin import StandIn, running

KEY = "dataset-bench"
#: What a benchmark writes into a file to know its upload again.
EDIT = "edit number {:07}"
_EDIT = re.compile(rb"edit number (\d{7})")


class Server:
    """The server's address, and what it was asked since the last question."""

    def __init__(self, stdin: IO[str], stdout: IO[str]) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self.url = stdout.readline().strip()

    def requests(self) -> Counter[str]:
        """Requests by kind, counted from now on anew."""
        return Counter(self._ask("requests"))

    def arrivals(self) -> dict[int, float]:
        """When the head of the first upload of each `EDIT` came in, by `time.monotonic`."""
        return {int(number): at for number, at in self._ask("arrivals").items()}

    def _ask(self, what: str) -> dict[str, Any]:
        self._stdin.write(f"{what}\n")
        self._stdin.flush()
        told: dict[str, Any] = json.loads(self._stdout.readline())
        return told


@contextmanager
def started(place: Path) -> Iterator[Server]:
    """Serve an empty stand-in that indexes at once; end it afterwards."""
    command = [sys.executable, "-m", "bench.server", str(place / "server.db")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Server(process.stdin, process.stdout)
        process.stdin.close()  # it ends with its standard input


def configuration(place: Path, url: str, folder: Path, dataset: str, connections: int) -> Path:
    """Write a configuration of one folder; gives its path."""
    config = place / "kbsync.toml"
    config.write_text(
        f'ledger = "{place / "ledger.db"}"\ninstance = "bench"\n'
        f'[server]\nbase_url = "{url}"\napi_key = "{KEY}"\nmax_connections = {connections}\n'
        f'[[folders]]\nname = "bench"\npath = "{folder}"\ndataset = "{dataset}"\n'
        'create_dataset = true\nindexing_technique = "economy"\n'
    )
    config.chmod(0o600)
    return config


class _Clocked:
    """An application that notes when the head of each upload came in."""

    def __init__(self, app: ASGIApp) -> None:
        self.arrivals: dict[int, float] = {}
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        now = time.monotonic()

        async def noted() -> Message:
            message = await receive()
            for number in _EDIT.findall(message.get("body", b"")):
                self.arrivals.setdefault(int(number), now)
            return message

        await self._app(scope, noted, send)


def main() -> None:
    """Serve, and answer each line of standard input with what it asks for."""
    standin = StandIn(data=Path(sys.argv[1]), key=KEY, pace=0)
    clocked = standin.app = _Clocked(standin.app)
    with closing(standin), running(standin) as url:
        print(url, flush=True)
        for line in sys.stdin:
            if line.strip() == "arrivals":
                print(json.dumps(clocked.arrivals), flush=True)
                continue
            counts = Counter(request.kind for request in standin.requests)
            standin.forget_requests()
            print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    main()
