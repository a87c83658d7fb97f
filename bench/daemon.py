"""A `kbsync run` process over a warm ledger, and what processes cost by the kernel's own count."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.server import KEY, Server
from bench.unchanged import CONTENT
from kbsync import naming
from kbsync.assembly import folder_of
from kbsync.config import load
from kbsync.engine import Folder
from kbsync.ledger import Ledger
from kbsync.model import Key, Put, Seen, Version
from kbsync.scan import walk

PATIENCE = 600.0
SETTLE = 2.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process has used: seconds of processor time, and how often it was woken up."""

    at: float
    seconds: float
    wakes: int

    def since(self, before: Cost) -> tuple[float, float]:
        """Share of one core, and wake-ups a second."""
        elapsed = self.at - before.at
        return (self.seconds - before.seconds) / elapsed, (self.wakes - before.wakes) / elapsed


def cost(pid: int) -> Cost:
    """What a process and all its threads have used up to now."""
    nanoseconds = wakes = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        nanoseconds += int((task / "schedstat").read_text().split()[0])
        wakes += _field((task / "status").read_text(), "voluntary_ctxt_switches")
    return Cost(time.monotonic(), nanoseconds / 1e9, wakes)


def memory(pid: int) -> tuple[int, int]:
    """Resident bytes of a process now, and at its peak."""
    status = Path(f"/proc/{pid}/status").read_text()
    return _field(status, "VmRSS") * 1024, _field(status, "VmHWM") * 1024


def _field(status: str, name: str) -> int:
    line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1])


def wait_until(
    condition: Callable[[], bool], what: str, *, every: float = 0.05, most: float = PATIENCE
) -> None:
    """Wait until something is so; raises RuntimeError when it does not come true."""
    deadline = time.monotonic() + most
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {most:.0f} s: {what}")
        time.sleep(every)


def wait_until_idle(pid: int, *, seconds: float = 5.0, share: float = 0.02) -> float:
    """Wait until a process has used almost nothing for so long; returns since when."""
    while True:
        before = cost(pid)
        time.sleep(seconds)
        if cost(pid).since(before)[0] < share:
            return before.at


def configuration(place: Path, tree: Path, url: str) -> Path:
    """Write the configuration of a service with one folder, "bench"; gives its path."""
    config = place / "kbsync.toml"
    config.write_text(
        f'ledger = "{place / "ledger.db"}"\ninstance = "bench"\n'
        f'[server]\nbase_url = "{url}"\napi_key = "{KEY}"\n'
        '[http]\nlisten = "127.0.0.1:0"\n'
        f'[[folders]]\nname = "bench"\npath = "{tree}"\ndataset = "bench"\n'
        f'create_dataset = true\nindexing_technique = "economy"\nsettle = "{SETTLE:g}s"\n'
    )
    config.chmod(0o600)
    return config


def warm(config: Path, server: Server) -> None:
    """Fill the ledger as a first sync would have left it, with a dataset that is there."""
    settings = load(config)
    made = httpx.post(
        f"{server.url}/datasets", json={"name": "bench"}, headers={"Authorization": f"Bearer {KEY}"}
    )
    dataset = str(made.raise_for_status().json()["id"])
    folder, now = folder_of(settings.folders[0]), time.time()
    walked = walk(folder.root, folder.name, folder.filters, max_size=folder.max_size)
    seen = [item for item in walked if isinstance(item, Seen)]
    content = hashlib.sha256(CONTENT).hexdigest()
    with Ledger.open(settings.ledger) as ledger:
        ledger.observe([Put(item, "new") for item in seen], now)
        ledger.bind(folder.name, folder.root, folder.dataset, dataset, now)
        ledger.adopt(folder.name, dataset, (), (), now)
        with ledger.store.transaction() as db:
            db.executemany(
                "UPDATE files SET state = 'completed', sha256 = ?, recipe = ?, live_dataset = ?,"
                " live_document = ?, live_name = ?, live_batch = '1', segments = 1,"
                " described = 1 WHERE folder = ? AND path = ?",
                [_finished(folder, item.key, content, dataset) for item in seen],
            )


def _finished(folder: Folder, key: Key, content: str, dataset: str) -> tuple[str, ...]:
    recipe = folder.rules.recipe_of(key.path)
    name = naming.remote_name(key, Version(content, recipe), "bench")
    return content, recipe, dataset, str(uuid.uuid4()), name, *key


@contextmanager
def service(place: Path, config: Path, *, walks: Path | None = None) -> Iterator[int]:
    """A running `kbsync run` that has started; gives its process id, and stops it afterwards.

    With `walks`, the times at which it listed a directory are written there at its end, as JSON.
    """
    program = ["kbsync"] if walks is None else ["bench.counted", str(walks)]
    command = [sys.executable, "-m", *program, "run", "-c", str(config)]
    log = place / "service.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_until(lambda: "event=started" in log.read_text(), "the start")
        yield process.pid
    finally:
        process.terminate()
        if code := process.wait(PATIENCE):
            raise RuntimeError(f"kbsync ended with {code}: {log.read_text()[-2000:]}")
