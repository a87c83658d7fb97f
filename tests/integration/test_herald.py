"""Who is told what, when: with a real ledger, a real listener, and a clock of the test's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kbsync.config import HookSettings
from kbsync.engine import Event
from kbsync.ledger import Ledger
from kbsync.ledger.history import Happening
from kbsync.model import Hold, Key, Put, Seen, Stamp
from kbsync.service.herald import Herald, Source

from .hooking import Listener, listening, opened

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z


@dataclass
class Scene:
    """A ledger, somebody who listens, and a herald between them."""

    ledger: Ledger
    listener: Listener
    now: float = 1000.0
    clock_set_by: float = 0.0
    problem: str | None = None
    hook: dict[str, Any] = field(default_factory=dict)
    herald: Herald | None = None
    told: list[Event] = field(default_factory=list)

    def start(self, **hook: Any) -> None:
        """A herald, new or after a restart."""
        self.hook |= hook
        settings = HookSettings(**{"webhook": self.listener.url} | self.hook)
        source = Source(
            self.ledger,
            ["docs"],
            [],
            lambda: self.problem,
            lambda: "http://page/",
            self.told.append,
            1,
        )
        clocks = (lambda: NOON + self.clock_set_by + self.now, lambda: self.now)
        self.herald = Herald(settings, opened(settings), source, "host", *clocks)

    def after(self, seconds: float) -> list[str]:
        """The titles of what is told within so many seconds."""
        assert self.herald is not None
        before = len(self.listener.asked)
        end = self.now + seconds
        while self.now < end:
            self.herald.step()
            self.now += 2.0
        return [
            "beat" if body is None else body["title"].removeprefix("kbsync on host: ")
            for _, body in self.listener.asked[before:]
        ]

    def fail(self, *names: str, reason: str = "no text layer") -> None:
        for name in names:
            key = Key("docs", name)
            self.ledger.observe([Put(Seen(key, Stamp(1, 1, 1, 1, 1)), "new")], 1.0)
            job = self.ledger.claim(2.0, ["docs"])
            assert job is not None
            self.ledger.park(job, reason, None, None, 3.0)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Ledger.open(tmp_path / "ledger.db") as ledger, listening() as listener:
        ledger.bind("docs", "/docs", "KB", "ds", 1.0)
        yield Scene(ledger, listener)


def test_many_failures_are_one_message(scene: Scene) -> None:
    """What fails while news are gathered is told together, with reasons and some of the files."""
    scene.start()
    assert scene.after(60) == []
    scene.fail(*(f"{number}.md" for number in range(100)))
    assert scene.after(10) == []
    scene.fail(*(f"more/{number}.md" for number in range(100)), reason="too large")
    assert scene.after(60) == ["docs: 200 files failed: no text layer (100), too large (100)"]
    told = scene.listener.told[0]
    assert told["notices"][0]["count"] == 200
    assert len(told["notices"][0]["examples"]) == 5
    assert "and 195 more" in told["text"]
    assert told["page"] == "http://page/"
    assert scene.after(3600) == []


def test_messages_are_no_more_often_than_every(scene: Scene) -> None:
    """What comes soon after a message waits, and is then one message."""
    scene.start(every="15m")
    scene.fail("a.md")
    assert scene.after(60) == ["docs: 1 file failed: no text layer"]
    scene.fail("b.md")
    scene.ledger.hold(Hold("docs", "count", 7, "7 deletions are more than max_delete_count = 2"))
    assert scene.after(600) == []
    assert scene.after(600) == ["docs: 2 files failed: no text layer (and 1 more)"]
    held = "docs: 7 deletions held: 7 deletions are more than max_delete_count = 2"
    assert held in scene.listener.told[-1]["text"].splitlines()


def test_what_is_over_is_told(scene: Scene) -> None:
    """A recovery is a message; what came and went before anybody heard is none."""
    scene.start(every="1m")
    scene.fail("a.md")
    assert len(scene.after(60)) == 1
    scene.ledger.retry("docs", None, 5.0)
    assert scene.after(120) == ["docs: no file fails any more"]
    scene.fail("b.md")
    assert scene.after(10) == []
    scene.ledger.retry("docs", None, 5.0)
    assert scene.after(300) == []


def test_a_restart_tells_nothing_twice(scene: Scene) -> None:
    """What was told is known after a restart, and what ended meanwhile is told then."""
    scene.start()
    scene.fail("a.md")
    assert len(scene.after(60)) == 1
    scene.start()
    assert scene.after(3600) == []
    scene.ledger.retry("docs", None, 5.0)
    scene.start()
    assert scene.after(60) == ["docs: no file fails any more"]


def test_what_cannot_be_delivered_waits(scene: Scene) -> None:
    """It is tried again, less and less often, and told once when it can be; also over a restart."""
    scene.start()
    scene.listener.status = 500
    scene.fail("a.md")
    assert len(scene.after(3600)) == 6
    scene.start()
    scene.listener.status = 204
    assert scene.after(3600) == ["docs: 1 file failed: no text layer"]


def test_a_short_problem_is_nobody_s_business(scene: Scene) -> None:
    """A server that is away is told after five minutes, and that it is back."""
    scene.start(every="1m")
    scene.problem = "the server does not answer"
    assert scene.after(280) == []
    scene.problem = None
    assert scene.after(600) == []
    scene.problem = "the server does not answer"
    assert scene.after(400) == ["the server does not answer"]
    scene.problem = None
    assert scene.after(120) == ["the work goes on"]


def test_a_repair_is_told(scene: Scene) -> None:
    """Documents that were put right are counted and told, those of before the first start not."""
    happening = Happening(1.0, Key("docs", "a.md"), "restored", "")
    scene.ledger.keep([happening], None)
    scene.start()
    assert scene.after(60) == []
    scene.ledger.keep([happening, happening], None)
    assert scene.after(60) == ["docs: 2 documents put right"]


def test_a_repair_is_told_after_a_restart(scene: Scene) -> None:
    """What was counted and not told yet is told by the next service."""
    scene.start()
    assert scene.after(10) == []
    scene.ledger.keep([Happening(1.0, Key("docs", "a.md"), "restored", "")], None)
    assert scene.after(10) == []
    scene.start()
    assert scene.after(60) == ["docs: 1 document put right"]


def test_who_is_interrupted_tells_it_later(scene: Scene) -> None:
    """A hook that was left is told by the next service; that is no failure of the hook."""
    scene.start()
    scene.fail("a.md")
    assert scene.herald is not None
    scene.herald.interrupt()
    scene.after(60)
    assert scene.told == []
    assert scene.herald.problem is None
    scene.start()
    assert scene.after(60) == ["docs: 1 file failed: no text layer"]


def test_a_heartbeat_only_while_all_is_well(scene: Scene) -> None:
    """It beats at its pace, is silent while something is the matter, and beats again."""
    scene.start(webhook=None, heartbeat=scene.listener.url, every="1m")
    assert scene.after(300) == ["beat"] * 5
    scene.fail("a.md")
    assert scene.after(300) == []
    scene.ledger.retry("docs", None, 5.0)
    assert scene.after(60) == ["beat"]


def test_a_heartbeat_stops_only_for_what_it_is_on(scene: Scene) -> None:
    """With `on`, other troubles do not stop it."""
    scene.start(webhook=None, heartbeat=scene.listener.url, every="1m", on=("problem", "held"))
    scene.fail("a.md")
    assert scene.after(60) == ["beat"]
    scene.ledger.hold(Hold("docs", "count", 7, "7 deletions are held"))
    assert scene.after(300) == []


def test_a_digest(scene: Scene) -> None:
    """At its time, once: how it is and what the last day brought, also when all is well."""
    scene.start(digest="0 * * * *", on=("held",))
    scene.ledger.keep([Happening(NOON, Key("docs", "a.md"), "indexed", "")], None)
    scene.fail("a.md")
    hourly = ["1 failed"] * 2
    assert scene.after(7200) == hourly
    assert scene.listener.told[0]["text"].splitlines()[1:] == [
        "in the last day: 1 indexed, 0 deleted, 0 failed",
        "docs: 1 file failed: no text layer",
    ]


def test_a_digest_after_the_clock_was_wrong(scene: Scene) -> None:
    """A clock that was a year ahead and is set right delays no digest by a year."""
    scene.clock_set_by = 365 * 86400.0
    scene.start(digest="0 * * * *", on=())
    assert scene.after(60) == []
    scene.clock_set_by = 0.0
    assert len(scene.after(7200)) == 2
