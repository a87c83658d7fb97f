"""Ignore files and markers in real folders: git's own answers, and what cannot be read."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kbsync import scan
from kbsync.filters import Admitted, Excluded, Filters
from kbsync.model import SERVER_TYPES, Key, Problem, Skipped
from kbsync.scan.entering import _LONGEST
from tests.integration.scanning import ALL, denied, public_directory, seen_paths, walked

TAG = "Signature: 8a477f597d28d172789f06886806bc55"


def make(root: Path, **files: str) -> None:
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_md", ".md")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def ignore(directory: Path, *lines: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / ".kbsyncignore").write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def public() -> Iterator[Path]:
    with public_directory() as path:
        yield path


def test_an_ignore_file_is_for_its_directory_and_below(tmp_path: Path) -> None:
    """The deepest file that says anything decides, and each tells its line."""
    make(tmp_path, a_md="a", IT__a_md="a", IT__old__a_md="a", HR__a_md="a", IT__b_md="a")
    ignore(tmp_path, "# ours", "", "a.md")
    ignore(tmp_path / "IT", "old/", "!a.md")

    assert seen_paths(walked(tmp_path)) == ["IT/a.md", "IT/b.md"]
    assert decided(tmp_path, "a.md") == Excluded('.kbsyncignore line 3 "a.md"')
    assert decided(tmp_path, "IT/a.md") == Admitted('IT/.kbsyncignore line 2 "!a.md"')
    assert decided(tmp_path, "IT/old") == Excluded('IT/.kbsyncignore line 1 "old/"')
    assert decided(tmp_path, "IT/old/a.md") == Excluded('IT/.kbsyncignore line 1 "old/"')


def test_what_is_not_there_is_decided_about(tmp_path: Path) -> None:
    """A path that does not exist has the answer that it would have."""
    ignore(tmp_path / "IT", "old/", "*.csv")

    assert decided(tmp_path, "IT/x.md") == Admitted("type .md")
    assert decided(tmp_path, "IT/new/x.csv") == Excluded('IT/.kbsyncignore line 2 "*.csv"')
    assert decided(tmp_path, "IT/new/old/x.md") == Excluded('IT/.kbsyncignore line 1 "old/"')
    assert decided(tmp_path, "HR/x.csv") == Admitted("type .csv")
    assert decided(tmp_path / "gone", "HR/x.csv") == Admitted("type .csv")


def test_the_configuration_has_the_last_word(tmp_path: Path) -> None:
    """An ignore file admits nothing that the configuration or a built-in rule excludes."""
    make(tmp_path, secret_md="a", keep_md="a", other_md="a")
    (tmp_path / "x.tmp").write_text("a")
    ignore(tmp_path, "!secret.md", "keep.md", "!*.tmp", "other.md")
    filters = Filters([], ["secret.md", "!keep.md"], SERVER_TYPES | {"tmp"})

    assert seen_paths(walked(tmp_path, filters=filters)) == ["keep.md"]


def test_a_file_of_another_system(tmp_path: Path) -> None:
    """A byte order mark and line ends of another system are no part of a pattern."""
    make(tmp_path, a_md="a", b_md="a")
    (tmp_path / ".kbsyncignore").write_bytes(b"\xef\xbb\xbfa.md\r\nb.md")

    assert seen_paths(walked(tmp_path)) == []


def test_a_marker_leaves_out_its_directory(tmp_path: Path) -> None:
    """A directory that holds a marker is left out, whatever the marker is."""
    make(tmp_path, a_md="a", x__a_md="a", x__y__a_md="a", z__a_md="a")
    (tmp_path / "x/.nobackup").touch()
    (tmp_path / "z/.skip").mkdir()
    filters = Filters([], [], SERVER_TYPES, markers=[".nobackup", ".skip"])

    assert seen_paths(walked(tmp_path, filters=filters)) == ["a.md"]
    assert len(walked(tmp_path)) == 5  # the marker itself is a file without a type
    reason = Excluded('exclude_if_present ".nobackup", which is in x')
    for path in ("x", "x/a.md", "x/y/a.md", "x/y/new.md"):
        assert scan.decide(tmp_path, Key("f", path), filters) == reason
        assert scan.look(tmp_path, Key("f", path), filters, max_size=9) is None
    assert list(scan.walk(tmp_path, "f", filters, max_size=9, below="x/y")) == []


def test_a_cache_is_left_out(tmp_path: Path) -> None:
    """Only a real CACHEDIR.TAG marks a cache, and that can be switched off."""
    make(tmp_path, x__a_md="a", y__a_md="a", z__a_md="a")
    (tmp_path / "x/CACHEDIR.TAG").write_text(f"{TAG}\n# a cache\n")
    (tmp_path / "y/CACHEDIR.TAG").write_text("no signature")
    (tmp_path / "z/CACHEDIR.TAG").symlink_to("../x/CACHEDIR.TAG")

    assert seen_paths(walked(tmp_path)) == ["y/a.md", "z/a.md"]
    plain = Filters([], [], SERVER_TYPES, caches=False)
    assert seen_paths(walked(tmp_path, filters=plain)) == ["x/a.md", "y/a.md", "z/a.md"]


def test_too_small(tmp_path: Path) -> None:
    """What is smaller than `min_size` is skipped with the reason, an empty file with its own."""
    make(tmp_path, a_md="1234", b_md="12345", c_md="")
    filters = Filters([], [], SERVER_TYPES, min_size=5)

    items = walked(tmp_path, filters=filters)

    assert seen_paths(items) == ["b.md"]
    assert [item.reason for item in items if isinstance(item, Skipped)] == [
        "too small: 4 bytes, min_size is 5 bytes",
        "an empty file: nothing to index",
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            "a.md\nb[\n",
            "its .kbsyncignore: line 2: the pattern 'b[' cannot be used: a bracket is not closed",
        ),
        ("a" * (_LONGEST + 1), "its .kbsyncignore: it is longer than 262,144 bytes"),
    ],
)
def test_an_ignore_file_that_cannot_be_used(tmp_path: Path, content: str, reason: str) -> None:
    """Its directory is unknown: nothing below is sent, and nothing is taken for absent."""
    make(tmp_path, a_md="a", x__y__a_md="a", x__b_md="a", z_md="a")
    (tmp_path / "x/.kbsyncignore").write_text(content)
    problem = Problem("f", "x", reason, is_directory=True)

    items = walked(tmp_path)

    assert seen_paths(items) == ["a.md", "z.md"]
    assert [item for item in items if isinstance(item, Problem)] == [problem]
    assert scan.look(tmp_path, Key("f", "x/y/a.md"), ALL, max_size=9) == problem
    assert scan.decide(tmp_path, Key("f", "x/y/a.md"), ALL) == problem
    assert list(scan.walk(tmp_path, "f", ALL, max_size=9, below="x/y")) == [problem]


def test_an_ignore_file_that_is_none(public: Path) -> None:
    """A link is not followed, a FIFO is not waited for, and neither counts as no file."""
    make(public, x__a_md="a", y__a_md="a", z__a_md="a", secret="*.md\n")
    (public / "x/.kbsyncignore").symlink_to("../secret")
    os.mkfifo(public / "y/.kbsyncignore")
    ignore(public / "z", "b.md")

    with denied(public / "z/.kbsyncignore") as user:
        items = walked(public)

    assert [(item.path, item.reason) for item in items if isinstance(item, Problem)] == [
        ("x", "its .kbsyncignore: a symbolic link: kbsync follows none"),
        ("y", "its .kbsyncignore: a FIFO, not a file"),
        ("z", f"its .kbsyncignore: permission denied for user {user}"),
    ]


def decided(root: Path, path: str) -> object:
    return scan.decide(root, Key("f", path), ALL)


# Against git, on generated trees.

NAMES = st.sampled_from(["a", "b", "ab", "a.md", "b.md", "c d.md"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
SEGMENTS = st.sampled_from(["a", "b", "ab", "a.md", "*.md", "*", "**", "?", "a*", "[!a]*", "a**"])
PATTERNS = st.builds(
    lambda negated, anchor, segments, end: negated + anchor + "/".join(segments) + end,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/", "**/"]),
    st.lists(SEGMENTS, min_size=1, max_size=3),
    st.sampled_from(["", "", "/", "/**"]),
)
FILES = st.lists(PATTERNS, max_size=3)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    root = tmp_path_factory.mktemp("repository")
    git(root, "init", "-q")
    return root / ".git"


def git(root: Path, *arguments: str, given: str = "") -> set[str]:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    finished = subprocess.run(
        ["git", *arguments],
        cwd=root,
        input=given,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode in {0, 1}, finished.stderr
    return set(finished.stdout.split("\0")) - {""}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    paths=st.sets(PATHS, min_size=1, max_size=12),
    ignores=st.dictionaries(st.one_of(st.just(""), PATHS), FILES, max_size=4),
    exclude=st.lists(PATTERNS, max_size=2),
)
def test_like_git(
    repository: Path, paths: set[str], ignores: dict[str, list[str]], exclude: list[str]
) -> None:
    """A walk meets the files that git lists, and each path is decided about as git does."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for path in sorted(paths, key=len, reverse=True):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            if not (root / path).exists():
                (root / path).write_text("a")
        for directory, patterns in ignores.items():
            if (root / directory).is_dir():
                ignore(root / directory, *patterns)
                shutil.copy(root / directory / ".kbsyncignore", root / directory / ".gitignore")
        base = ["--git-dir", str(repository), "--work-tree", name]
        below = sorted(str(path.relative_to(root)) for path in root.rglob("[!.]*"))

        ignored = git(
            root, *base, "check-ignore", "--no-index", "-z", "--stdin", given="\0".join(below)
        )
        filters = Filters([], [], SERVER_TYPES)
        assert {path for path in below if is_excluded(root, path, filters)} == ignored

        options = [f"--exclude={pattern}" for pattern in exclude]
        listed = git(
            root, *base, "ls-files", "-oz", "--exclude-per-directory=.kbsyncignore", *options
        )
        filters = Filters([], exclude, SERVER_TYPES)
        met = {path for path in seen_or_skipped(root, filters) if not path.endswith("ignore")}
        assert met == {path for path in listed if not path.endswith("ignore")}
        wanted = {path for path in below if (root / path).is_file()}
        assert met == {path for path in wanted if not is_excluded(root, path, filters)}


def is_excluded(root: Path, path: str, filters: Filters) -> bool:
    return isinstance(scan.decide(root, Key("f", path), filters), Excluded)


def seen_or_skipped(root: Path, filters: Filters) -> Iterator[str]:
    for item in walked(root, filters=filters):
        assert not isinstance(item, Problem)
        yield item.key.path
