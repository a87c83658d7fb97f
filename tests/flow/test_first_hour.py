"""What somebody does in the first hour: init, doctor, plan, reconcile, status, explain."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from kbsync.cli import run
from kbsync.standin import StandIn, running

from .place import Said

Kbsync = Callable[..., Said]


@pytest.fixture
def kbsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kbsync:
    """The command in an empty directory, with no configuration anywhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [*os.environ]:
        if name.startswith(("KBSYNC_", "XDG_", "STATE_DIRECTORY")):
            monkeypatch.delenv(name)

    def command(*arguments: str) -> Said:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run(list(arguments))
        return Said(code, out.getvalue(), err.getvalue())

    return command


@pytest.fixture
def server() -> Iterator[tuple[StandIn, str]]:
    """A server without any dataset, and its address."""
    standin = StandIn(embedding_model=True)
    with running(standin) as url:
        yield standin, url
    standin.close()


def test_from_nothing_to_an_answer(
    kbsync: Kbsync, server: tuple[StandIn, str], tmp_path: Path
) -> None:
    """Five commands lead from nothing to indexed documents, and each names the next one."""
    standin, url = server
    _documents(tmp_path / "handbook")
    _key(tmp_path / "dataset.key", standin.key)

    lost = kbsync("doctor")
    assert lost.code == 2
    assert "`kbsync init` writes one" in lost.out

    written = _init(kbsync, url)
    assert written.code == 0, written.out + written.err
    assert "kbsync doctor" in written.out

    examined = kbsync("doctor")
    assert examined.code == 0, examined.out
    assert "✗" not in examined.out
    assert "the first run makes it" in examined.out

    planned = kbsync("plan")
    assert planned.code == 0
    assert "handbook: 2 files seen; 2 to send" in planned.out
    assert not standin.requests or {request.method for request in standin.requests} == {"GET"}

    assert kbsync("reconcile").code == 0
    assert kbsync("doctor").code == 0
    state = kbsync("status", "--json").json
    assert state["folders"][0]["counts"]["completed"] == 2
    told = kbsync("explain", "handbook/Travel.md")
    assert told.code == 0
    assert "completed" in told.out
    assert standin.key not in written.out + examined.out + planned.out + told.out


def test_mistakes_are_mended_one_by_one(
    kbsync: Kbsync, server: tuple[StandIn, str], tmp_path: Path
) -> None:
    """Who makes every mistake at once is led out of them by the doctor alone."""
    standin, url = server
    key = tmp_path / "dataset.key"
    _key(key, "app-AbCdEfGhIjKlMnOpQrStUvWx", mode=0o644)
    assert _init(kbsync, url.replace("/v1", "/apps")).code == 0

    first = kbsync("doctor", "--json")
    assert first.code == 5
    assert _bad(first) == {"key", "api", "root"}

    config = tmp_path / "kbsync.toml"
    config.write_text(config.read_text().replace("/apps", "/v1"))
    _key(key, standin.key)
    second = kbsync("doctor", "--json")
    assert second.code == 3
    assert _bad(second) == {"root"}

    (tmp_path / "handbook").mkdir()
    third = kbsync("doctor", "--json")
    assert third.code == 0
    assert _bad(third) == {"files"}

    _documents(tmp_path / "handbook")
    assert _bad(kbsync("doctor", "--json")) == set()


@pytest.mark.parametrize(
    "name", ["init", "doctor", "plan", "reconcile", "status", "explain", "search", "ask", "retry"]
)
def test_help(kbsync: Kbsync, name: str) -> None:
    """Every command's help has an example, and keeps the lines of its tables apart."""
    said = kbsync(name, "--help")
    assert said.code == 0
    assert f"Example: kbsync {name}" in said.out
    assert "\\b" not in said.out


def _init(kbsync: Kbsync, url: str) -> Said:
    return kbsync(
        "init", "--base-url", url, "--key-file", "dataset.key", "--folder", "handbook",
        "--dataset", "Handbook",
    )  # fmt: skip


def _documents(root: Path) -> None:
    root.mkdir(exist_ok=True)
    (root / "Travel.md").write_text("# Travel\n\nSecond class below four hours.\n")
    (root / "Leave.txt").write_text("27 days a year.\n")


def _key(file: Path, key: str, mode: int = 0o600) -> None:
    file.write_text(f"{key}\n")
    file.chmod(mode)


def _bad(said: Said) -> set[str]:
    return {row["check"] for row in json.loads(said.out) if row["result"] in {"warn", "fail"}}


@pytest.mark.parametrize("said", ["nan", "-1", "soon", "5 weeks"])
def test_a_time_that_is_none_is_a_usage_error(
    kbsync: Kbsync, server: tuple[StandIn, str], tmp_path: Path, said: str
) -> None:
    """What --timeout takes is named when something else is given."""
    _, url = server
    _documents(tmp_path / "handbook")
    (tmp_path / "kbsync.toml").write_text(
        f'[server]\nbase_url = "{url}"\napi_key = "dataset-standin"\n'
        f'[[folders]]\nname = "h"\npath = "{tmp_path}/handbook"\ndataset = "KB"\n'
    )
    refused = kbsync("reconcile", f"--timeout={said}")
    assert refused.code == 2
    assert "neither seconds nor a duration such as 15m" in refused.err
