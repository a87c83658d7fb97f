"""Dirty: what is marked settles, is collapsed, and is never lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kbsync.watch import Dirty, Mark
from kbsync.watch.pending import MOST_OF_DIRECTORY, MOST_OF_FOLDER

SETTLE, MAX_DELAY = 2.0, 60.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dirty(clock: Clock) -> Dirty:
    dirty = Dirty(clock=clock)
    dirty.configure("f", SETTLE, MAX_DELAY)
    return dirty


def file(path: str) -> Mark:
    return Mark("f", path, deep=False)


def below(path: str) -> Mark:
    return Mark("f", path, deep=True)


def test_a_mark_is_taken_when_it_has_been_quiet_for_settle(dirty: Dirty, clock: Clock) -> None:
    """A mark is handed on once, when nothing has repeated it for as long as `settle`."""
    dirty.mark(file("a.md"))
    clock.advance(SETTLE - 0.1)
    assert dirty.take() == []
    clock.advance(0.1)
    assert dirty.take() == [file("a.md")]
    assert dirty.take() == []


def test_a_repeated_mark_starts_its_quiet_time_again(dirty: Dirty, clock: Clock) -> None:
    """Each save puts the file's turn off, and no other file's."""
    dirty.mark(file("a.md"))
    dirty.mark(file("b.md"))
    clock.advance(1.5)
    dirty.mark(file("a.md"))
    clock.advance(0.5)
    assert dirty.take() == [file("b.md")]
    clock.advance(1.5)
    assert dirty.take() == [file("a.md")]


def test_a_file_that_never_rests_is_taken_after_max_delay(dirty: Dirty, clock: Clock) -> None:
    """A file written every 0.4 s is handed on after `max_delay`, and then again."""
    waits = []
    last = clock.now
    for _ in range(400):
        dirty.mark(file("log.md"))
        clock.advance(0.4)
        if dirty.take():
            waits.append(clock.now - last)
            last = clock.now
    assert len(waits) == 2
    assert max(waits) <= MAX_DELAY + 0.4 + 0.01


def test_what_lies_below_a_deep_mark_is_part_of_it(dirty: Dirty, clock: Clock) -> None:
    """A deep mark swallows the marks below it, earlier and later ones, and is restarted by them."""
    dirty.mark(file("a/b/c.md"))
    dirty.mark(file("ab.md"))
    dirty.mark(below("a"))
    clock.advance(1)
    dirty.mark(file("a/b/d.md"))
    clock.advance(1)
    assert dirty.take() == [file("ab.md")]
    clock.advance(1)
    assert dirty.take() == [below("a")]


def test_a_deep_mark_is_as_old_as_the_oldest_that_it_swallowed(dirty: Dirty, clock: Clock) -> None:
    """Collapsing does not start `max_delay` again."""
    dirty.mark(file("a/b.md"))
    for _ in range(59):
        clock.advance(1)
        dirty.mark(file("a/b.md"))
    dirty.mark(below("a"))
    clock.advance(1)
    assert dirty.take() == [below("a")]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(MOST_OF_DIRECTORY, None), (MOST_OF_DIRECTORY + 1, "many")],
)
def test_many_files_of_a_directory_become_the_directory(
    dirty: Dirty, clock: Clock, count: int, expected: str | None
) -> None:
    """Up to 128 marks of a directory stay what they are; one more makes it one deep mark."""
    for number in range(count):
        dirty.mark(file(f"many/{number}.md"))
    dirty.mark(file("few/a.md"))
    clock.advance(SETTLE)
    deep = [mark.path for mark in dirty.take() if mark.deep]
    assert deep == ([expected] if expected else [])


def test_marks_all_over_a_folder_become_the_folder(dirty: Dirty, clock: Clock) -> None:
    """More than 512 marks in one folder make one of all of it, and other folders keep theirs."""
    dirty.mark(Mark("other", "a.md", deep=False))
    for number in range(MOST_OF_FOLDER + 1):
        dirty.mark(file(f"{number}/a.md"))
    clock.advance(SETTLE)
    assert sorted(dirty.take(), key=repr) == [below(""), Mark("other", "a.md", deep=False)]


def test_the_root_is_always_meant_with_all_of_it(dirty: Dirty, clock: Clock) -> None:
    """The path "" is the whole folder, however it was marked."""
    dirty.mark(Mark("f", "", deep=False))
    clock.advance(SETTLE)
    assert dirty.take() == [below("")]


def test_a_mark_that_is_not_quiet_goes_on_waiting(dirty: Dirty, clock: Clock) -> None:
    """Whoever takes can say that a file still changes: it is asked again after `settle`."""
    dirty.mark(file("a.md"))
    clock.advance(SETTLE)
    assert dirty.take(quiet=lambda mark: False) == []
    assert dirty.next_due() == SETTLE
    clock.advance(SETTLE)
    assert dirty.take(quiet=lambda mark: True) == [file("a.md")]


def test_after_max_delay_nobody_is_asked(dirty: Dirty, clock: Clock) -> None:
    """A file that is never quiet is handed on after `max_delay` all the same."""
    dirty.mark(file("a.md"))
    clock.advance(MAX_DELAY)
    assert dirty.take(quiet=lambda mark: False) == [file("a.md")]


def test_a_mark_made_while_others_are_asked_about_is_kept(dirty: Dirty, clock: Clock) -> None:
    """A change that comes while `quiet` looks at the file is not taken for settled."""

    def changed_meanwhile(mark: Mark) -> bool:
        clock.advance(0.5)
        dirty.mark(mark)
        return True

    dirty.mark(file("a.md"))
    clock.advance(SETTLE)
    assert dirty.take(quiet=changed_meanwhile) == []
    clock.advance(SETTLE)
    assert dirty.take() == [file("a.md")]


def test_a_failing_question_loses_nothing(dirty: Dirty, clock: Clock) -> None:
    """When `quiet` raises, the marks are still there."""

    def broken(mark: Mark) -> bool:
        raise OSError("no disk")

    dirty.mark(file("a.md"))
    clock.advance(SETTLE)
    with pytest.raises(OSError, match="no disk"):
        dirty.take(quiet=broken)
    assert dirty.take() == [file("a.md")]


def test_it_tells_when_to_come_again(dirty: Dirty, clock: Clock) -> None:
    """`next_due` counts down to the next take, `oldest` up from the first mark."""
    assert dirty.next_due() is None
    assert dirty.oldest() is None
    dirty.mark(file("a.md"))
    clock.advance(0.5)
    dirty.mark(file("b.md"))
    assert dirty.next_due() == pytest.approx(SETTLE - 0.5)
    assert dirty.oldest() == pytest.approx(0.5)
    clock.advance(10)
    assert dirty.next_due() == 0


def test_each_folder_settles_in_its_own_time(dirty: Dirty, clock: Clock) -> None:
    """`settle` and `max_delay` are a folder's own, and can be set at any time."""
    dirty.configure("slow", 30, 600)
    dirty.mark(Mark("slow", "a.md", deep=False))
    dirty.mark(file("a.md"))
    clock.advance(SETTLE)
    assert dirty.take() == [file("a.md")]
    dirty.configure("slow", 1, 600)
    assert dirty.take() == [Mark("slow", "a.md", deep=False)]


