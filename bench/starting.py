"""How long commands take that a person waits for, beside git's of the same kind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.measure import compare, report
from bench.unchanged import configure, fill_ledger, make_tree


def run(place: Path, count: int) -> None:
    """Measure short commands over a warm ledger and a git repository of the same `count` files."""
    tree = place / "tree"
    make_tree(tree, count)
    config = configure(place, tree)
    fill_ledger(config)
    file = next(tree.rglob("*.md"))
    git = ["git", "-C", str(tree), "-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "bench"]):
        subprocess.run([*git, *command], check=True)
    kbsync = [sys.executable, "-m", "kbsync"]
    commands = {
        "kbsync --version": [*kbsync, "--version"],
        "kbsync status": [*kbsync, "status", "--offline", "-c", str(config)],
        "kbsync explain": [*kbsync, "explain", "-c", str(config), str(file)],
        "python -c pass": [sys.executable, "-c", "pass"],
        "git --version": ["git", "--version"],
        "git status": ["git", "-C", str(tree), "status", "--short"],
    }
    report(f"start of commands, {count} files", compare(commands), ours="kbsync status")
