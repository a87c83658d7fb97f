"""Workflows as hooks: begun by news, followed to their end, against the stand-in's workflow."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kbsync.config import HookSettings, Settings
from kbsync.engine import Event, Happened
from kbsync.errors import Undelivered
from kbsync.hooks import Message, open_hook
from kbsync.ledger import Ledger
from kbsync.service.herald import Herald, Source, heralds
from kbsync.standin import Fault, StandIn, running

from .hooking import settings

MESSAGE = Message("kbsync on host: 2 files failed", "2 files failed\n  a.md", "host", "2026-01-01")
SERVERS = [("dify", "1.10.1"), ("dify", "1.16.1"), ("simple", "1.16.1")]


class Scene:
    """A stand-in with its workflow, a ledger, and what the history is told."""

    def __init__(self, standin: StandIn, url: str, key: Path, ledger: Ledger) -> None:
        self.standin = standin
        self.ledger = ledger
        self.told: list[Event] = []
        self.now = 1000.0
        self._url = url
        self._key = key
        key.write_text(f"{standin.workflow_key}\n")

    def hook(self, **more: Any) -> HookSettings:
        return HookSettings(**{"workflow": self._key, "on": ["run"], "every": "10s"} | more)

    def settings(self, **more: Any) -> Settings:
        known = settings(base_url=self._url)
        return known.model_copy(update={"instance": "host", "hooks": (self.hook(**more),)})

    def tell(self, message: Message, **more: Any) -> None:
        open_hook(self.hook(**more), self.settings()).tell(message)

    def herald(self, **more: Any) -> Herald:
        """Who begins workflows, new or after a restart."""
        first = self.ledger.next_run()
        source = Source(
            self.ledger, ["docs"], [], lambda: None, lambda: None, self.told.append, first
        )
        clock = lambda: self.now  # noqa: E731 - both clocks are the test's
        (herald,) = heralds(self.settings(**more), source, clock, clock)
        return herald

    def after(self, herald: Herald, seconds: float) -> list[str]:
        """What the history is told within so many seconds."""
        self.told.clear()
        end = self.now + seconds
        while self.now < end:
            herald.step()
            self.now += 2.0
        return [f"{event.happened.value} {event.text}" for event in self.told]

    def run(self, **counts: int) -> None:
        """A run that ended."""
        run = self.ledger.begin_run("reconcile", self.now)
        self.ledger.update_run(run, ["docs"], counts, self.now + 3, "done")

    def eventually_ended(self, run: str) -> None:
        """Wait until the server has done it."""
        until = time.monotonic() + 20
        while self.standin.world.apps.runs[run]["status"] == "running":
            assert time.monotonic() < until
            time.sleep(0.02)

    def inputs(self) -> list[Any]:
        """The inputs of each run at the server, oldest first."""
        return [json.loads(str(row["inputs"])) for row in self.standin.world.apps.runs.values()]


@pytest.fixture(params=SERVERS, ids=" ".join)
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    dialect, version = request.param
    with (
        closing(StandIn(dialect=dialect, behave=version)) as standin,
        running(standin) as url,
        Ledger.open(tmp_path / "ledger.db") as ledger,
    ):
        yield Scene(standin, url, tmp_path / "report.key", ledger)


@pytest.fixture
def current(tmp_path: Path) -> Iterator[Scene]:
    with (
        closing(StandIn()) as standin,
        running(standin) as url,
        Ledger.open(tmp_path / "ledger.db") as ledger,
    ):
        yield Scene(standin, url, tmp_path / "report.key", ledger)


def test_a_workflow_gets_the_message(scene: Scene) -> None:
    """By the names of its inputs; without any it gets all there is."""
    scene.tell(MESSAGE, inputs={"text": "{title} / {instance}", "channel": "ops", "level": 3})
    scene.tell(MESSAGE)
    first, second = scene.inputs()
    assert first["text"] == "kbsync on host: 2 files failed / host"
    assert (first["channel"], first["level"]) == ("ops", 3)
    assert "title" not in first
    assert second["text"] == MESSAGE.facts()["text"]
    assert json.loads(second["json"])["instance"] == "host"


def test_a_workflow_that_fails_has_told_nobody(scene: Scene) -> None:
    """Its server answers 200 with a failed run."""
    scene.standin.faults.add(Fault("run-failed", text="no tokens left"))
    with pytest.raises(Undelivered, match=r"^run \S+ failed after .* s: no tokens left$"):
        scene.tell(MESSAGE)


def test_a_long_text_is_cut_to_the_form(current: Scene) -> None:
    """A field takes so many characters; a server refuses more."""
    current.tell(Message("t", "x" * 5000, "host", "now"))
    (told,) = current.inputs()
    assert len(told["text"]) == 4000
    assert told["text"].endswith("x…")


def test_the_key_of_a_chat(current: Scene, tmp_path: Path) -> None:
    """It is told as what it is."""
    (tmp_path / "report.key").write_text(current.standin.app_key)
    with pytest.raises(Undelivered, match="no workflow; use the key of one"):
        current.tell(MESSAGE)


def test_after_a_run(scene: Scene) -> None:
    """Each run is told once, with its counts; runs before the first start are not; nor empty ones.

    The run of the workflow is followed, and its end is in the history.
    """
    scene.run(indexed=1)
    herald = scene.herald()
    assert scene.after(herald, 30) == []
    scene.run(skipped=2)
    assert scene.after(herald, 30) == []
    scene.run(sent=3, indexed=3)
    begun, ended = scene.after(herald, 60)
    assert begun == "told workflow report.key: reconcile docs: 3.0 s; 3 sent, 3 indexed; done"
    assert ended.startswith("told workflow report.key: run ")
    assert "succeeded" in ended
    (told,) = scene.inputs()
    assert json.loads(told["json"])["runs"][0]["counts"] == {"sent": 3, "indexed": 3}
    assert scene.after(scene.herald(), 60) == []


def test_a_failed_run_of_a_workflow_is_a_failure(scene: Scene) -> None:
    """It is told as one and not begun again, for it may have done half of its work."""
    herald = scene.herald()
    herald.step()
    scene.standin.faults.add(Fault("run-failed", text="no tokens left"))
    scene.run(indexed=1)
    begun, ended = scene.after(herald, 600)
    assert begun.startswith("told ")
    assert ended.startswith("not told workflow report.key: run ")
    assert ended.endswith(": no tokens left")
    assert herald.problem == ended.removeprefix("not told ")
    scene.run(indexed=2)
    assert len(scene.after(herald, 600)) == 2
    assert herald.problem is None


def test_a_server_that_is_away_is_asked_again(current: Scene) -> None:
    """What could not be begun is begun later, with all that came in between."""
    herald = current.herald()
    herald.step()
    current.standin.faults.add(Fault("proxy-502", path="/workflows", times=None))
    current.run(indexed=1)
    (said,) = current.after(herald, 300)
    assert said.startswith("not told workflow report.key: ")
    assert said.endswith("; it will be tried again")
    current.run(indexed=2)
    current.standin.faults.clear()
    assert len(current.after(current.herald(), 120)) == 2
    (told,) = current.inputs()
    assert len(json.loads(told["json"])["runs"]) == 2


def test_a_run_is_followed_over_a_restart(current: Scene) -> None:
    """A workflow takes its time; who begins it waits neither for it nor twice."""
    herald = current.herald()
    herald.step()
    current.standin.faults.add(Fault("stream-slow", seconds=0.3))
    current.run(indexed=1)
    current.run(indexed=2)
    assert len(current.after(herald, 12)) == 1
    again = current.herald()
    assert current.after(again, 12) == []
    under_way = again.under_way
    assert under_way
    (row,) = current.standin.world.apps.runs
    current.eventually_ended(row)
    (said,) = current.after(again, 12)
    assert "succeeded" in said
    assert not again.under_way
    assert len(current.inputs()) == 1


def test_a_run_that_has_no_end_is_given_up(current: Scene) -> None:
    """After an hour, with where to look."""
    herald = current.herald()
    herald.step()
    current.run(indexed=1)
    assert len(current.after(herald, 12)) == 1
    (run,) = current.standin.world.apps.runs
    current.eventually_ended(run)
    current.standin.world.apps.runs[run]["status"] = "running"
    assert current.after(herald, 60) == []
    current.now += 3600
    said = current.after(herald, 12)
    assert len(said) == 1
    assert said[0].endswith("has no end yet; see the workflow's log in Dify")
    assert current.told[0].happened is Happened.UNTOLD


def test_on_a_schedule(current: Scene) -> None:
    """A workflow that is told of nothing gets the digest."""
    herald = current.herald(on=[], digest="*/30 * * * *")
    current.run(indexed=1)
    assert len(current.after(herald, 3600)) == 4
    assert [told["text"].splitlines()[0] for told in current.inputs()] == [
        "kbsync on host: no files"
    ] * 2