def test_the_first_mark_of_a_folder_is_told(dirty: Dirty, clock: Clock) -> None:
    """Whoever sleeps until something is due needs to wake only for the first mark of a folder."""
    dirty.configure("quick", 0.1, 1)
    assert dirty.mark(file("a.md"))
    assert not dirty.mark(file("a.md"))
    assert not dirty.mark(below("b"))
    assert dirty.mark(Mark("quick", "a.md", deep=False))
    assert dirty.next_due() == pytest.approx(0.1)
    clock.advance(SETTLE)
    assert len(dirty.take()) == 3
    assert dirty.mark(file("a.md"))


def test_threads_can_mark_while_others_take() -> None:
    """What four threads mark while a fifth takes is all taken, in one piece or another."""
    dirty = Dirty()
    dirty.configure("f", 0, 1)
    names = [[f"{thread}/{number}.md" for number in range(500)] for thread in range(4)]

    def mark_all(mine: list[str]) -> None:
        for name in mine:
            dirty.mark(file(name))

    threads = [threading.Thread(target=mark_all, args=(mine,)) for mine in names]
    taken: list[Mark] = []
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or dirty.next_due() is not None:
        taken += dirty.take()
    assert all(any(covers(mark, name) for mark in taken) for mine in names for name in mine)


def covers(mark: Mark, path: str) -> bool:
    under = mark.path == "" or path.startswith(f"{mark.path}/")
    return mark.path == path or (mark.deep and under)


