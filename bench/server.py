"""A stand-in server in a process of its own that tells what it was asked, and its configuration."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from kbsync.standin import StandIn, running

KEY = "dataset-bench"


class Server:
    """The server's address, and what it was asked since the last question."""

    def __init__(self, stdin: IO[str], stdout: IO[str]) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self.url = stdout.readline().strip()

    def requests(self) -> Counter[str]:
        """Requests by kind, counted from now on anew."""
        self._stdin.write("\n")
        self._stdin.flush()
        return Counter(json.loads(self._stdout.readline()))


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


def main() -> None:
    """Serve, and answer each line of standard input with the counts since the last."""
    standin = StandIn(data=Path(sys.argv[1]), key=KEY, pace=0)
    with closing(standin), running(standin) as url:
        print(url, flush=True)
        for _ in sys.stdin:
            counts = Counter(request.kind for request in standin.requests)
            standin.forget_requests()
            print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    main()
