"""What a run makes of a server that cuts, lies, refuses and stays away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from kbsync.model import State
from kbsync.standin import Fault, running

from .place import Place, a_place

CREATE = r"/document/create-by-file$|/documents$"


def three_files(place: Place) -> None:
    for number in range(3):
        place.write(f"{number}.md", f"document number {number}, about voles and their burrows")


@pytest.mark.parametrize("behave", ["1.10.1", "1.16.1"])
@pytest.mark.parametrize("kind", ["cut-after", "500-after", "cut-before", "500-before"])
def test_a_lost_answer_doubles_nothing(tmp_path: Path, kind: str, behave: str) -> None:
    """Whether a create without an answer happened or not, one document per file is there."""
    with a_place(tmp_path, behave=behave) as place:
        three_files(place)
        place.standin.faults.add(Fault(kind, "POST", CREATE, times=2))  # type: ignore[arg-type]  # from the list above
        said = place.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        place.equal()


def test_an_edit_after_a_lost_answer(tmp_path: Path) -> None:
    """A document made by a call without an answer goes, when its file was edited meanwhile."""
    with a_place(tmp_path) as place:
        place.write("a.md", "first version, about herons and their nests in the old poplars")
        place.standin.faults.add(Fault("cut-after", "POST", CREATE))
        place.standin.faults.add(Fault("cut-before", "GET", times=None))
        assert place.kbsync("reconcile", "--timeout", "1").code in {3, 5}
        place.standin.faults.clear()
        assert len(place.documents()) <= 1
        place.write("a.md", "second version, about herons and their nests in the new poplars")
        assert place.kbsync("reconcile").code == 0
        place.equal()


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_too_many_requests(tmp_path: Path, seconds: float) -> None:
    """A 429 is waited out, with and without Retry-After."""
    with a_place(tmp_path) as place:
        three_files(place)
        place.standin.faults.add(Fault("429", "POST", CREATE, times=2, seconds=seconds))
        assert place.kbsync("reconcile").code == 0
        place.equal()


@pytest.mark.parametrize("kind", ["cut-after", "500-after", "500-before"])
def test_a_lost_answer_to_a_delete(tmp_path: Path, kind: str) -> None:
    """A delete without an answer is made sure of."""
    with a_place(tmp_path) as place:
        three_files(place)
        assert place.kbsync("reconcile").code == 0
        (place.root / "1.md").unlink()
        place.standin.faults.add(Fault(kind, "DELETE", times=1))  # type: ignore[arg-type]  # from the list above
        assert place.kbsync("reconcile").code == 0
        place.equal()


def test_pages_that_shift(tmp_path: Path) -> None:
    """Documents that others add while the list is read do not make ours look gone."""
    with a_place(tmp_path) as place:
        for number in range(130):
            place.write(f"{number}.md", f"document number {number}, about voles and their burrows")
        place.standin.faults.add(Fault("shift-insert", times=3))
        place.standin.faults.add(Fault("shift-skip", times=2))
        said = place.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        live = place.live()
        assert len(live) == 130
        assert len([one for one in place.documents() if one.created_from == "api"]) == 130


def test_a_key_that_is_refused(tmp_path: Path) -> None:
    """A wrong key is one line that says where to find the right one, exit 5, nothing lost."""
    with a_place(tmp_path) as place:
        three_files(place)
        place.configure(api_key="dataset-wrong")
        said = place.kbsync("reconcile")
        assert said.code == 5
        assert "key" in said.err
        assert len(said.err.strip().splitlines()) == 1, said.err
        assert "dataset-wrong" not in said.out + said.err
        place.configure(api_key=place.standin.key)
        assert place.kbsync("reconcile").code == 0
        place.equal()


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    """A refused connection is exit 5 and one line; the next run does it all."""
    with a_place(tmp_path) as place:
        three_files(place)
        place.part_from_server()
        said = place.kbsync("reconcile")
        assert said.code == 5
        assert "127.0.0.1" in said.err
        place.configure(base_url=place.base_url)
        assert place.kbsync("reconcile").code == 0
        place.equal()


@pytest.mark.parametrize("style", ["auto", "dify"])
def test_a_server_that_is_known(tmp_path: Path, style: str) -> None:
    """Whether an address is right is asked only of one that never answered, by each command."""
    with a_place(tmp_path) as place:
        place.configure(api_style=style)
        place.write("a.md", "a document about beavers")
        asked = "check server.base_url"
        with running(place.standin) as url:
            place.configure(base_url=url)
            assert place.kbsync("reconcile").code == 0
            place.write("b.md", "a document about voles")
        for command in ("reconcile", "status", "search voles"):
            said = place.kbsync(*command.split())
            assert "cannot be reached" in said.out + said.err, command
            assert asked not in said.out + said.err, command
        place.part_from_server()
        for command in ("reconcile", "status", "search voles"):
            said = place.kbsync(*command.split())
            assert asked in said.out + said.err, command


def test_a_wrong_path(tmp_path: Path) -> None:
    """An address that answers, but not as Dify does, is told as such."""
    with a_place(tmp_path) as place:
        three_files(place)
        place.configure(base_url=place.base_url.replace("/v1", "/wrong/v1"))
        said = place.kbsync("reconcile")
        assert said.code == 5
        assert "base_url" in said.err


def test_a_run_is_killed(tmp_path: Path) -> None:
    """A process killed in the middle of its uploads leaves nothing doubled and nothing lost."""
    with a_place(tmp_path) as place:
        for number in range(60):
            place.write(f"{number}.md", f"document number {number}, about voles and their burrows")
        place.standin.faults.add(Fault("delay", "POST", CREATE, times=None, seconds=0.05))
        process = subprocess.Popen(
            [sys.executable, "-m", "kbsync", "reconcile", "--config", str(place.config)],
            stdout=subprocess.DEVNULL,
        )
        while len(place.standin.requests) < 25:
            assert process.poll() is None
            os.sched_yield()
        process.send_signal(signal.SIGKILL)
        process.wait()
        place.standin.faults.clear()
        said = place.kbsync("reconcile")
        assert said.code == 0, said.out + said.err
        place.equal()


def test_a_run_is_interrupted(tmp_path: Path) -> None:
    """Ctrl-C finishes the documents under way, says how to go on, and exits with 130."""
    with a_place(tmp_path) as place:
        for number in range(60):
            place.write(f"{number}.md", f"document number {number}, about voles and their burrows")
        place.standin.faults.add(Fault("delay", "POST", CREATE, times=None, seconds=0.05))
        process = subprocess.Popen(
            [sys.executable, "-m", "kbsync", "reconcile", "--config", str(place.config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        while len(place.standin.requests) < 25:
            assert process.poll() is None
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        assert process.returncode == 130
        assert err.strip() == "kbsync: stopped; the next run goes on from there"
        place.standin.faults.clear()
        assert place.kbsync("reconcile").code == 0
        place.equal()


def test_a_document_that_fails_for_a_while(tmp_path: Path) -> None:
    """One file that the server cannot take at the moment does not keep the others from going."""
    with a_place(tmp_path) as place:
        three_files(place)
        place.standin.faults.add(Fault("index-error", name="^1 ", times=None, text="out of quota"))
        said = place.kbsync("reconcile")
        assert said.code == 3
        assert "out of quota" in said.line("failed   docs/1.md")
        assert set(place.live()) == {"0.md", "2.md"}
        place.standin.faults.clear()
        place.kbsync("retry")
        assert place.kbsync("reconcile").code == 0
        place.equal()


def test_a_document_that_disappears(tmp_path: Path) -> None:
    """A document deleted by somebody while it is being indexed is made again."""
    moment = [1000.0]
    with a_place(tmp_path, pace=60.0, clock=lambda: moment[0]) as place:
        place.write("a.md", "a document about beavers, long enough to be believed at once")
        assert place.kbsync("reconcile", "--no-wait").code == 0

        document = place.documents()[0]
        httpx.delete(
            f"{place.base_url}/datasets/{place.dataset_id}/documents/{document.id}",
            headers={"Authorization": f"Bearer {place.standin.key}"},
        )
        moment[0] += 100
        place.kbsync("reconcile", "--no-wait")
        moment[0] += 100
        assert place.kbsync("reconcile", "--no-wait").code == 0
        moment[0] += 100
        assert place.kbsync("reconcile").code == 0
        assert place.record("a.md").state is State.COMPLETED
        place.equal()


def test_one_file_and_no_server(tmp_path: Path) -> None:
    """An unreachable server is exit 5 with its cause, however little there was to do."""
    with a_place(tmp_path) as place:
        place.write("a.md", "a document about beavers")
        place.part_from_server()
        said = place.kbsync("reconcile")
        assert said.code == 5
        assert "nothing is lost, run it again later" in said.err


def test_a_server_that_wants_an_hour(tmp_path: Path) -> None:
    """A Retry-After beyond patience ends the run at once and says how long the server asked."""
    with a_place(tmp_path) as place:
        three_files(place)
        place.standin.faults.add(Fault("429", "POST", CREATE, times=None, seconds=3600))
        said = place.kbsync("reconcile", "--timeout", "20")
        assert said.code == 5
        assert place.record("0.md").state is State.PENDING
        place.standin.faults.clear()
        assert place.kbsync("reconcile").code == 0
        place.equal()


def test_a_root_that_vanishes_in_the_middle(tmp_path: Path) -> None:
    """Files of a root that goes away during a run are left for later, and none is failed."""
    with a_place(tmp_path) as place:
        for number in range(60):
            place.write(f"{number}.md", f"document number {number}, about voles and their burrows")
        place.standin.faults.add(Fault("delay", "POST", CREATE, times=None, seconds=0.05))
        with subprocess.Popen(
            [sys.executable, "-m", "kbsync", "reconcile", "--config", str(place.config)],
            stdout=subprocess.DEVNULL,
        ) as process:
            while len(place.standin.requests) < 20:
                assert process.poll() is None
                os.sched_yield()
            place.root.rename(tmp_path / "away")
            process.wait()
        place.standin.faults.clear()
        (tmp_path / "away").rename(place.root)
        said = place.kbsync("reconcile", "--json")
        assert said.code == 0, said.out + said.err
        assert said.json["folders"][0]["counts"]["failed"] == 0
        place.equal()
