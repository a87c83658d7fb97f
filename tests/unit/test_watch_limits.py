"""The kernel's limits: which one was met, and how to raise it."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from kbsync.filters import Filters
from kbsync.watch.limits import count_directories, explained, is_limit, limits

WATCHES = OSError(errno.ENOSPC, "inotify watch limit reached")
INSTANCES = OSError(errno.EMFILE, "inotify instance limit reached")


def proc(tmp_path: Path, **values: int) -> Path:
    for name, value in values.items():
        path = tmp_path / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")
    return tmp_path


def test_too_few_watches(tmp_path: Path) -> None:
    """The text has what is needed, what the limit is, and the line that raises it enough."""
    here = proc(tmp_path, fs__inotify__max_user_watches=8192)
    text = explained(WATCHES, 20_000, here)
    assert "needs 20,000 inotify watches" in text
    assert "the limit is 8,192" in text
    assert "sysctl -w fs.inotify.max_user_watches=65536" in text


def test_the_lower_limit_of_a_container(tmp_path: Path) -> None:
    """Where a container has a lower limit of its own, that one is named."""
    here = proc(tmp_path, fs__inotify__max_user_watches=8192, user__max_inotify_watches=100)
    assert "sysctl -w user.max_inotify_watches=512" in explained(WATCHES, 200, here)


def test_no_instance(tmp_path: Path) -> None:
    """Instances have a limit of their own, beside that of open files."""
    here = proc(tmp_path, fs__inotify__max_user_instances=128)
    text = explained(INSTANCES, 20_000, here)
    assert "sysctl -w fs.inotify.max_user_instances=256" in text
    assert "LimitNOFILE" in text


def test_a_limit_that_cannot_be_read(tmp_path: Path) -> None:
    """Where there is nothing to read, the text still says what to do."""
    text = explained(WATCHES, 1000, tmp_path)
    assert "the limit is unknown" in text
    assert "sysctl -w fs.inotify.max_user_watches=2048" in text
    assert limits(tmp_path) == (None, None)


def test_a_system_without_inotify() -> None:
    """Any other refusal is told in the system's words."""
    assert "Function not implemented" in explained(
        OSError(errno.ENOSYS, "Function not implemented"), 1
    )


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.ENOSPC, True), (errno.EMFILE, True), (errno.ENOENT, False), (errno.EACCES, False)],
)
def test_what_is_a_limit(number: int, expected: bool) -> None:
    """A missing root is no limit: polling would not help."""
    assert is_limit(OSError(number, "x")) is expected


def test_counting_directories(tmp_path: Path) -> None:
    """Counted is what would be watched: neither what is excluded, nor polled, nor behind links."""
    for path in ("a/b", "drafts/c", "share/d/e"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "a/loop").symlink_to("..")
    filters = Filters((), ("drafts/",), frozenset({"md"}))
    assert count_directories(str(tmp_path), filters, ("share",)) == 3
