"""What one writes oneself in an hour: watchfiles, a quiet time for each file, httpx in a pool."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from watchfiles import Change, watch

_CONNECTIONS = 4
_DATA = json.dumps({"indexing_technique": "economy", "process_rule": {"mode": "automatic"}})


def main(tree: str, url: str, key: str, settle: float) -> None:
    """Upload each file that was quiet for `settle` seconds; remembers and checks nothing."""
    client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60)
    dataset = client.post("/datasets", json={"name": "bare"}).raise_for_status().json()["id"]

    def upload(path: str) -> None:
        client.post(
            f"/datasets/{dataset}/document/create-by-file",
            data={"data": _DATA},
            files={"file": (Path(path).name, Path(path).read_bytes(), "text/markdown")},
        ).raise_for_status()

    changed: dict[str, float] = {}
    watching = watch(tree, debounce=10, step=10, rust_timeout=10, yield_on_timeout=True)
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        for number, changes in enumerate(watching):
            if number == 0:
                print("watching", flush=True)
            now = time.monotonic()
            changed |= {path: now for kind, path in changes if kind is not Change.deleted}
            for path in [path for path, at in changed.items() if now - at >= settle]:
                del changed[path]
                pool.submit(upload, path)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))
