"""Where events do not exist: network mounts, mounts below the root, and limits that are met."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from kbsync.filters import Filters
from kbsync.model import SERVER_TYPES
from kbsync.watch import Mark
from tests.integration.test_watch_events import DEADLINE, Watched

EVERYTHING = Mark("f", "", deep=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "share/below").mkdir(parents=True)
    (root / "local").mkdir()
    return root


class Table:
    """A mount table that a test can write."""

    def __init__(self) -> None:
        self.text = "1 0 8:1 / / rw - ext4 /dev/a rw\n"

    def __call__(self) -> str:
        return self.text

    def mount(self, point: Path, kind: str) -> None:
        self.text += f"{self.text.count(chr(10)) + 1} 1 0:9 / {point} rw - {kind} source rw\n"


def test_polling_marks_everything_in_each_interval(root: Path) -> None:
    """A polled folder is marked once in each interval, and uses no watches."""
    with Watched(root, "poll") as watched:
        assert watched.status().mode == "poll"
        assert watched.status().watches == 0
        (root / "local/x.md").write_text("x")
        watched.check(later=59)
        assert watched.drain() == []
        watched.check(later=1)
        watched.check(later=1)
        assert watched.drain() == [EVERYTHING]
        watched.check(later=59)
        assert watched.drain() == [EVERYTHING]


def test_off(root: Path) -> None:
    """A folder that is not to be watched has no mark, no watch and no problem."""
    with Watched(root, "off") as watched:
        (root / "local/x.md").write_text("x")
        watched.check(later=1000)
        assert watched.drain() == []
        assert watched.status().mode == "off"
        assert watched.status().healthy


def test_a_network_mount_is_polled(root: Path) -> None:
    """`auto` polls what sends no events, says so, and does not touch it."""
    table = Table()
    table.mount(root.resolve(), "nfs4")
    with Watched(root, mountinfo=table) as watched:
        status = watched.status()
        assert (status.mode, status.watches, status.problem) == ("poll", 0, None)
        assert status.note is not None
        assert "nfs4" in status.note
        watched.check(later=60)
        assert watched.drain() == [EVERYTHING]


def test_a_network_mount_below_the_root_is_polled(root: Path) -> None:
    """Only the part that sends no events is polled; the rest is watched."""
    table = Table()
    table.mount(root.resolve() / "share", "cifs")
    with Watched(root, mountinfo=table) as watched:
        status = watched.status()
        assert (status.mode, status.watches, status.polled) == ("mixed", 2, ("share",))
        (root / "local/x.md").write_text("x")
        (root / "share/below/x.md").write_text("x")
        assert watched.marks() == [("local/x.md", False)]
        watched.check(later=60)
        assert watched.drain() == [Mark("f", "share", deep=True)]


def test_an_excluded_mount_is_not_polled(root: Path) -> None:
    """A mount that the filters exclude costs nothing."""
    table = Table()
    table.mount(root.resolve() / "share", "cifs")
    filters = Filters((), ("share/",), SERVER_TYPES)
    with Watched(root, filters=filters, mountinfo=table) as watched:
        watched.check(later=60)
        assert watched.drain() == []


def test_native_and_poll_can_be_forced(root: Path) -> None:
    """What is configured is done, whatever the mount table says."""
    table = Table()
    table.mount(root.resolve(), "nfs4")
    with Watched(root, "native", mountinfo=table) as watched:
        assert watched.status().mode == "native"
        assert watched.status().watches == 4
    with Watched(root, "poll", mountinfo=Table()) as watched:
        assert watched.status().mode == "poll"


def test_mounts_that_come_and_go(root: Path) -> None:
    """A mount that appears below the root, or goes, changes how that part is watched."""
    table = Table()
    without = table.text
    with Watched(root, mountinfo=table) as watched:
        assert watched.status().mode == "native"
        table.mount(root.resolve() / "share", "nfs4")
        watched.check()
        assert watched.drain() == [EVERYTHING]
        assert watched.status().mode == "mixed"
        table.mount(Path("/elsewhere"), "nfs4")
        watched.check()
        assert watched.drain() == []
        table.text = without
        watched.check()
        assert watched.drain() == [EVERYTHING]
        assert watched.status().mode == "native"
        (root / "share/below/x.md").write_text("x")
        assert watched.marks() == [("share/below/x.md", False)]


def test_a_root_that_becomes_a_network_mount(root: Path) -> None:
    """A file system mounted over the root is polled, and watched again when it is unmounted."""
    table = Table()
    without = table.text
    with Watched(root, mountinfo=table) as watched:
        table.mount(root.resolve(), "cifs")
        watched.check()
        assert watched.status().mode == "poll"
        assert watched.drain() == [EVERYTHING]
        table.text = without
        watched.check()
        assert watched.status().mode == "native"
        assert watched.drain() == [EVERYTHING]
        (root / "local/x.md").write_text("x")
        assert watched.marks() == [("local/x.md", False)]


# Real limits and real mounts, in namespaces of a child's own.

_CHILD = """
import json, subprocess, sys
from pathlib import Path
from tests.integration.test_watch_events import Watched

