"""Each way of telling, with a real process or a real connection at the other end."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from kbsync.config import HookSettings
from kbsync.errors import Undelivered
from kbsync.hooks import Hook, Message, open_hook
from kbsync.hooks.command import Command
from kbsync.hooks.web import Webhook
from kbsync.notices import Notice
from tests.waiting import until

from .hooking import listening, opened, settings

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
    opened(python(code)).tell(MESSAGE)
    told = json.loads(file.read_bytes())
    assert told["title"] == MESSAGE.title
    assert told["notices"][0]["examples"] == ["docs/Größe.md"]
    assert told["text"].startswith(MESSAGE.title)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (python("import sys; sys.exit('no such room')"), "ended with 1: no such room"),
        (HookSettings(command=("/nowhere/tell",)), "No such file or directory"),
        (HookSettings(command=("/",)), "Permission denied"),
    ],
)
def test_a_command_that_cannot(settings: HookSettings, reason: str) -> None:
    """What it said last, or why it could not be run, is the reason."""
    with pytest.raises(Undelivered, match=reason):
        opened(settings).tell(MESSAGE)


def test_a_command_that_does_not_read() -> None:
    """A message that nobody reads to its end is delivered all the same."""
    long = Message(MESSAGE.title, "x" * 1_000_000, "host", MESSAGE.at)
    opened(python("pass")).tell(long)


def test_a_command_that_never_ends(tmp_path: Path) -> None:
    """It is killed with all it started, although it says more and more."""
    alive = tmp_path / "alive"
    code = f"""
import os, sys, time
if os.fork() == 0:
    time.sleep(1)
    open({str(alive)!r}, "w")
    os._exit(0)
while True:
    sys.stderr.write("y" * 65536)
"""
    with pytest.raises(Undelivered, match=r"not at its end after 0\.5 s, and killed"):
        Command([sys.executable, "-c", code], seconds=0.5).tell(MESSAGE)
    time.sleep(0.8)
    assert not alive.exists()


def test_a_command_that_leaves_something_behind() -> None:
    """It has told when it ends itself, although what it started holds its standard error."""
    code = "import subprocess; subprocess.Popen(['sleep', '5'])"
    began = time.monotonic()
    opened(python(code)).tell(MESSAGE)
    assert time.monotonic() - began < 4


def test_a_command_that_is_interrupted(tmp_path: Path) -> None:
    """It is killed at once, with all it started."""
    begun = tmp_path / "begun"
    hook = opened(HookSettings(command=("/bin/sh", "-c", f"sleep 60 & echo $! > {begun}; wait")))
    with told_beside(hook, "killed, because kbsync was stopped"):
        until(lambda: begun.exists() and begun.read_text().endswith("\n"))
        hook.interrupt()
    child = Path("/proc", begun.read_text().strip())
    until(lambda: not child.exists() or "Z" in child.joinpath("stat").read_text().split()[2])


def test_a_command_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message needs no room in the directory for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    opened(python("import sys; assert sys.stdin.read()")).tell(MESSAGE)


@pytest.mark.filterwarnings("ignore:.imghdr. is deprecated:DeprecationWarning")  # of apprise
@pytest.mark.parametrize("way", ["webhook", "heartbeat", "notify", "workflow"])
def test_a_request_that_is_interrupted(way: str, tmp_path: Path) -> None:
    """Whoever waits for an answer that does not come waits no longer; nothing is asked later."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        target = {"notify": url.replace("http:", "json:"), "workflow": tmp_path / "key"}.get(
            way, url
        )
        (tmp_path / "key").write_text("app-x")
        hook = open_hook(HookSettings.model_validate({way: target}), settings(base_url=f"{url}/v1"))
        with told_beside(hook, "stopped before it had an answer"):
            connection, _ = server.accept()
            hook.interrupt()
        connection.close()
        with pytest.raises(Undelivered, match="stopped"):
            hook.tell(MESSAGE)


@contextmanager
def told_beside(hook: Hook, why: str) -> Iterator[None]:
    """A hook that is told in another thread, and has not, because of this, soon after."""
    failed: list[str] = []

    def tell() -> None:
        try:
            hook.tell(MESSAGE)
        except Undelivered as error:
            failed.append(str(error))

    thread = threading.Thread(target=tell)
    thread.start()
    yield
    thread.join(5)
    assert failed == [why]


def test_a_webhook_that_drips() -> None:
    """An answer that comes a byte at a time, and never whole, is given up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                while True:
                    connection.sendall(b"H")
                    time.sleep(0.1)

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(Undelivered, match=r"no whole answer within 0.5 s"):
            Webhook(url, seconds=0.5).tell(MESSAGE)
        thread.join()


def test_a_webhook() -> None:
    """It is posted as JSON; an error or a redirection is no delivery, and shows no address."""
    with listening() as listener:
        hook = opened(HookSettings(webhook=listener.url))
        hook.tell(MESSAGE)
        assert [method for method, _ in listener.asked] == ["POST"]
        assert listener.told[0] == json.loads(json.dumps(MESSAGE.facts()))
        for status in (500, 404, 302):
            listener.status = status
            with pytest.raises(Undelivered, match=f"it answered {status}"):
                hook.tell(MESSAGE)
        assert len(listener.asked) == 4


def test_a_heartbeat() -> None:
    """It only asks for the address."""
    with listening() as listener:
        opened(HookSettings(heartbeat=listener.url)).tell(MESSAGE)
        assert listener.asked == [("GET", None)]


def test_nobody_there() -> None:
    """A server that is away is told without the secret part of the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/secret"
        with pytest.raises(
            Undelivered, match=r"^cannot be reached \(Connection refused\)$"
        ) as caught:
            opened(HookSettings(webhook=url)).tell(MESSAGE)
    assert "secret" not in str(caught.value)
    with pytest.raises(
        Undelivered,
        match=r"^cannot be reached \((Name or service not known|Temporary failure.*)\)$",
    ):
        opened(HookSettings(webhook="http://nobody.invalid/secret")).tell(MESSAGE)


@pytest.mark.filterwarnings("ignore:.imghdr. is deprecated:DeprecationWarning")  # of apprise
def test_apprise() -> None:
    """An address of apprise gets the title and the text."""
    with listening() as listener:
        listener.status = 200
        hook = opened(HookSettings(notify=listener.url.replace("http:", "json:")))
        hook.tell(MESSAGE)
        assert listener.told[0]["title"] == MESSAGE.title
        assert "docs/Größe.md" in listener.told[0]["message"]
        listener.status = 500
        with pytest.raises(Undelivered, match="json://"):
            hook.tell(MESSAGE)
