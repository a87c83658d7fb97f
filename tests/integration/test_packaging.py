"""What is shipped: wheel and sdist, the files made of the code, container and cluster examples."""

from __future__ import annotations

import email
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from kbsync import __version__
from kbsync.config import load
from tools.share import FILES

PROJECT = Path(__file__).parents[2]
WHEEL = f"kbsync-{__version__}-py3-none-any.whl"
SDIST = f"kbsync-{__version__}.tar.gz"


def build(directory: Path) -> Path:
    """Both distributions, as a release builds them; nothing is fetched."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(directory)],
        cwd=PROJECT,
        env=os.environ | {"SOURCE_DATE_EPOCH": "1700000000"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return directory


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"))


def test_the_wheel_has_all_and_no_more(built: Path) -> None:
    """The wheel has the code, its types, page, units, samples, manual and completions, no tests."""
    with zipfile.ZipFile(built / WHEEL) as wheel:
        names = set(wheel.namelist())
        metadata = email.message_from_bytes(wheel.read(f"kbsync-{__version__}.dist-info/METADATA"))
    units = {name.replace("systemd/", "kbsync/units/") for name in _tracked("systemd")}
    tracked = _tracked("kbsync") | units
    assert {name for name in names if name.startswith("kbsync/")} == tracked
    assert {"kbsync/py.typed", "kbsync/units/kbsync.service", "kbsync/web/static/page.js"} <= names
    data = f"kbsync-{__version__}.data/data/"
    assert {name.removeprefix(data) for name in names if name.startswith(data)} == {
        *FILES,
        "share/doc/kbsync/config.example.toml",
    }
    assert f"kbsync-{__version__}.dist-info/licenses/LICENSE" in names
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_the_sdist_has_what_a_builder_needs(built: Path) -> None:
    """The sdist has what another builder needs: code, tests, locked requirements, documentation."""
    with tarfile.open(built / SDIST) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert _tracked("kbsync") | _tracked("tests") | _tracked("docs") | _tracked("share") <= names
    assert _tracked("systemd") <= names
    assert {"README.md", "CHANGELOG.md", "LICENSE", "requirements/dev.txt", "Makefile"} <= names
    assert not [name for name in names if name.startswith((".ci", ".venv", "bench/results"))]


def test_two_builds_are_equal(built: Path, tmp_path: Path) -> None:
    """The same source and SOURCE_DATE_EPOCH give the same bytes."""
    again = build(tmp_path)
    for name in (WHEEL, SDIST):
        assert (again / name).read_bytes() == (built / name).read_bytes(), name


def test_the_wheel_runs_in_an_environment_of_its_own(built: Path, tmp_path: Path) -> None:
    """Installed without the checkout, the program runs, and finds what it ships."""
    home = tmp_path / "installed"
    venv.create(home)
    python = home / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps",
         "--no-index", "--disable-pip-version-check", str(built / WHEEL)],
        check=True, capture_output=True,
    )  # fmt: skip
    # What it depends on is taken from here; the environment's own packages come first.
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))

    def run(*arguments: str) -> str:
        done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = run(str(python), "-c", "import kbsync; print(kbsync.__file__)")
    assert where.startswith(str(home))
    assert run(str(home / "bin/kbsync"), "--version").startswith(f"kbsync {__version__}\n")
    ships = (
        "from importlib.resources import files; p = files('kbsync');"
        "print((p / 'units/kbsync.service').read_text(), (p / 'web/static/page.js').is_file())"
    )
    assert run(str(python), "-c", ships).endswith("True\n")
    assert (home / "share/man/man1/kbsync.1").read_text().startswith(".TH KBSYNC 1")


def test_the_changelog_knows_this_version() -> None:
    """The newest section is what is not released, or this version with its date."""
    sections = re.findall(r"^## (.+)$", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert sections[0] == "Unreleased" or re.fullmatch(
        rf"{re.escape(__version__)} - \d{{4}}-\d\d-\d\d", sections[0]
    )


def test_the_image_gets_what_it_is_built_of() -> None:
    """Everything that the build reads is let into the container's build, and nothing else is."""
    admitted = set(re.findall(r"^!(.+)$", (PROJECT / ".dockerignore").read_text(), re.MULTILINE))
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["shared-data"], *wheel["force-include"]}
    needed |= {"kbsync", "pyproject.toml", "requirements", "LICENSE", project["project"]["readme"]}
    assert admitted == needed
    image = (PROJECT / "Dockerfile").read_text()
    assert "USER 10001:10001" in image
    assert "HEALTHCHECK" in image
    assert 'ENTRYPOINT ["kbsync"]' in image


def test_the_compose_file_and_the_cluster_example(tmp_path: Path) -> None:
    """Each mounts what its configuration names, read-only but for the ledger; the latter loads."""
    compose = yaml.safe_load((PROJECT / "deploy/compose.yaml").read_text())["services"]["kbsync"]
    assert compose["read_only"]
    assert compose["cap_drop"] == ["ALL"]
    writable = [volume for volume in compose["volumes"] if not volume.endswith(":ro")]
    assert writable == ["ledger:/var/lib/kbsync"]

    text = (PROJECT / "deploy/kubernetes.yaml").read_text()
    objects: dict[str, Any] = {one["kind"]: one for one in yaml.safe_load_all(text)}
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    mounts = {mount["mountPath"]: mount for mount in pod["containers"][0]["volumeMounts"]}
    assert {mount["name"] for mount in mounts.values()} == {one["name"] for one in pod["volumes"]}
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"]
    assert objects["Deployment"]["spec"]["replicas"] == 1
    config = tmp_path / "config.toml"
    config.write_text(objects["ConfigMap"]["data"]["config.toml"])
    (key,) = (one["name"] for one in pod["containers"][0]["env"])
    settings = load(config, environ={key: "dataset-standin"})
    for path in (settings.folders[0].path.parent, settings.ledger.parent):
        assert str(path) in mounts
    assert [path for path, mount in mounts.items() if not mount.get("readOnly")] == [
        "/var/lib/kbsync",
        "/tmp",
    ]


def _tracked(directory: str) -> set[str]:
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", directory],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {name for name in done.stdout.split("\0") if name and (PROJECT / name).exists()}
