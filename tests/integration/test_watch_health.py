"""What goes wrong with watching: lost events, dead threads, roots that vanish and come back."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kbsync.watch import Dirty, Mark
from kbsync.watch.native import Native
from tests.integration.scanning import denied, public_directory
from tests.integration.test_watch_events import DEADLINE, FILTERS, Clock, Watched

EVERYTHING = Mark("f", "", deep=True)
_QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    return root


def works(watched: Watched, path: str = "a/works.md") -> bool:
    """Whether a file that is written is marked."""
    (watched.root / path).parent.mkdir(exist_ok=True)
    watched.marks()
    (watched.root / path).write_text("x")
    return watched.marks() == [(path, False)]


# Events that the kernel dropped.


class Gate:
    """Holds the thread that reads events up in its first mark."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, mark: Mark) -> None:
        self.reached.set()
        assert self.opened.wait(DEADLINE)


def test_an_overflow_of_the_kernel_s_queue(root: Path) -> None:
    """Lost events are counted, answered by one mark of everything, and all is watched again."""
    size = int(_QUEUE.read_text())
    if size > 50_000:
        pytest.skip(f"{size} events fit into the queue here")
    gate = Gate()
    with Watched(root, on_mark=gate) as watched:
        (root / "first.md").touch()
        assert gate.reached.wait(DEADLINE)
        for number in range(size // 2 + 100):  # each file is created and closed
            (root / f"a/{number}.md").touch()
        (root / "unseen").mkdir()
        gate.opened.set()
        watched.until(lambda marks: EVERYTHING in marks)
        watched.marks()
        assert watched.status().lost_events == 1
        assert watched.status().healthy
        watched.check()
        assert watched.status().rearmed == 0  # the storm may not be over
        watched.check(later=5)
        assert watched.drain() == [EVERYTHING]
        assert watched.status().rearmed == 1
        assert watched.status().lost_events == 1
        assert works(watched, "unseen/x.md")
        watched.check(later=5)
        assert watched.status().rearmed == 1


class Heard:
    """A watch of the kernel's events by itself, with the marks it made."""

    def __init__(self, root: Path) -> None:
        self.clock = Clock()
        self.marks: list[tuple[str, bool]] = []
        self.native = Native(str(root), FILTERS, (), self._mark, self.clock)

    def _mark(self, path: str, deep: bool) -> None:
        self.marks.append((path, deep))


def test_a_storm_is_one_mark(root: Path) -> None:
    """A hundred overflows in a row mark everything once, and set no watch."""
    heard = Heard(root)
    heard.native.arm("test")
    for _ in range(100):
        heard.native.on_queue_overflow()
    assert heard.marks == [("", True)]
    assert (heard.native.overflows, heard.native.watches) == (100, 2)
    heard.native.disarm()


def test_a_storm_that_does_not_end(root: Path) -> None:
    """While overflows go on, everything is marked once in each poll interval."""
    with Watched(root) as watched:
        native = watched.watch._native
        assert native is not None
        for _ in range(60):
            native.on_queue_overflow()
            watched.check(later=1.0)
        native.on_queue_overflow()
        watched.check(later=1.0)
        assert watched.drain() == [EVERYTHING] * 2
        assert watched.status().rearmed == 0
        watched.check(later=2.0)
        assert watched.status().rearmed == 1
        assert watched.status().lost_events == 61


def test_a_root_that_was_away_for_long(root: Path) -> None:
    """A root that comes back is watched at the next look, however often it was looked for."""
    with Watched(root) as watched:
        root.rename(root.with_name("away"))
        for _ in range(200):
            watched.check(later=5)
        assert watched.status().watches == 0
        root.with_name("away").rename(root)
        watched.check(later=1)
        assert watched.status().problem is None
        assert works(watched)


# Threads.


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ends_is_noticed(root: Path) -> None:
    """When the thread that reads events dies, watching is unhealthy until the next look."""
    kill = True

    def on_mark(mark: Mark) -> None:
        if kill and mark.path == "kill.md":
            raise SystemExit

    with Watched(root, on_mark=on_mark) as watched:
        (root / "kill.md").touch()
        assert eventually(lambda: not watched.status().healthy)
        assert watched.status().problem == "the thread that reads events has ended"
        kill = False
        watched.check()
        assert watched.status().healthy
        assert watched.status().rearmed == 1
        assert watched.drain() == [EVERYTHING]
        assert works(watched)


def test_a_mark_that_fails_does_not_end_watching(root: Path) -> None:
    """An exception while a mark is taken is answered by a mark of everything."""

    def on_mark(mark: Mark) -> None:
        if mark.path == "bad.md":
            raise ValueError("bad")

    with Watched(root, on_mark=on_mark) as watched:
        (root / "bad.md").touch()
        (root / "good.md").touch()
        assert set(watched.marks()) == {("good.md", False)}
        assert not watched.status().healthy
        assert "ValueError" in str(watched.status().problem)
        watched.check()
        assert watched.drain() == [EVERYTHING]
        assert watched.status().healthy
        assert works(watched)


def test_a_failure_that_comes_again_is_answered_less_often(root: Path) -> None:
    """When setting the watches anew does not help, the pauses grow, and everything is polled."""

    def on_mark(mark: Mark) -> None:
        if mark.path == "bad.md":
            raise ValueError("bad")

    with Watched(root, on_mark=on_mark) as watched:
        at = []
        for second in range(240):
            (root / "bad.md").write_text("x")  # a touch closes nothing that was written
            assert eventually(lambda: not watched.status().healthy)
            before = watched.status().rearmed
            watched.check(later=1.0)
            if watched.status().rearmed > before:
                at.append(second)
        assert 7 <= len(at) <= 10
        assert [later - earlier for earlier, later in itertools.pairwise(at)][-2:] == [60, 60]
        assert watched.drain().count(EVERYTHING) >= len(at) + 2


def test_a_warning_is_no_end(root: Path) -> None:
    """What makes watchdog warn, which is an error in these tests, ends nothing."""
    with Watched(root) as watched:
        for number in range(50):
            (root / f"{number}/a/b/c").mkdir(parents=True)
            (root / f"{number}/a").rename(root / f"{number}/z")
        watched.marks()
        assert watched.status().healthy
        assert watched.status().watches == 2 + 4 * 50
        assert works(watched, "7/z/b/c/x.md")


# The root.


def test_root_deleted_and_made_again(root: Path) -> None:
    """A root that vanishes is told, marked once, and watched again when it is back."""
    with Watched(root) as watched:
        shutil.rmtree(root)
        watched.check()
        assert watched.drain()[-1] == EVERYTHING
        status = watched.status()
        assert (status.mode, status.watches) == ("native", 0)
        assert status.problem is not None
        assert str(root) in status.problem
        assert status.healthy  # no restart would bring it back
        watched.check(later=2)
        assert watched.drain() == []
        (root / "a").mkdir(parents=True)
        watched.check(later=60)
        assert watched.drain() == [EVERYTHING]
        assert watched.status().problem is None
        assert works(watched)


def test_root_deleted_and_made_again_between_two_looks(root: Path) -> None:
    """A new root under the old name is noticed, even when it has the old one's number on disk."""
    with Watched(root) as watched:
        shutil.rmtree(root)
        root.mkdir()
        watched.until(lambda marks: any(mark.path == "a" for mark in marks))
        (root / "unseen.md").touch()
        assert eventually(lambda: watched.status().watches == 0)
        watched.check()
        assert watched.drain()[-1] == EVERYTHING
        assert watched.status().rearmed == 1
        assert works(watched)


def test_root_moved_away_and_back(root: Path, tmp_path: Path) -> None:
    """A root that is moved away is not watched in its new place, and again when it comes back."""
    with Watched(root) as watched:
        root.rename(tmp_path / "away")
        watched.check()
        assert watched.drain() == [EVERYTHING]
        (tmp_path / "away/a/x.md").write_text("x")
        (tmp_path / "away").rename(root)
        watched.check(later=60)
        assert watched.drain() == [EVERYTHING]
        assert works(watched)


def test_root_replaced_by_another_directory(root: Path, tmp_path: Path) -> None:
    """Another directory under the root's name is noticed, marked, and watched."""
    (tmp_path / "other/b").mkdir(parents=True)
    with Watched(root) as watched:
        root.rename(tmp_path / "away")
        (tmp_path / "other").rename(root)
        watched.check()
        assert watched.drain() == [EVERYTHING]
        assert works(watched, "b/x.md")
        (tmp_path / "away/a/x.md").write_text("x")
        assert watched.marks() == []


def test_a_link_as_root_that_leads_elsewhere(root: Path, tmp_path: Path) -> None:
    """A root that is a link, as to the current release, is followed when it changes."""
    (tmp_path / "other/b").mkdir(parents=True)
    link = tmp_path / "current"
    link.symlink_to(root)
    with Watched(link) as watched:
        (tmp_path / "next").symlink_to(tmp_path / "other")
        (tmp_path / "next").rename(link)
        watched.check()
        assert watched.drain() == [EVERYTHING]
        assert works(watched, "b/x.md")


def test_a_root_that_is_missing_at_first(root: Path) -> None:
    """A root that is missing at the start is watched as soon as it is there."""
    root.rename(root.with_name("later"))
    with Watched(root) as watched:
        assert watched.status().problem is not None
        root.with_name("later").rename(root)
        watched.check(later=1)
        assert watched.drain() == [EVERYTHING]
        assert works(watched)


def test_a_root_that_cannot_be_watched_is_tried_less_often(root: Path) -> None:
    """The pauses between two tries grow from 1 s to 60 s, and start again after a success."""

    def as_file() -> None:
        root.rmdir()
        root.touch()

    def as_directory() -> None:
        root.unlink()
        root.mkdir()

    shutil.rmtree(root)
    root.touch()
    with Watched(root) as watched:
        for pause in (1, 2, 4, 8, 16, 32, 60, 60):
            watched.check(later=pause)
        as_directory()
        watched.check(later=59)
        assert watched.status().rearmed == 0
        watched.check(later=1)
        assert watched.status().rearmed == 1
        as_file()
        watched.check()
        as_directory()
        watched.check(later=1)
        assert watched.status().rearmed == 2


def test_a_root_that_is_a_file(root: Path) -> None:
    """A file in the root's place is a problem, and no end."""
    shutil.rmtree(root)
    root.write_text("x")
    with Watched(root) as watched:
        assert watched.status().problem is not None
        assert watched.status().watches == 0
        root.unlink()
        root.mkdir()
        watched.check(later=60)
        assert works(watched)


def test_directories_that_may_not_be_read() -> None:
    """What may not be watched is told, and watched and marked when it may be."""
    with public_directory() as root:
        for name in ("one", "two"):
            (root / name / "below").mkdir(parents=True)
        with Watched(root) as watched:
            watched.watch.stop()
            (root / "two").chmod(0)
            with denied(root / "one"):
                watched.watch.start()
                problem = watched.status().problem
                assert problem is not None
                assert "cannot be watched: Permission denied" in problem
                assert "1 others" in problem
                assert watched.status().watches == 1
            (root / "two").chmod(0o755)
            watched.check()
            assert {mark.path for mark in watched.drain()} == {"one", "two"}
            assert watched.status().problem is None
            assert watched.status().watches == 5
            assert works(watched, "two/below/x.md")


def test_marks_settle_while_everything_is_in_doubt(root: Path) -> None:
    """The collector hands a watched change on, once, after it has settled."""
    dirty = Dirty()
    dirty.configure("f", 0.05, 5)
    with Watched(root, on_mark=dirty.mark):
        for _ in range(10):
            (root / "a/x.md").write_text("x")
        assert eventually(lambda: dirty.next_due() == 0)
        taken = dirty.take()
    assert taken == [Mark("f", "a/x.md", deep=False)]


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true within the deadline."""
    pause = threading.Event()
    for _ in range(int(DEADLINE * 100)):
        if condition():
            return True
        pause.wait(0.01)
    return False
