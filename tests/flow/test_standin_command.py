"""`kbsync standin` as a process: what it says, serves and refuses, and how it stops."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from kbsync.commands.standin import VERSIONS
from kbsync.standin import BEHAVIOURS

PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Served:
    """A stand-in that answers: its process, and what it said before it did."""

    process: subprocess.Popen[str]
    said: str

    @property
    def url(self) -> str:
        return self._value("base URL")

    @property
    def key(self) -> str:
        return self._value("key")

    @property
    def configuration(self) -> str:
        """The lines that it offers as a configuration."""
        example = self.said.partition("[server]")[2].partition("Ctrl-C")[0]
        return "\n".join(line.strip() for line in f"[server]{example}".splitlines()) + "\n"

    def get(self, path: str) -> httpx.Response:
        return httpx.get(
            f"{self.url}{path}", headers={"Authorization": f"Bearer {self.key}"}, trust_env=False
        )

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Stop it as a service manager or a person does; its code, and what it still said."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err

    def _value(self, name: str) -> str:
        found = re.search(rf"^  {name} +(.+)$", self.said, re.MULTILINE)
        assert found is not None, self.said
        return found[1]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "kbsync", "standin", *arguments]


@contextmanager
def serving(*arguments: str) -> Iterator[Served]:
    process = subprocess.Popen(
        command("--port", "0", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("Ctrl-C"):
                break
        else:
            pytest.fail(said + process.communicate(timeout=PATIENCE)[1])
        served = Served(process, said)
        _wait_for(httpx.URL(served.url).port or 0)
        yield served
    finally:
        process.kill()
        process.communicate()


def _wait_for(port: int) -> None:
    """Until the port takes connections: it says its address just before."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return


def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=PATIENCE)


def refused(*arguments: str) -> str:
    """The one line with which it refuses to start."""
    done = run(command(*arguments))
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("kbsync: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_stopped(number: int) -> None:
    """It says that it is not Dify, answers with the key it names, and stops cleanly with 0."""
    with serving() as served:
        assert "this is not Dify" in served.said
        assert served.get("/datasets").status_code == 200
        assert served.get("/datasets").headers["X-Stand-In"] == "kbsync"
        assert httpx.get(f"{served.url}/datasets", trust_env=False).status_code == 401
        assert served.stop(number) == (0, "stopped\n", "")


def test_a_client_that_hangs_does_not_keep_it() -> None:
    """Half a request is waited for two seconds at a stop, and is no defect to be told of."""
    with serving() as served:
        port = httpx.URL(served.url).port
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(
                b"POST /v1/datasets HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"
            )
            assert served.get("/datasets").status_code == 200
            code, out, err = served.stop()
    assert (code, out) == (0, "stopped\n")
    assert "Traceback" not in err


@pytest.mark.parametrize("version", VERSIONS)
def test_it_behaves_as_the_version_that_is_asked_for(version: str) -> None:
    """The version of the option is the one in the answers."""
    with serving("--behave", version) as served:
        assert served.get("/datasets").headers["X-Version"] == version


def test_every_behaviour_can_be_asked_for() -> None:
    """The versions of the option, which are known without the extra, are those that there are."""
    assert set(VERSIONS) == set(BEHAVIOURS)


@pytest.mark.parametrize(
    "options", [[], ["--dialect", "simple"], ["--embedding-model", "--key", r"a-b\c"]]
)
def test_the_configuration_it_offers_works(tmp_path: Path, options: list[str]) -> None:
    """With only the path put in, the printed configuration syncs a folder."""
    root = tmp_path / "docs"
    root.mkdir()
    (root / "a.md").write_text("# A\n\nOne line of text.\n")
    config = tmp_path / "kbsync.toml"
    with serving("--pace", "0", *options) as served:
        text = served.configuration.replace("/path/to/your/documents", str(root))
        config.write_text(f'ledger = "{tmp_path}/ledger.db"\n{text}')
        config.chmod(0o600)
        done = run([sys.executable, "-m", "kbsync", "reconcile", "--config", str(config)])
        assert done.returncode == 0, done.stdout + done.stderr
        assert "documents: 1 indexed, 1 sent" in done.stdout


def test_data_outlives_the_process(tmp_path: Path) -> None:
    """What is in a --data file, a new process has again."""
    data = tmp_path / "standin.db"
    with serving("--data", str(data)) as served:
        httpx.post(
            f"{served.url}/datasets",
            json={"name": "Kept", "indexing_technique": "economy"},
            headers={"Authorization": f"Bearer {served.key}"},
            trust_env=False,
        ).raise_for_status()
        assert str(data) in served.said
        assert served.stop()[0] == 0
    with serving("--data", str(tmp_path)) as served:
        assert [row["name"] for row in served.get("/datasets").json()["data"]] == ["Kept"]


def test_faults_of_a_file_happen(tmp_path: Path) -> None:
    """A fault of the file is told at the start and happens."""
    faults = tmp_path / "faults.toml"
    faults.write_text('[[fault]]\nkind = "proxy-502"\npath = "/datasets"\n')
    with serving("--faults", str(faults)) as served:
        assert "proxy-502 (1)" in served.said
        assert [served.get("/datasets").status_code for _ in range(2)] == [502, 200]


def test_an_address_in_use() -> None:
    """Another program on the port is one clear line, before anything is said to be served."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        told = refused("--port", str(port))
    assert f"127.0.0.1:{port}: Address already in use" in told
    assert "--port" in told


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "fileserver.example"])
def test_others_are_kept_out(host: str) -> None:
    """An address that others can reach needs --expose."""
    assert "--expose" in refused("--host", host, "--port", "0")


def test_others_are_let_in_on_request() -> None:
    """With --expose it serves every address, and says what that means."""
    with serving("--host", "0.0.0.0", "--expose") as served:
        assert "unencrypted" in served.said
        assert served.url.startswith(f"http://{os.uname().nodename}:")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[fault]]\nkind = 'hiccup'\n", "unknown kind 'hiccup'"),
        ("[[fault]]\nkind = '429'\ntimes = 0\n", "times must be at least 1"),
        ("no toml", "faults.toml"),
    ],
)
def test_a_bad_fault_file(tmp_path: Path, text: str, told: str) -> None:
    """A fault file that cannot be used is one line that names it."""
    faults = tmp_path / "faults.toml"
    faults.write_text(text)
    line = refused("--port", "0", "--faults", str(faults))
    assert str(faults) in line
    assert told in line


def test_a_bad_data_file(tmp_path: Path) -> None:
    """A file that is no database is refused and stays as it is."""
    data = tmp_path / "letter.txt"
    data.write_text("Dear Sir or Madam, " * 100)
    assert str(data) in refused("--port", "0", "--data", str(data))
    assert data.read_text() == "Dear Sir or Madam, " * 100
    assert "--data" in refused("--port", "0", "--data", str(tmp_path / "no" / "place.db"))


def test_without_the_extra() -> None:
    """Without the optional packages, the line says what to install."""
    code = (
        "import sys; sys.modules['starlette'] = None; from kbsync.cli import run;"
        " sys.exit(run(['standin', '--port', '0']))"
    )
    done = run([sys.executable, "-c", code])
    assert done.returncode == 2
    assert 'pip install "kbsync[standin]"' in done.stderr
    assert done.stderr.count("\n") == 1