# Properties: any sequence of marks, pauses and takes.

names = st.sampled_from(["a", "b", "c", "a.md", "b.md"])
paths = st.lists(names, min_size=1, max_size=4).map("/".join)
marks = st.tuples(st.just("mark"), paths, st.booleans())
bursts = st.tuples(st.just("burst"), paths, st.integers(1, 700))
spreads = st.tuples(st.just("spread"), paths, st.integers(1, 700))
pauses = st.tuples(st.just("pause"), st.floats(0, 40), st.none())
takes = st.tuples(st.just("take"), st.booleans(), st.none())


@dataclass
class Run:
    """Does what hypothesis asks for, and remembers what has been marked and not been taken."""

    clock: Clock = field(default_factory=Clock)
    waiting: dict[tuple[str, bool], float] = field(default_factory=dict)
    most: int = 0

    def __post_init__(self) -> None:
        self.dirty = Dirty(clock=self.clock)
        self.dirty.configure("f", SETTLE, MAX_DELAY)

    def mark(self, path: str, deep: bool) -> None:
        self.dirty.mark(Mark("f", path, deep))
        self.waiting.setdefault((path, deep), self.clock.now)

    def take(self, quiet: Callable[[Mark], bool]) -> None:
        for mark in self.dirty.take(quiet=quiet):
            covered = [
                (path, deep)
                for path, deep in self.waiting
                if covers(mark, path) and (mark.deep or not deep)
            ]
            for key in covered:
                del self.waiting[key]

    def do(self, step: tuple[str, object, object]) -> None:
        match step:
            case ("mark", str(path), bool(deep)):
                self.mark(path, deep)
            case ("burst", str(path), int(count)):
                for number in range(count):
                    self.mark(f"{path}/{number}.md", False)
            case ("spread", str(path), int(count)):
                for number in range(count):
                    self.mark(f"{path}/{number}/x.md", False)
            case ("pause", float(seconds), None):
                self.clock.advance(seconds)
            case ("take", bool(quiet), None):
                self.take(lambda mark: quiet)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(marks, bursts, spreads, pauses, takes), max_size=25))
def test_nothing_marked_is_ever_lost(steps: list[tuple[str, object, object]]) -> None:
    """Whatever is marked is covered by a mark taken later, in bounded memory and bounded time."""
    run = Run()
    for step in steps:
        run.do(step)
        assert len(run.dirty._folders["f"].entries) <= MOST_OF_FOLDER
        if step[0] == "take":
            assert all(run.clock.now - since < MAX_DELAY for since in run.waiting.values())
            assert (run.dirty.oldest() or 0.0) < MAX_DELAY
    run.clock.advance(MAX_DELAY)
    run.take(lambda mark: False)
    assert run.waiting == {}
    assert run.dirty.next_due() is None
    assert run.dirty._folders["f"]._count_of == {}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(marks, bursts, spreads, takes), max_size=15))
def test_no_mark_lies_below_another_that_covers_it(
    steps: list[tuple[str, object, object]],
) -> None:
    """What is taken together is collapsed: nothing is to be looked at twice."""
    run = Run()
    for step in steps:
        run.do(step)
    run.clock.advance(SETTLE)
    taken = run.dirty.take()
    doubled = [
        (one, other)
        for one in taken
        if one.deep
        for other in taken
        if one is not other and covers(one, other.path)
    ]
    assert doubled == []
