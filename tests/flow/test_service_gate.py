"""What the service says of its server: away, refusing, and well again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx

from kbsync.assembly import opened
from kbsync.config import load
from kbsync.engine import Scope
from kbsync.engine.engine import Engine
from kbsync.errors import Denied, Unavailable
from kbsync.service.gate import Gate
from kbsync.service.traffic import Sender
from kbsync.standin import Fault

from .place import Place, a_place


class Now:
    """A clock that the test moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def gate_and_sender(engine: Engine, clock: Now) -> tuple[Gate, Callable[[], float]]:
    gate = Gate(["docs"], clock=clock, chance=lambda: 0.5)
    sender = Sender(engine, gate, lambda: engine.clock() + clock.now, lambda: None)
    return gate, sender.step


def synced(place: Place) -> None:
    place.write("a.md", "a page about otters")
    assert place.kbsync("reconcile").code == 0
    place.calls()


def test_a_server_is_well_again_without_work_to_send(tmp_path: Path) -> None:
    """After an outage the server is asked a small question: nobody is told of old trouble."""
    with a_place(tmp_path) as place:
        synced(place)
        with opened(load(place.config)) as engine:
            clock = Now()
            gate, step = gate_and_sender(engine, clock)
            place.standin.faults.add(Fault("outage", times=None))
            gate.missed(Unavailable("the server did not answer an audit"))
            clock.now += step()
            assert step() > 0
            assert "no answer" in str(gate.problem)
            place.standin.faults.clear()
            clock.now += 1000
            assert step() == 3600.0
            assert gate.problem is None
            assert place.calls().total() > 0
            assert step() == 3600.0
            assert place.calls().total() == 0


def test_a_folder_is_accepted_again(tmp_path: Path) -> None:
    """A folder that the server refused for a while is told as refused only until it is not."""
    with a_place(tmp_path) as place:
        place.configure(dataset="Other")
        with opened(load(place.config)) as engine:
            clock = Now()
            gate, step = gate_and_sender(engine, clock)
            place.write("b.md", "a page about voles")
            engine.accept(*engine.look([Scope("docs")]))
            step()
            assert "no dataset" in str(gate.problem)
            assert gate.open_folders() == []
            place.standin.create_dataset("Other")
            clock.now += 61
            while step() == 0.0:
                pass
            assert gate.problem is None


def test_a_dataset_that_is_deleted_while_it_is_filled(tmp_path: Path) -> None:
    """The service makes it anew and sends everything to it, without being started again."""
    with a_place(tmp_path) as place:
        place.configure(create_dataset=True)
        with opened(load(place.config)) as engine:
            clock = Now()
            gate, step = gate_and_sender(engine, clock)
            for name in ("a.md", "b.md"):
                place.write(name, f"a page about voles in {name}")
            engine.accept(*engine.look([Scope("docs")]))
            while step() == 0.0:
                pass
            headers = {"Authorization": f"Bearer {place.standin.key}"}
            datasets = f"{place.base_url}/datasets"
            httpx.delete(f"{datasets}/{place.dataset_id}", headers=headers).raise_for_status()
            place.write("b.md", "a page about herons")
            engine.accept(*engine.look([Scope("docs")]))
            step()
            assert "Dataset not found" in str(gate.problem)
            clock.now += 61
            while step() == 0.0:
                pass
            assert gate.problem is None
            (made,) = httpx.get(datasets, headers=headers).json()["data"]
            assert (made["name"], made["document_count"]) == ("KB", 2)


def test_a_key_is_accepted_again() -> None:
    """What the server said of all folders at once is over when it accepts one of them."""
    gate = Gate(["a", "b", "c"], chance=lambda: 0.5)
    gate.refused(Denied("the key is refused"))
    gate.refused(Denied("folder c: no such dataset", folder="c"))
    gate.answered("a")
    assert gate.open_folders() == ["a", "b"]
    assert gate.problem == "folder c: no such dataset"
