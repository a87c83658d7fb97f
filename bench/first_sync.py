"""A first sync of small documents, and one with a hundredth changed, beside bare upload loops."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from bench import peers
from bench.measure import Figure, keep, report
from bench.server import KEY, Server, configuration, started

CONNECTIONS = 4
OURS = "kbsync reconcile"

#: The vendor's client has no calls for datasets; its own requests are used, one after another.
_CLIENT = """
import json, os, sys, time
from dify_client import DifyClient
url, key, name, data, *files = sys.stdin.read().splitlines()
client = DifyClient(key)
client.base_url = url
dataset = client._send_request("POST", "/datasets", {"name": name}).json()["id"]
for path in files:
    with open(path, "rb") as file:
        answer = client._send_request_with_files(
            "POST", f"/datasets/{dataset}/document/create-by-file", {"data": data},
            {"file": (os.path.basename(path), file, "text/markdown")})
    answer.raise_for_status()
    status = f"/datasets/{dataset}/documents/{answer.json()['batch']}/indexing-status"
    while client._send_request("GET", status).json()["data"][0]["indexing_status"] != "completed":
        time.sleep(0.05)
"""
_DATA = json.dumps({"indexing_technique": "economy", "process_rule": {"mode": "automatic"}})


def run(place: Path, count: int) -> None:
    """Measure `count` documents, each round with another dataset on the same server."""
    folder = place / "folder"
    files = _write(folder, count)
    ways: dict[str, Callable[[Server, str], float]] = {
        OURS: lambda server, name: _kbsync(place, server, folder, name),
        f"httpx, {CONNECTIONS} threads, uploads only": lambda server, name: _bare(
            server, name, files, CONNECTIONS
        ),
        "httpx, one by one, polled": lambda server, name: _one_by_one(server, name, files),
    }
    if (client := peers.loop(_CLIENT)) is not None:
        ways["dify-client, one by one, polled"] = lambda server, name: _vendors(
            client, server, name, files
        )
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    asked: dict[str, Counter[str]] = {}
    for number in range(3):
        for name, way in ways.items():
            with started(_fresh(place)) as server:
                before = _used()
                seconds[name].append(way(server, f"round {number} {name}"[:40]))
                cpu[name].append(_used() - before)
                asked[name] = server.requests()
                if name == OURS:
                    asked["a hundredth changed"] = _again(place, server, files[::100])
                    asked["nothing changed"] = _again(place, server, [])
    figures = [
        Figure(name, tuple(values), cpu=statistics.median(cpu[name]))
        for name, values in seconds.items()
    ]
    title = f"first sync, {count} documents"
    report(title, figures, ours=OURS)
    _tell_requests(title, asked, count)


def _used() -> float:
    """Seconds of the processor that this process and its ended children took: no server's."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _tell_requests(title: str, asked: dict[str, Counter[str]], count: int) -> None:
    changed = -(-count // 100)
    documents = {"a hundredth changed": changed, "nothing changed": 1}
    for name, counts in asked.items():
        each = counts.total() / documents.get(name, count)
        told = ", ".join(f"{number} {kind}" for kind, number in counts.most_common())
        print(f"  {name}: {counts.total()} requests, {each:.3f} a document ({told or 'none'})")
    keep(f"{title}, requests", {name: dict(counts) for name, counts in asked.items()})


def _fresh(place: Path) -> Path:
    for old in place.glob("*.db*"):
        old.unlink()
    return place


def _write(folder: Path, count: int) -> list[Path]:
    files = [folder / f"{number // 100:03}" / f"document {number:05}.md" for number in range(count)]
    for number, file in enumerate(files):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"# Document {number}\n\n" + "A line of some length about it.\n" * 30)
    hour_ago = time.time() - 3600
    for file in files:
        os.utime(file, (hour_ago, hour_ago))
    return files


def _kbsync(place: Path, server: Server, folder: Path, dataset: str) -> float:
    configuration(place, server.url, folder, dataset, CONNECTIONS)
    return _reconcile(place)


def _reconcile(place: Path) -> float:
    started_at = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "kbsync", "reconcile", "-q", "-c", str(place / "kbsync.toml")],
        check=True,
    )
    return time.perf_counter() - started_at


def _again(place: Path, server: Server, edited: list[Path]) -> Counter[str]:
    for file in edited:
        with file.open("a") as text:
            text.write("One more line.\n")
    _reconcile(place)
    return server.requests()


def _client(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {KEY}"}, timeout=60)


def _dataset(client: httpx.Client, name: str) -> str:
    made = client.post("/datasets", json={"name": name}).raise_for_status()
    return str(made.json()["id"])


def _upload(client: httpx.Client, dataset: str, file: Path) -> str:
    answer = client.post(
        f"/datasets/{dataset}/document/create-by-file",
        data={"data": _DATA},
        files={"file": (file.name, file.read_bytes(), "text/markdown")},
    ).raise_for_status()
    return str(answer.json()["batch"])


def _bare(server: Server, name: str, files: list[Path], threads: int) -> float:
    """Uploads and nothing else: no memory, no check of indexing."""
    started_at = time.perf_counter()
    with _client(server) as client, ThreadPoolExecutor(threads) as pool:
        dataset = _dataset(client, name)
        for _ in pool.map(lambda file: _upload(client, dataset, file), files):
            pass
    return time.perf_counter() - started_at


def _one_by_one(server: Server, name: str, files: list[Path]) -> float:
    """What scripts do: upload a file, ask until it is indexed, go on to the next."""
    started_at = time.perf_counter()
    with _client(server) as client:
        dataset = _dataset(client, name)
        for file in files:
            batch = _upload(client, dataset, file)
            while not _is_indexed(client, dataset, batch):
                time.sleep(0.05)
    return time.perf_counter() - started_at


def _vendors(command: list[str], server: Server, name: str, files: list[Path]) -> float:
    started_at = time.perf_counter()
    told = "\n".join([server.url, KEY, name, _DATA, *map(str, files)])
    subprocess.run(command, input=told, text=True, check=True)
    return time.perf_counter() - started_at


def _is_indexed(client: httpx.Client, dataset: str, batch: str) -> bool:
    answer = client.get(f"/datasets/{dataset}/documents/{batch}/indexing-status")
    return bool(answer.raise_for_status().json()["data"][0]["indexing_status"] == "completed")
