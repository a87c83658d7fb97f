"""What is stuck by one look, and is not any more when its turn comes."""

from __future__ import annotations

from pathlib import Path

from kbsync.engine import Happened, Scope
from kbsync.transport import Call
from tests.lives import INDEX_TIMEOUT, LOOK, PACE, Clock, World, a_server
from tests.seams import Points


def test_workers_are_back_between_two_deletions(tmp_path: Path) -> None:
    """Of two stuck documents, the one that is finished while the other is deleted is kept."""
    clock = Clock()
    with a_server("1.16.1", clock) as standin:
        dataset_id = standin.create_dataset("KB")
        world = World(
            tmp_path / "root", tmp_path / "ledger.db", standin, clock, {"docs": dataset_id}
        )
        for name in "ab":
            world.put(f"docs/{name}.md", f"a text about herons, called {name}")
        deleted: list[str] = []

        def revive(call: Call) -> None:
            if call.method == "DELETE":
                deleted.append(call.path)
                standin.revive_workers()
                clock.sleep(2 * PACE)

        standin.kill_workers()
        with world.engine(Points(), lambda points: world.connect(points, watch=revive)) as engine:
            engine.accept(*engine.look([Scope("docs")]))
            for _ in range(2 + round(INDEX_TIMEOUT / LOOK)):
                while engine.work_one(["docs"]):
                    pass
                engine.poll(["docs"])
                clock.sleep(LOOK)
        assert len(deleted) == 1
        assert [event.happened for event in world.events].count(Happened.STUCK) == 1
        world.live()
        assert (
            world.wrong({f"docs/{name}.md": f"a text about herons, called {name}" for name in "ab"})
            == []
        )
