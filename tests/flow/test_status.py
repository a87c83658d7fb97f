"""`kbsync status --watch` on a terminal, and what it knows of the server."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

from kbsync.commands.asking import asking
from kbsync.config import load
from kbsync.standin import running
from tests.waiting import PATIENCE, until

from .place import a_place


def read_until(terminal: int, text: str) -> str:
    seen = b""
    deadline = time.monotonic() + PATIENCE
    while text.encode() not in seen:
        assert time.monotonic() < deadline, f"{text!r} is not in {seen!r}"
        if select.select([terminal], [], [], 0.1)[0]:
            seen += os.read(terminal, 65_536)
    return seen.decode(errors="replace")


def test_it_stays_and_follows(tmp_path: Path) -> None:
    """The screen shows what changes, from no ledger on; Ctrl-C ends it well; a pipe is refused."""
    with a_place(tmp_path) as place:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "kbsync", "status", "--watch", "--config", str(place.config)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "110", "LINES": "20"},
        )
        os.close(theirs)
        try:
            read_until(ours, "never")
            place.write("first.md", "a file about newts")
            assert place.kbsync("reconcile", "--quiet").code == 0
            read_until(ours, "first.md")
            place.write("second.md", "a file about toads")
            assert place.kbsync("reconcile", "--quiet").code == 0
            read_until(ours, "second.md")
            process.terminate()  # as Ctrl-C does, and also where a shell has that ignored
            read_until(ours, "\x1b[?1049l")
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            process.wait()
            os.close(ours)
        refused = place.kbsync("status", "--watch")
        assert refused.code == 2
        assert "kbsync history --follow --json" in refused.err


def test_the_server_is_asked_again(tmp_path: Path) -> None:
    """Whoever watches sees that the server went and came back; unless asked, it is not asked."""
    with a_place(tmp_path) as place:
        with running(place.standin) as url:
            port = int(url.rpartition(":")[2].partition("/")[0])
            place.configure(base_url=url)
        settings = load(place.config)
        with asking(settings, offline=False, pause=0.05) as latest:
            assert latest()["base_url"] == url
            until(lambda: latest()["reachable"] is False)
            with running(place.standin, port):
                until(lambda: latest()["reachable"] is True)
            until(lambda: latest()["reachable"] is False)
        place.calls()
        place.configure(base_url=place.base_url)
        with asking(load(place.config), offline=True, pause=0.05) as latest:
            assert latest()["reachable"] is None
        assert place.calls() == {}
