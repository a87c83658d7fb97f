"""What a release is proven by beside the tests: the built files are installed as people do it.

Needs uv, and fetches what it installs: pipx, twine and kbsync's dependencies.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from kbsync import __version__

PROJECT = Path(__file__).parents[1]
DIST = PROJECT / "dist"


def run(*arguments: str | Path, **variables: str | Path) -> str:
    """Run a tool in the project and give what it printed; ends this one when it fails."""
    print("$", *arguments, flush=True)
    done = subprocess.run(
        [str(argument) for argument in arguments],
        cwd=PROJECT,
        env=os.environ | {name: str(value) for name, value in variables.items()},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{arguments[0]} ended with {done.returncode}\n{done.stdout}")
    return done.stdout


def built() -> tuple[Path, Path]:
    """Wheel and sdist in dist/, which hold the same bytes whenever this commit is built."""
    epoch = run("git", "log", "-1", "--format=%ct").strip()
    for file in DIST.glob("kbsync-*"):
        file.unlink()
    run(sys.executable, "-m", "hatchling", "build", "-d", DIST, SOURCE_DATE_EPOCH=epoch)
    wheel, sdist = sorted(DIST.glob("kbsync-*"), key=lambda file: file.suffix == ".gz")
    return wheel, sdist


def proven(program: Path) -> None:
    """An installed program tells its version, syncs the samples, and ends well."""
    said = run(program, "--version")
    if not said.startswith(f"kbsync {__version__}\n"):
        sys.exit(f"{program} says {said!r}, not {__version__}")
    run(program, "demo")


def main() -> None:
    """Build, check, and install with both installers, each into a directory of its own."""
    if run("git", "status", "--porcelain").strip():
        sys.exit("commit first: a release is built from a commit")
    wheel, sdist = built()
    run("uv", "tool", "run", "twine", "check", "--strict", wheel, sdist)
    wish = f"kbsync[standin] @ file://{wheel}"
    with tempfile.TemporaryDirectory(prefix="kbsync-release-") as name:
        home = Path(name)
        binaries = home / "uv-bin"
        run("uv", "tool", "install", wish, UV_TOOL_DIR=home / "uv", UV_TOOL_BIN_DIR=binaries)
        proven(binaries / "kbsync")
        binaries = home / "pipx-bin"
        run(
            "uv", "tool", "run", "pipx", "install", f"{wheel}[standin]",
            PIPX_HOME=home / "pipx", PIPX_BIN_DIR=binaries, PIPX_MAN_DIR=home / "man",
        )  # fmt: skip
        proven(binaries / "kbsync")
        if not (home / "man/man1/kbsync.1").exists():
            sys.exit("pipx did not install the manual page")
    print(f"kbsync {__version__} can be released:\n  {wheel}\n  {sdist}")


if __name__ == "__main__":
    main()
