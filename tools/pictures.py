"""The README's pictures: a terminal as SVG and the status page as PNG, of kbsync at work.

`python -m tools.pictures` makes both anew; the second needs Chromium.
"""

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import httpx
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.text import Text

from kbsync.standin import StandIn, running

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
TERMINAL, PAGE = PICTURES / "terminal.svg", PICTURES / "page.png"

_COLUMNS = 100
_PROGRAM = Path(sys.executable).parent / "kbsync"
_PATIENCE = 60.0
#: Files that are younger than this when they are looked at are looked into once more.
_RACY = 2.5

#: What is typed, one after another; between the third and the fourth a file is edited.
SESSION = (
    "kbsync plan",
    "kbsync reconcile",
    'kbsync search "guest Wi-Fi voucher" --limit 1',
    "echo 'Vouchers are valid for 48 hours.' >> 'docs/IT/Guest Wi-Fi.md'; kbsync reconcile",
    "kbsync status",
)


class Office:
    """A folder of sample documents, a server, and a configuration in a directory of its own."""

    def __init__(self, home: Path, url: str, key: str) -> None:
        self.home = home
        samples = resources.files("kbsync.standin.samples") / "files"
        with resources.as_file(samples) as files:
            for part in ("IT", "Sales"):
                shutil.copytree(files / part, home / "docs" / part)
        (home / "dataset.key").write_text(key)
        (home / "dataset.key").chmod(0o600)
        (home / "kbsync.toml").write_text(
            f'ledger = "ledger.db"\ninstance = "fileserver"\n[server]\nbase_url = "{url}"\n'
            'api_key_file = "dataset.key"\n[[folders]]\nname = "handbook"\npath = "docs"\n'
            'dataset = "Handbook"\ncreate_dataset = true\nindexing_technique = "economy"\n'
        )
        self.variables = {
            "PATH": f"{_PROGRAM.parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "TERM": "xterm-256color",
            "COLUMNS": str(_COLUMNS),
            "LANG": "C.UTF-8",
        }

    def typed(self, line: str) -> str:
        """What a terminal shows of this command, with its colours, once it has ended."""
        master, slave = pty.openpty()
        with subprocess.Popen(
            ["sh", "-c", line], cwd=self.home, env=self.variables,
            stdin=slave, stdout=slave, stderr=slave,
        ) as process:  # fmt: skip
            os.close(slave)
            shown = b"".join(_read(master))
        os.close(master)
        if process.returncode != 0:
            raise SystemExit(f"{line} ended with {process.returncode}\n{shown.decode()}")
        return _settled(shown.decode().replace("\r\n", "\n")).replace(str(self.home), "~")


def _read(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            yield os.read(terminal, 65536)
        except OSError:  # how Linux says that the other end is closed
            return


def _settled(text: str) -> str:
    """The text without what was drawn over: bars that are gone when a command has ended."""
    last = text.rpartition("\x1b[?25h")[2]
    kept = re.sub(r"\x1b\[\?25.|\x1b\[\d*[A-KS-T]|\r", "", last)
    return kept.strip("\n")


@contextmanager
def office() -> Iterator[Office]:
    """An office with a server that indexes at once."""
    standin = StandIn()
    with tempfile.TemporaryDirectory(prefix="kbsync-pictures-") as name:
        with running(standin) as url:
            yield Office(Path(name), url, standin.key)
        standin.close()


def draw_terminal() -> None:
    """Type the session into a terminal and keep what it shows."""
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True)
    with office() as place:
        time.sleep(_RACY)
        for line in SESSION:
            console.print(Text(f"$ {line}", style="bold"))
            console.print(Text.from_ansi(place.typed(line)))
            console.print()
    svg = console.export_svg(title="kbsync", unique_id="kbsync")
    # Nothing is loaded from elsewhere: whoever looks has a font of fixed width.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    TERMINAL.write_text(svg.replace("Fira Code, monospace", "monospace"), encoding="utf-8")


def draw_page() -> None:
    """Let a service work and photograph its page."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("the picture of the page needs Chromium")
    with office() as place, _service(place) as address, sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=browser).new_page(
            viewport={"width": 1100, "height": 700}, color_scheme="light", reduced_motion="reduce"
        )
        page.goto(address)
        page.get_by_role("heading", name="Everything is searchable").wait_for(
            timeout=_PATIENCE * 1000
        )
        page.screenshot(path=PAGE)


@contextmanager
def _service(place: Office) -> Iterator[str]:
    """A running service, once everything is searchable; gives its page's address."""
    process = subprocess.Popen(
        [_PROGRAM, "run"], cwd=place.home, env=place.variables, stderr=subprocess.DEVNULL
    )
    address = "http://127.0.0.1:8377/"
    try:
        _wait_for(f"{address}readyz")
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_PATIENCE)


def _wait_for(address: str) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        try:
            if httpx.get(address, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"{address} is not ready")


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    draw_terminal()
    draw_page()
