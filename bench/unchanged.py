"""Nothing has changed: a whole `kbsync plan`, beside rclone's dry run and the floor."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

from bench.measure import compare, report
from kbsync import naming
from kbsync.assembly import folder_of
from kbsync.config import load
from kbsync.ledger import Ledger
from kbsync.model import Key, Put, Remote, Seen, Version
from kbsync.scan import walk

FILES_PER_DIRECTORY = 10
CONTENT = b"# Heading\n\nsome text\n" * 20


def run(place: Path, count: int) -> None:
    """Measure a tree of `count` small files whose ledger is warm."""
    tree, copy = place / "tree", place / "copy"
    make_tree(tree, count)
    config = configure(place, tree)
    fill_ledger(config)
    commands = {
        "kbsync plan": [sys.executable, "-m", "kbsync", "plan", "--config", str(config)],
        "find with stat (the floor)": ["find", str(tree), "-printf", "%s %T@ %C@ %i %p\\n"],
    }
    if shutil.which("rclone"):
        shutil.copytree(tree, copy, dirs_exist_ok=True, copy_function=shutil.copy2)
        commands["rclone sync --dry-run"] = ["rclone", "sync", "--dry-run", str(tree), str(copy)]
    report(f"nothing changed, {count} files", compare(commands), ours="kbsync plan")


def make_tree(tree: Path, count: int, *, each: int = FILES_PER_DIRECTORY) -> None:
    """Write `count` small files, `each` so many in a directory."""
    for number in range(count):
        directory = tree / f"{number // each // 100:04}" / f"{number // each:06}"
        if number % each == 0:
            directory.mkdir(parents=True)
        (directory / f"document {number:07}.md").write_bytes(CONTENT)


def configure(place: Path, tree: Path) -> Path:
    """Write a configuration whose server is never asked; gives its path."""
    config = place / "kbsync.toml"
    config.write_text(
        f'ledger = "{place / "ledger.db"}"\ninstance = "bench"\n'
        '[server]\nbase_url = "http://127.0.0.1:9"\napi_key = "dataset-bench"\n'
        f'[[folders]]\nname = "tree"\npath = "{tree}"\ndataset = "KB"\n'
    )
    config.chmod(0o600)
    return config


def fill_ledger(config: Path, dataset_id: str = "8284addb-25d4-497e-b937-9a62ba4aff49") -> None:
    """Write the ledger of a finished sync, by the same transitions that a sync makes."""
    settings = load(config)
    folder = folder_of(settings.folders[0])
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    seen = [
        item
        for item in walk(folder.root, folder.name, folder.filters, max_size=folder.max_size)
        if isinstance(item, Seen)
    ]
    with Ledger.open(settings.ledger) as ledger:
        ledger.store.rows("PRAGMA synchronous = OFF")
        ledger.observe([Put(item, "new") for item in seen], 1.0)
        while (job := ledger.claim(2.0, [folder.name])) is not None:
            version = Version(sha256, folder.rules.recipe_of(job.key.path))
            remote = _remote(job.key, version, dataset_id)
            ledger.sent(job, remote, version, job.record.stamp, 3.0)
            ledger.indexed(job.key, remote, 1, 4.0)


def _remote(key: Key, version: Version, dataset_id: str) -> Remote:
    name = naming.remote_name(key, version, "bench")
    digest = hashlib.sha256(name.encode()).hexdigest()
    document = f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
    return Remote(dataset_id, document, name, "20261122210917847869")
