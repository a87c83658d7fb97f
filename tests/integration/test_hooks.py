"""Each way of telling, with a real process or a real connection at the other end."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest

from kbsync.config import HookSettings
from kbsync.errors import Undelivered
from kbsync.hooks import Message, open_hook
from kbsync.notices import Notice

from .hooking import listening

MESSAGE = Message(
    title="kbsync on host: docs: 2 files failed",
    text="docs: 2 files failed\n  docs/Größe.md",
    instance="host",
    at="2026-01-01T00:00:00Z",
    notices=[Notice("failed", "docs", "docs: 2 files failed", 2, ("docs/Größe.md",))],
)


def python(code: str) -> HookSettings:
    return HookSettings(command=(sys.executable, "-c", code))


def test_a_command_reads_the_message(tmp_path: Path) -> None:
    """It gets one JSON object on its standard input, whatever the file names are made of."""
    file = tmp_path / "told"
    code = f"import sys; open({str(file)!r}, 'wb').write(sys.stdin.buffer.read())"
    open_hook(python(code)).tell(MESSAGE)
    told = json.loads(file.read_bytes())
    assert told["title"] == MESSAGE.title
    assert told["notices"][0]["examples"] == ["docs/Größe.md"]
    assert told["text"].startswith(MESSAGE.title)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (python("import sys; sys.exit('no such room')"), "ended with 1: no such room"),
        (HookSettings(command=("/nowhere/tell",)), "/nowhere/tell: No such file or directory"),
        (HookSettings(command=("/",)), "/: Permission denied"),
    ],
)
def test_a_command_that_cannot(settings: HookSettings, reason: str) -> None:
    """What it said last, or why it could not be run, is the reason."""
    with pytest.raises(Undelivered, match=reason):
        open_hook(settings).tell(MESSAGE)


def test_a_command_that_does_not_read() -> None:
    """A message that nobody reads to its end is delivered all the same."""
    long = Message(MESSAGE.title, "x" * 1_000_000, "host", MESSAGE.at)
    open_hook(python("pass")).tell(long)


def test_a_webhook() -> None:
    """It is posted as JSON; an error or a redirection is no delivery, and shows no address."""
    with listening() as listener:
        hook = open_hook(HookSettings(webhook=listener.url))
        hook.tell(MESSAGE)
        assert [method for method, _ in listener.asked] == ["POST"]
        assert listener.told[0] == json.loads(json.dumps(MESSAGE.facts()))
        for status in (500, 404, 302):
            listener.status = status
            with pytest.raises(Undelivered, match=f"127.0.0.1 answered {status}"):
                hook.tell(MESSAGE)
        assert len(listener.asked) == 4


def test_a_heartbeat() -> None:
    """It only asks for the address."""
    with listening() as listener:
        open_hook(HookSettings(heartbeat=listener.url)).tell(MESSAGE)
        assert listener.asked == [("GET", None)]


def test_nobody_there() -> None:
    """A server that is away is told by its name, without the secret part of the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/secret"
        with pytest.raises(Undelivered, match=r"^127\.0\.0\.1: ConnectError") as caught:
            open_hook(HookSettings(webhook=url)).tell(MESSAGE)
    assert "secret" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:.imghdr. is deprecated:DeprecationWarning")  # of apprise
def test_apprise() -> None:
    """An address of apprise gets the title and the text."""
    with listening() as listener:
        listener.status = 200
        hook = open_hook(HookSettings(notify=listener.url.replace("http:", "json:")))
        hook.tell(MESSAGE)
        assert listener.told[0]["title"] == MESSAGE.title
        assert "docs/Größe.md" in listener.told[0]["message"]
        listener.status = 500
        with pytest.raises(Undelivered, match="json://"):
            hook.tell(MESSAGE)
