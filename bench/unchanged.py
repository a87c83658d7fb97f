"""Nothing has changed: a whole `kbsync plan`, beside what others do with the same tree."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench import peers
from bench.measure import compare, report
from kbsync import naming
from kbsync.assembly import folder_of
from kbsync.config import load
from kbsync.ledger import Ledger
from kbsync.model import Key, Put, Seen, Version
from kbsync.scan import walk

FILES_PER_DIRECTORY = 10
DATASET = "8284addb-25d4-497e-b937-9a62ba4aff49"
CONTENT = b"# Heading\n\nsome text\n" * 20
#: Up to so many files, tools that read every file are waited for.
_READ = 20_000


def run(place: Path, count: int, *, rounds: int = 7, beside: int = 0) -> None:
    """Measure a tree of `count` small files whose ledger is warm; and one of `beside` files."""
    tree, config = _prepared(place, count)
    commands = {"kbsync plan": _plan(config)}
    if beside:
        commands[f"kbsync plan, {beside} files"] = _plan(_prepared(place / "beside", beside)[1])
    commands["find with stat (the floor)"] = ["find", str(tree), "-printf", "%s %T@ %C@ %i %p\\n"]
    if shutil.which("rclone"):
        copy = str(place / "copy")
        commands["rclone sync --dry-run"] = ["rclone", "sync", "--dry-run", str(tree), copy]
    if count <= _READ:
        commands |= peers.over_files(tree, place)
    title = f"nothing changed, {count} files"
    report(title, compare(commands, rounds=rounds), ours="kbsync plan")


_FINISH = (
    "UPDATE files SET state = 'completed', sha256 = ?, recipe = ?, live_dataset = ?,"
    " live_document = ?, live_name = ?, live_batch = ?, described = 1, segments = 1,"
    " reason = 'new', changed_at = 4.0 WHERE folder = ? AND path = ?"
)


def _plan(config: Path) -> list[str]:
    return [sys.executable, "-m", "kbsync", "plan", "--config", str(config)]


def _prepared(place: Path, count: int) -> tuple[Path, Path]:
    """The tree, a copy for rclone, and a warm ledger; what is there already is taken as it is."""
    tree, config = place / "tree", place / "kbsync.toml"
    if not tree.exists():
        make_tree(tree, count)
        # The same files by other names: before the ledger is filled, as it changes their ctime.
        subprocess.run(["cp", "-al", tree, place / "copy"], check=True)
    if not (place / "ledger.db").exists():
        fill_ledger(configure(place, tree))
    return tree, config


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


def fill_ledger(config: Path, dataset_id: str = DATASET) -> None:
    """Write the ledger of a finished sync of a configuration's only folder."""
    settings = load(config)
    folder = folder_of(settings.folders[0])
    found = walk(folder.root, folder.name, folder.filters, max_size=folder.max_size)
    seen = [item for item in found if isinstance(item, Seen)]
    write_ledger(settings.ledger, seen, folder.rules.recipe_of, dataset_id)


def write_ledger(
    path: Path, seen: list[Seen], recipe_of: Callable[[str], str], dataset_id: str = DATASET
) -> None:
    """Write rows as a sync of these files leaves them, and all in one transaction."""
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    with Ledger.open(path) as ledger:
        ledger.observe([Put(item, "new") for item in seen], 1.0)
        rows = [
            (sha256, recipe, dataset_id, *_remote(item.key, Version(sha256, recipe)), *item.key)
            for item in seen
            for recipe in [recipe_of(item.key.path)]
        ]
        with ledger.store.transaction() as db:
            db.executemany(_FINISH, rows)


def _remote(key: Key, version: Version) -> tuple[str, str, str]:
    """Document, name and batch, as a server would give them."""
    name = naming.remote_name(key, version, "bench")
    digest = hashlib.sha256(name.encode()).hexdigest()
    document = f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
    return document, name, "20261122210917847869"
