"""The manual page and the completions in `share/`, made by the commands that print them."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

from kbsync.cli import run

PROJECT = Path(__file__).parents[1]

#: What the wheel installs below the environment's own share/, and the command that prints it.
FILES = {
    "share/man/man1/kbsync.1": ["man"],
    "share/bash-completion/completions/kbsync": ["completion", "bash"],
    "share/zsh/site-functions/_kbsync": ["completion", "zsh"],
    "share/fish/vendor_completions.d/kbsync.fish": ["completion", "fish"],
}


def printed(arguments: list[str]) -> str:
    """What a command prints."""
    out = io.StringIO()
    with redirect_stdout(out):
        code = run(arguments)
    if code != 0:
        raise SystemExit(f"kbsync {' '.join(arguments)} ended with {code}")
    return out.getvalue()


if __name__ == "__main__":
    for name, arguments in FILES.items():
        file = PROJECT / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(printed(arguments), encoding="utf-8")
