"""Somebody is told what the running service meets, and doctor tries the way."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from kbsync.standin import Fault
from tests.integration.hooking import listening

from .place import Place, a_place
from .test_service import eventually, log_of, quick, service, stop
from .webbing import website


def hook(place: Place, **settings: object) -> None:
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    place.config.write_text(place.config.read_text() + "\n".join(["\n[[hooks]]", *lines, ""]))


def test_a_failure_and_its_end_are_told(tmp_path: Path) -> None:
    """Files that fail are one message, and another says that it is over; the heart pauses."""
    file = tmp_path / "told"
    code = f"import sys; open({str(file)!r}, 'a').write(sys.stdin.read() + '\\n')"
    with a_place(tmp_path) as place, listening() as monitor:
        quick(place)
        hook(place, command=[sys.executable, "-c", code], every="1s")
        hook(place, heartbeat=monitor.url, every="1s")
        place.standin.faults.add(Fault("index-error", name="bad", times=None, text="no text layer"))
        for number in range(12):
            place.write(f"bad-{number}.md", f"a scan about newts, page {number}")

        def messages() -> list[str]:
            return [json.loads(line)["title"] for line in file.read_text().splitlines()]

        with service(place) as process:
            eventually(lambda: file.exists() and len(messages()) == 1, "a message", place)
            assert messages() == ["kbsync on test: docs: 12 files failed: no text layer"]
            beats = len(monitor.asked)
            place.standin.faults.clear()
            assert place.kbsync("retry").code == 0
            eventually(lambda: len(messages()) == 2, "the end", place)
            assert messages()[1] == "kbsync on test: docs: no file fails any more"
            eventually(lambda: len(monitor.asked) > beats, "a heartbeat", place)
            assert stop(process) == 0


def hangs(place: Place, tmp_path: Path) -> Path:
    """A hook that never ends; returns the file that its processes write their numbers to."""
    begun = tmp_path / "begun"
    script = f"echo $$ >> {begun}; exec sleep 60"
    hook(place, command=["/bin/sh", "-c", script], every="1s")
    return begun


def is_alive(begun: Path) -> bool:
    last = Path("/proc", begun.read_text().split()[-1])
    return last.exists() and "Z" not in last.joinpath("stat").read_text().split()[2]


def test_a_hook_that_hangs_holds_nobody_up(tmp_path: Path) -> None:
    """Others are told beside it, a reload and a stop end it, and the next service tells it."""
    with a_place(tmp_path) as place, listening() as listener:
        quick(place)
        begun = hangs(place, tmp_path)
        hook(place, webhook=listener.url, every="1s")
        place.standin.faults.add(Fault("index-error", name="bad", times=None, text="no text layer"))
        place.write("bad.md", "a scan about newts")
        with service(place) as process:
            eventually(lambda: begun.exists() and bool(listener.told), "both", place)
            at = time.monotonic()
            process.send_signal(signal.SIGHUP)
            eventually(lambda: log_of(place).count("event=started") == 2, "the reload", place)
            assert not is_alive(begun)
            eventually(lambda: len(begun.read_text().split()) == 2, "told again", place)
            assert stop(process) == 0
            assert time.monotonic() - at < 15
            assert not is_alive(begun)
        assert len(listener.told) == 1
        assert "not told" not in place.kbsync("history").out


def test_ctrl_c_leaves_a_hook_that_hangs(tmp_path: Path) -> None:
    """The run has done its work and says so; the hook is ended, and told by the next run."""
    with a_place(tmp_path) as place:
        begun = hangs(place, tmp_path)
        place.standin.faults.add(Fault("index-error", name="bad", times=None, text="no text layer"))
        place.write("bad.md", "a scan about newts")
        with subprocess.Popen(
            [sys.executable, "-m", "kbsync", "reconcile", "--config", str(place.config)],
            stdout=subprocess.PIPE,
            text=True,
        ) as run:
            eventually(begun.exists, "the hook", place)
            at = time.monotonic()
            run.send_signal(signal.SIGINT)
            said, _ = run.communicate(timeout=30)
        assert time.monotonic() - at < 5
        assert run.returncode == 130
        assert "docs: 0 indexed, 1 sent, 1 failed" in said
        assert not is_alive(begun)
        assert place.ledger.with_name(f"{place.ledger.name}.backup").exists()


def test_a_hook_that_does_not_work_is_seen(tmp_path: Path) -> None:
    """The page is told which and why, and that is no reason to call anything broken."""
    with a_place(tmp_path) as place, listening() as listener:
        quick(place)
        listener.status = 500
        hook(place, heartbeat=listener.url)
        with website(place) as client:
            eventually(lambda: bool(client.get("/api/status").json()["hooks"]), "the word", place)
            said = "heartbeat 127.0.0.1: it answered 500; it will be tried again"
            assert client.get("/api/status").json()["hooks"] == [said]
            assert client.get("/api/status").json()["problem"] is None


def test_a_run_tells_at_its_end(tmp_path: Path) -> None:
    """`reconcile` tells the news, beats while all is well, and follows workflows to their end."""
    with a_place(tmp_path) as place, listening() as listener, listening() as monitor:
        key = tmp_path / "report.key"
        key.write_text(place.standin.workflow_key)
        hook(place, webhook=listener.url)
        hook(place, heartbeat=monitor.url)
        hook(place, workflow=str(key), on=["run"])
        place.write("good.md", "a page about newts")
        first = place.kbsync("reconcile")
        assert first.code == 0
        assert "reconcile docs: " in first.line("told     workflow report.key: reconcile")
        assert " succeeded " in first.line("told     workflow report.key: run ")
        assert listener.told == []
        assert len(monitor.asked) == 1

        place.standin.faults.add(Fault("index-error", name="bad", times=None, text="no text layer"))
        place.standin.faults.add(Fault("run-failed", path="/workflows", text="no tokens"))
        place.write("bad.md", "a scan")
        second = place.kbsync("reconcile", "--quiet")
        assert second.code == 3
        assert second.line("workflow").endswith(": no tokens")
        assert [told["title"] for told in listener.told] == [
            "kbsync on test: docs: 1 file failed: no text layer"
        ]
        assert place.kbsync("reconcile").code == 3
        assert len(listener.told) == len(monitor.asked) == 1

        place.configure(api_key="dataset-of-nobody")
        hook(place, webhook=listener.url)
        place.write("new.md", "a page about toads")
        assert place.kbsync("reconcile").code == 5
        assert "refused the API key" in listener.told[1]["title"]
        said = place.kbsync("history").out
        assert "not told workflow report.key: run " in said
        assert "told     webhook 127.0.0.1: docs: 1 file failed: no text layer" in said


def test_doctor_tries_the_hooks(tmp_path: Path) -> None:
    """Only when asked to: each hook gets a test message, and what cannot take it is told."""
    with a_place(tmp_path) as place, listening() as listener:
        hook(place, webhook=listener.url)
        hook(place, command=[sys.executable, "-c", "raise SystemExit('no such room')"])
        assert place.kbsync("doctor").code == 0
        assert listener.asked == []
        said = place.kbsync("doctor", "--hooks")
        assert said.code == 3
        assert "took a test message" in said.line("webhook")
        assert "no such room" in said.line(" command ")
        assert "a test message" in listener.told[0]["title"]
        assert listener.url not in said.out
