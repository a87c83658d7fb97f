"""Filters: gitignore semantics as git itself has them, and the reason for each answer."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kbsync.filters import BUILT_IN, Admitted, Excluded, Filters, Unsupported, Verdict
from kbsync.model import SERVER_TYPES


def judge(
    path: str, *, include: tuple[str, ...] = (), exclude: tuple[str, ...] = (), is_dir: bool = False
) -> Verdict:
    return Filters(include, exclude, SERVER_TYPES).admits(path, is_dir)


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        ("a.md", Admitted("type .md")),
        ("A.MD", Admitted("type .md")),
        ("a/b/c.tar.pdf", Admitted("type .pdf")),
        ("a.pptx", Unsupported("pptx")),
        ("README", Unsupported("")),
        (".md", Unsupported("")),
        ("a.", Unsupported("")),
        ("caf\udce9.md", Admitted("type .md")),
        ("two\nlines.md", Admitted("type .md")),
        ("~$plan.docx", Excluded('built-in "~$*"')),
        ("a/.~lock.plan.docx#", Excluded('built-in ".~lock.*#"')),
        ("a/._plan.docx", Excluded('built-in "._*"')),
        ("plan.md~", Excluded('built-in "*~"')),
        (".#plan.md", Excluded('built-in ".#*"')),
        ("two\nlines.md.part", Excluded('built-in "*.part"')),
        ("Thumbs.db", Excluded('built-in "Thumbs.db"')),
        ("a/@eaDir/b/c.md", Excluded('built-in "@eaDir/"')),
        ("#recycle/c.md", Excluded('built-in "\\#recycle/"')),
        ("#recycle.md", Admitted("type .md")),
        ("lost+found", Unsupported("")),
    ],
)
def test_defaults(path: str, verdict: Verdict) -> None:
    """Without patterns every supported type is wanted, and known leftovers are not."""
    assert judge(path) == verdict


@pytest.mark.parametrize("types", [frozenset({"tmp", "ini", "part", "md"})])
def test_leftover_of_a_supported_type(types: frozenset[str]) -> None:
    """A leftover stays excluded even where its extension is one that the server takes."""
    filters = Filters((), (), types)

    assert filters.admits("a.tmp") == Excluded('built-in "*.tmp"')
    assert filters.admits("desktop.ini") == Excluded('built-in "desktop.ini"')
    assert filters.admits("other.ini") == Admitted("type .ini")


@pytest.mark.parametrize(
    ("exclude", "path", "verdict"),
    [
        (("drafts/",), "drafts/a.md", Excluded('exclude "drafts/"')),
        (("drafts/",), "x/drafts/y/a.md", Excluded('exclude "drafts/"')),
        (("drafts/",), "drafts.md", Admitted("type .md")),
        (("/build",), "build/a.md", Excluded('exclude "/build"')),
        (("/build",), "x/build/a.md", Admitted("type .md")),
        (("*.md", "!keep.md"), "x/keep.md", Admitted('exclude "!keep.md"')),
        (("!keep.md", "*.md"), "x/keep.md", Excluded('exclude "*.md"')),
        (("drafts/", "!drafts/keep.md"), "drafts/keep.md", Excluded('exclude "drafts/"')),
        (("drafts/**", "!drafts/keep.md"), "drafts/keep.md", Admitted('exclude "!drafts/keep.md"')),
        (("drafts/**", "!drafts/keep.md"), "drafts/a.md", Excluded('exclude "drafts/**"')),
        (("**/*.md",), "a.md", Excluded('exclude "**/*.md"')),
        (("a/**/b.md",), "a/b.md", Excluded('exclude "a/**/b.md"')),
        (("!~$*",), "~$plan.docx", Admitted('exclude "!~$*"')),
        (("!.git/",), ".git/a.md", Admitted("type .md")),
        (("!*.tmp",), "a.tmp", Unsupported("tmp")),
        (("caf?.md",), "caf\udce9.md", Excluded('exclude "caf?.md"')),
        (("drafts/",), "two\nlines/drafts/a.md", Excluded('exclude "drafts/"')),
        (("**/x/*.md",), "two\nlines/x/a.md", Excluded('exclude "**/x/*.md"')),
        (("a",), "a\n", Unsupported("")),
    ],
)
def test_exclude(exclude: tuple[str, ...], path: str, verdict: Verdict) -> None:
    """The last exclude pattern that matches decides, and an excluded directory prunes."""
    assert judge(path, exclude=exclude) == verdict


@pytest.mark.parametrize(
    ("include", "path", "verdict"),
    [
        (("*.md",), "x/a.md", Admitted("type .md")),
        (("*.md",), "x/a.pdf", Excluded("include (no pattern matched)")),
        (("*.pptx",), "x/a.pptx", Unsupported("pptx")),
        (("*.md",), "x/a.pptx", Excluded("include (no pattern matched)")),
        (("**/*.md",), "a.md", Admitted("type .md")),
        (("docs/",), "docs/x/a.pdf", Admitted("type .pdf")),
        (("/docs/",), "x/docs/a.pdf", Excluded("include (no pattern matched)")),
        (("docs/", "!secret.md"), "docs/secret.md", Excluded('include "!secret.md"')),
        (("*", "!drafts/"), "drafts/x/a.md", Excluded('include "!drafts/"')),
        (("!drafts/", "*.md"), "drafts/x/a.md", Admitted("type .md")),
        (("*.md",), "~$a.md", Excluded('built-in "~$*"')),
    ],
)
def test_include(include: tuple[str, ...], path: str, verdict: Verdict) -> None:
    """With include patterns only what they match is wanted, of the types that are supported."""
    assert judge(path, include=include) == verdict


def test_exclude_before_include() -> None:
    """What is excluded cannot be included."""
    verdict = judge("drafts/a.md", include=("*.md",), exclude=("drafts/",))

    assert verdict == Excluded('exclude "drafts/"')


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        ("", Admitted("no exclude pattern")),
        ("docs", Admitted("no exclude pattern")),
        (".git", Excluded('built-in ".git/"')),
        ("old", Excluded('exclude "old"')),
        ("old/keep", Excluded('exclude "old"')),
        ("new", Admitted('exclude "!new/"')),
    ],
)
def test_directories(path: str, verdict: Verdict) -> None:
    """A directory is visited unless an exclude pattern prunes it; include has no say in it."""
    exclude = ("old", "!old/keep", "new/", "!new/")

    assert judge(path, include=("*.md",), exclude=exclude, is_dir=True) == verdict


@pytest.mark.parametrize(
    "pattern", ["[z-a]", "a[", "!", "/", "!/", "//", "\\", "[[:alfa:]]", "a//b", " "]
)
@pytest.mark.parametrize("where", ["include", "exclude"])
def test_bad_pattern(pattern: str, where: str) -> None:
    """A pattern that cannot mean anything is refused by name."""
    include, exclude = ([pattern], []) if where == "include" else ([], [pattern])

    with pytest.raises(ValueError, match="pattern") as error:
        Filters(include, exclude, SERVER_TYPES)

    assert repr(pattern) in str(error.value)


def test_very_deep_path() -> None:
    """A path of thousands of levels is judged like any other."""
    deep = "/".join(["d"] * 3_000)

    assert judge(f"{deep}/a.md") == Admitted("type .md")
    assert judge(f"{deep}/a.md", exclude=("/d/d/d/",)) == Excluded('exclude "/d/d/d/"')


@pytest.mark.parametrize(
    "pattern",
    ["*a*a*a*a*a*a*a*a*a*a*a*a*b", "/**/a/**/a/**/a/**/a/**/b", "/**/*a*a*/**/*a*a*/**/*a*b/c"],
)
@pytest.mark.parametrize("path", ["a" * 250, "/".join(["a"] * 2_000), "/".join(["a" * 200] * 20)])
def test_patterns_that_backtrack(pattern: str, path: str) -> None:
    """No pattern keeps a name busy, as it would whoever tries every way to match."""
    assert judge(f"{path}.md", exclude=(pattern,)) == Admitted("type .md")


def test_very_many_directories() -> None:
    """Answers stay right when more directories were judged than are remembered."""
    filters = Filters((), ("old/",), SERVER_TYPES)

    for number in range(60_000):
        filters.admits(f"{number}/a.md")

    assert filters.admits("7/a.md") == Admitted("type .md")
    assert filters.admits("7/old/a.md") == Excluded('exclude "old/"')


# Against git. Every directory holds every file name, so that a pattern has something to decide on.

DIRECTORIES = ["", "a", "b", "a/a", "a/b", "b/a", "ab", "a/b/a", "a/b/ab", "b/a/b", "a b"]
FILES = ["a.md", "ab", "c", "b.md", "[a].md", "!c", "#c", "c ", "]a", "B"]
LITERALS = ["a", "b", "ab", "a.md", "*.md", "c", "a b"]
BRACKETS = [
    "[ab]",
    "[!a]",
    "[^a]*",
    "[a-b]",
    "[[:alpha:]]",
    "[![:upper:]]*",
    "[]a]",
    "[\\]a]",
    "[*-c]b",
]
STARS = ["*", "**", "?", "a*", "*b", "a**", "**b", "*a*b*", "*a*.*d", "[ab]**", "***"]
SEGMENTS = st.sampled_from([*LITERALS, *BRACKETS, *STARS, "\\[a\\].md", "\\!c", "\\a", "c\\ "])
PATTERNS = st.builds(
    lambda negated, anchor, segments, end: negated + anchor + "/".join(segments) + end,
    st.sampled_from(["", "", "", "!"]),
    st.sampled_from(["", "", "/", "**/"]),
    st.lists(SEGMENTS, min_size=1, max_size=3),
    st.sampled_from(["", "", "/", "/**", "/*"]),
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    root = tmp_path_factory.mktemp("tree")
    git(root, "init", "-q")
    for directory in DIRECTORIES:
        (root / directory).mkdir(exist_ok=True)
        for name in FILES:
            if f"{directory}/{name}".strip("/") not in DIRECTORIES:
                (root / directory / name).touch()
    return root


def git(root: Path, *arguments: str, given: str = "") -> str:
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
    return finished.stdout


def ignored_by_git(root: Path, patterns: list[str], paths: list[str]) -> set[str]:
    (root / ".gitignore").write_text("".join(f"{pattern}\n" for pattern in patterns))
    answer = git(root, "check-ignore", "--no-index", "-z", "--stdin", given="\0".join(paths))
    return set(answer.split("\0")) - {""}


def understood(patterns: list[str]) -> bool:
    try:
        Filters((), patterns, SERVER_TYPES)
    except ValueError:
        return False
    return True


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(patterns=st.lists(PATTERNS, min_size=1, max_size=4).filter(understood))
def test_like_git(tree: Path, patterns: list[str]) -> None:
    """Exclude answers as `git check-ignore` does, for files and for directories."""
    files = [str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()]
    files = [path for path in files if not path.startswith(".git")]
    directories = [path for path in DIRECTORIES if path]
    filters = Filters((), patterns, SERVER_TYPES)

    ours = {path for path in files if isinstance(filters.admits(path), Excluded)}
    ours |= {path for path in directories if isinstance(filters.admits(path, True), Excluded)}

    assert ours == ignored_by_git(tree, patterns, files + directories)


@pytest.mark.parametrize("pattern", BUILT_IN)
def test_built_in_can_be_undone(pattern: str) -> None:
    """Every built-in rule can be lifted by its own negation."""
    name = pattern.replace("*", "x").replace("\\", "")
    is_dir = name.endswith("/")

    assert isinstance(judge(name.rstrip("/"), is_dir=is_dir), Excluded)
    lifted = judge(name.rstrip("/"), exclude=(f"!{pattern}",), is_dir=is_dir)
    assert not isinstance(lifted, Excluded)
