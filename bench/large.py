"""Large files: a first sync of them, beside reading, hashing and uploading them in a bare loop."""

from __future__ import annotations

import os
import sys
import tempfile
import zipfile
from pathlib import Path

import docx

from bench.first_sync import CONNECTIONS
from bench.measure import Figure, once, report
from bench.server import KEY, configuration, started

SIZE = 14 * 10**6

#: Reads each file once and hashes what was read, on as many threads.
_HASH = """
import hashlib, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

def hashed(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()

with ThreadPoolExecutor(int(sys.argv[2])) as pool:
    print(len(set(pool.map(hashed, sorted(Path(sys.argv[1]).rglob("*.docx"))))))
"""

#: Reads, hashes and uploads each file, and neither remembers nor follows anything.
_UPLOAD = """
import hashlib, json, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import httpx

folder, threads, url, key, name = sys.argv[1:]
data = json.dumps({"indexing_technique": "economy", "process_rule": {"mode": "automatic"}})
client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120)
dataset = client.post("/datasets", json={"name": name}).raise_for_status().json()["id"]

def upload(path):
    content = path.read_bytes()
    hashlib.sha256(content).hexdigest()
    client.post(f"/datasets/{dataset}/document/create-by-file", data={"data": data},
                files={"file": (path.name, content)}).raise_for_status()

with ThreadPoolExecutor(int(threads)) as pool:
    list(pool.map(upload, sorted(Path(folder).rglob("*.docx"))))
"""


def run(place: Path, count: int) -> None:
    """Measure `count` Word files of 14 MB that are nearly all picture."""
    folder = place / "folder"
    _write(folder, count)
    python, threads = sys.executable, str(CONNECTIONS)
    taken: dict[str, list[tuple[float, float, int]]] = {}
    for number in range(3):
        taken.setdefault("read and SHA-256", []).append(
            once([python, "-c", _HASH, str(folder), threads])
        )
        with tempfile.TemporaryDirectory(dir=place) as fresh, started(Path(fresh)) as server:
            upload = [
                python,
                "-c",
                _UPLOAD,
                str(folder),
                threads,
                server.url,
                KEY,
                f"bare {number}",
            ]
            taken.setdefault(f"httpx, {threads} threads", []).append(once(upload))
        with tempfile.TemporaryDirectory(dir=place) as fresh, started(Path(fresh)) as server:
            config = configuration(Path(fresh), server.url, folder, "large", CONNECTIONS)
            command = [python, "-m", "kbsync", "reconcile", "-q", "-c", str(config)]
            taken.setdefault("kbsync reconcile", []).append(once(command))
    figures = [
        Figure(
            name,
            tuple(elapsed for elapsed, _, _ in each),
            max(memory for _, _, memory in each),
            sorted(cpu for _, cpu, _ in each)[len(each) // 2],
        )
        for name, each in taken.items()
    ]
    title = f"first sync, {count} files of {SIZE // 10**6} MB"
    report(title, figures, ours="kbsync reconcile")


def _write(folder: Path, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        file = folder / f"{number:03}.docx"
        document = docx.Document()
        document.add_paragraph(f"Document {number}, with a picture.")
        document.save(str(file))
        with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
            archive.writestr("word/media/image1.bin", os.urandom(SIZE))