def limit(name, value):
    Path("/proc/sys/user", name).write_text(str(value))

def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)

def show(watched):
    status = watched.status()
    told.append([status.mode, status.healthy, status.watches, status.rearmed, status.problem,
                 [[mark.path, mark.deep] for mark in watched.drain()]])

root, told = Path(sys.argv[1]), []
"""


def in_namespace(root: Path, script: str) -> list[list[object]]:
    """Run a script as root of its own user and mount namespace; returns what it told."""
    unshare = ["unshare", "--user", "--map-root-user", "--mount"]
    try:
        subprocess.run([*unshare, "true"], check=True, capture_output=True, timeout=DEADLINE)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no user namespaces here")
    text = f"{_CHILD}{textwrap.dedent(script)}\nprint(json.dumps(told))"
    done = subprocess.run(
        [*unshare, sys.executable, "-W", "error", "-c", text, str(root)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: list[list[object]] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_too_few_watches(root: Path) -> None:
    """Without enough watches a folder is polled, with a text that says how to change that."""
    polled, marked, native = in_namespace(
        root,
        """
        limit("max_inotify_watches", 3)
        with Watched(root) as watched:
            show(watched)
            watched.check(later=60)
            show(watched)
            limit("max_inotify_watches", 4)
            watched.check()
            show(watched)
        """,
    )
    mode, healthy, watches, _, problem, _ = polled
    assert (mode, healthy, watches) == ("poll", True, 0)
    assert isinstance(problem, str)
    assert "needs 4 inotify watches" in problem
    assert "the limit is 3" in problem
    assert "sysctl -w user.max_inotify_watches=8" in problem
    assert "Polled every 60 s" in problem
    assert marked[-1] == [["", True]]
    assert native == ["native", True, 4, 1, None, [["", True]]]


def test_too_few_watches_later(root: Path) -> None:
    """A directory too many, made while the folder is watched, makes it polled."""
    broken, told = in_namespace(
        root,
        """
        limit("max_inotify_watches", 5)
        with Watched(root) as watched:
            (root / "one").mkdir()
            (root / "one" / "too many").mkdir()
            watched.marks()
            show(watched)
            watched.check()
            show(watched)
        """,
    )
    assert broken[:3] == ["native", False, 5]
    mode, healthy, watches, _, problem, marks = told
    assert (mode, healthy, watches) == ("poll", True, 0)
    assert "needs 6 inotify watches" in str(problem)
    assert marks == [["", True]]


def test_no_instance_is_free(root: Path) -> None:
    """Where no more inotify instances are to be had, the text names that limit."""
    polled, native = in_namespace(
        root,
        """
        limit("max_inotify_instances", 0)
        with Watched(root) as watched:
            show(watched)
            limit("max_inotify_instances", 1)
            watched.check()
            show(watched)
        """,
    )
    assert polled[0] == "poll"
    assert "sysctl -w user.max_inotify_instances=2" in str(polled[4])
    assert native[:3] == ["native", True, 4]


def test_a_real_mount_below_the_root(root: Path) -> None:
    """A local file system mounted below the root is watched, from the next look on."""
    told = in_namespace(
        root,
        """
        with Watched(root) as watched:
            mount("-t", "tmpfs", "none", str(root / "share"))
            (root / "share/new").mkdir()
            watched.check()
            show(watched)
            (root / "share/new/x.md").write_text("x")
            told.append(watched.marks())
            subprocess.run(["umount", str(root / "share")], check=True)
            watched.check()
            show(watched)
            (root / "share/below/x.md").write_text("x")
            told.append(watched.marks())
        """,
    )
    assert told == [
        ["native", True, 4, 1, None, [["", True]]],
        [["share/new/x.md", False]],
        ["native", True, 4, 2, None, [["", True]]],
        [["share/below/x.md", False]],
    ]


def test_a_real_mount_over_the_root(root: Path) -> None:
    """Another file system mounted over the root is noticed, and so is its end."""
    told = in_namespace(
        root,
        """
        with Watched(root) as watched:
            mount("-t", "tmpfs", "none", str(root))
            watched.check()
            show(watched)
            told.append(watched.marks())
            (root / "x.md").write_text("x")
            told.append(watched.marks())
            subprocess.run(["umount", str(root)], check=True)
            watched.check()
            show(watched)
        """,
    )
    assert [told[0][2:4], told[3][2:4]] == [[1, 1], [4, 2]]
    assert told[0][-1] == [["", True]]
    assert told[2] == [["x.md", False]]


def test_a_bind_mount_below_the_root(root: Path, tmp_path: Path) -> None:
    """A bind mount of a local directory is watched in its place below the root."""
    (tmp_path / "elsewhere").mkdir()
    told = in_namespace(
        root,
        """
        mount("--bind", str(root.parent / "elsewhere"), str(root / "share"))
        with Watched(root) as watched:
            show(watched)
            (root.parent / "elsewhere/x.md").write_text("x")
            told.append(watched.marks())
        """,
    )
    assert told[0][:3] == ["native", True, 3]
    assert told[1] == [["share/x.md", False]]
