"""The status page and its API with 100,000 documents while a sync runs, beside a bare route.

Both are waited for by the clock, and a machine that is busy with something else slows both: the
ratio counts, and `load` tells how many wanted a core meanwhile.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx

from bench.measure import keep
from bench.server import KEY, started
from bench.unchanged import make_tree, write_ledger
from kbsync.assembly import folder_of
from kbsync.config import load
from kbsync.ledger import Happening, Ledger
from kbsync.model import Key, Seen
from kbsync.scan import walk

ROUNDS = 150
SYNCED_PER_ROUND = 100
DAY = 86_400.0
ADDRESSES = (
    "/",
    "/page.js",
    "/readyz",
    "/metrics",
    "/api/status",
    "/api/documents",
    "/api/documents?q=00420",
    "/api/documents?q=nowhere",
    "/api/documents?kind=pending",
    "/api/activity",
    "/api/runs",
    "/api/plots",
)
BARE = "a bare Starlette route"

_BARE = """
import sys
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

TOLD = {"documents": [{"path": f"a/document {n}.md", "state": "completed"} for n in range(50)]}

async def answer(request):
    return JSONResponse(TOLD)

uvicorn.run(Starlette(routes=[Route("/", answer)]), port=int(sys.argv[1]), log_level="error")
"""


def run(place: Path, count: int) -> None:
    """Ask each address in turns, with an open stream of events, while files are being synced."""
    tree, busy = place / "tree", place / "busy"
    make_tree(tree, count)
    make_tree(busy, ROUNDS * SYNCED_PER_ROUND)
    with ExitStack() as stack:
        server = stack.enter_context(started(place))
        config = _configured(place, server.url, tree, busy)
        _fill(config, _dataset(server.url))
        ours = stack.enter_context(_service(config))
        bare = stack.enter_context(_bare())
        _listen(stack, ours)
        seconds = _asked(ours, bare)
        left = ours.get("/api/status").json()["folders"][1]["kinds"]
    if not left["pending"]:
        raise RuntimeError("the sync was over before the last question")
    _report(f"page and api, {count} documents, while a sync runs", seconds)


def _configured(place: Path, url: str, tree: Path, busy: Path) -> Path:
    config = place / "kbsync.toml"
    folders = [
        f'[[folders]]\nname = "{path.name}"\npath = "{path}"\ndataset = "{path.name}"\n'
        'create_dataset = true\nindexing_technique = "economy"\n'
        for path in (tree, busy)
    ]
    config.write_text(
        f'ledger = "{place / "ledger.db"}"\ninstance = "bench"\n'
        f'[server]\nbase_url = "{url}"\napi_key = "{KEY}"\n'
        f'[http]\nlisten = "127.0.0.1:0"\n{"".join(folders)}'
    )
    config.chmod(0o600)
    return config


def _dataset(url: str) -> str:
    body = {"name": "tree", "indexing_technique": "economy"}
    headers = {"Authorization": f"Bearer {KEY}"}
    made = httpx.post(f"{url}/datasets", json=body, headers=headers, trust_env=False)
    return str(made.raise_for_status().json()["id"])


def _fill(config: Path, dataset: str) -> None:
    """The ledger of a sync that is done, and its history over the last day."""
    settings, now = load(config), time.time()
    folder = folder_of(settings.folders[0])
    found = walk(folder.root, folder.name, folder.filters, max_size=folder.max_size)
    seen = [item for item in found if isinstance(item, Seen)]
    write_ledger(settings.ledger, seen, folder.rules.recipe_of, dataset)
    with Ledger.open(settings.ledger) as ledger:
        ledger.bind(folder.name, folder.root, folder.dataset, dataset, now)
        ledger.adopt(folder.name, dataset, (), (), now)
        for word in ("sent", "indexed"):
            for first in range(0, len(seen), 1000):
                some = [item.key for item in seen[first : first + 1000]]
                ledger.keep([_happened(key, word, now) for key in some], None)


def _happened(key: Key, word: str, now: float) -> Happening:
    return Happening(now - hash(key) % DAY, key, word, "")


@contextmanager
def _service(config: Path) -> Iterator[httpx.Client]:
    command = [sys.executable, "-m", "kbsync", "run", "--config", str(config)]
    log = config.with_suffix(".log")
    with log.open("wb") as out, subprocess.Popen(command, stderr=out, stdout=out) as process:
        try:
            url = _published(load(config).ledger, process, log)
            with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
                while not client.get("/api/status").json()["folders"][1]["kinds"]["completed"]:
                    time.sleep(0.2)
                yield client
        finally:
            process.terminate()


def _published(ledger: Path, process: subprocess.Popen[bytes], log: Path) -> str:
    while process.poll() is None:
        with Ledger.open(ledger, readonly=True) as reader:
            told = json.loads(reader.published("service") or "{}")
        if told.get("http", {}).get("url"):
            return str(told["http"]["url"])
        time.sleep(0.2)
    raise RuntimeError(log.read_text())


@contextmanager
def _bare() -> Iterator[httpx.Client]:
    port = 18_377
    with subprocess.Popen([sys.executable, "-c", _BARE, str(port)]) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
                while True:
                    try:
                        client.get("/")
                    except httpx.ConnectError:
                        time.sleep(0.1)
                    else:
                        break
                yield client
        finally:
            process.terminate()


def _listen(stack: ExitStack, ours: httpx.Client) -> None:
    """An open page follows what happens all the while."""
    stream = stack.enter_context(ours.stream("GET", "/api/events", timeout=60))

    def listen() -> None:
        with suppress(httpx.HTTPError):  # when all is over
            deque(stream.iter_bytes(), maxlen=0)

    threading.Thread(target=listen, daemon=True).start()


def _asked(ours: httpx.Client, bare: httpx.Client) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in (BARE, *ADDRESSES)}
    for _ in range(ROUNDS):
        seconds[BARE].append(_once(bare, "/"))
        for address in ADDRESSES:
            seconds[address].append(_once(ours, address))
        time.sleep(0.1)
    return seconds


def _once(client: httpx.Client, address: str) -> float:
    began = time.perf_counter()
    client.get(address).read()
    return time.perf_counter() - began


def _report(title: str, seconds: dict[str, list[float]]) -> None:
    ours = [value for name in ADDRESSES for value in seconds[name]]
    rows = {**seconds, "all of ours": ours}
    floor = _part(seconds[BARE], 99)
    print(f"\n{title}")
    kept = []
    for name, values in rows.items():
        middle, late = _part(values, 50), _part(values, 99)
        print(
            f"  {name:<28} {middle * 1000:7.1f} ms, 99th percentile {late * 1000:7.1f} ms,"
            f" {late / floor:5.1f} times that of {BARE}"
        )
        kept.append(
            {
                "name": name,
                "median_ms": round(middle * 1000, 2),
                "p99_ms": round(late * 1000, 2),
                "p99_to_bare": round(late / floor, 2),
            }
        )
    keep(title, [{"load": round(os.getloadavg()[0], 1)}, *kept])


def _part(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]
