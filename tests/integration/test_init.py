"""`kbsync init`, as a process of its own: with options, without a terminal, and on one."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from kbsync.commands.init.writing import Answers, Target, configuration
from kbsync.config import load
from kbsync.standin import Fault, StandIn, running

from .test_transport_trust import Certificate, certificate
from .transporting import FINE, answers, served

__all__ = ["certificate"]

KEY = "dataset-abcdefghijklmnop12345678"
INIT = [sys.executable, "-m", "kbsync", "init"]


def environment(home: Path, more: Mapping[str, str]) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KBSYNC_", "XDG_", "CREDENTIALS_"))
    }
    return inherited | {"HOME": str(home), "TERM": "dumb"} | dict(more)


def init(
    directory: Path, *options: str | Path, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*INIT, *map(str, options)],
        cwd=directory,
        env=environment(directory, variables or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def on_a_terminal(
    directory: Path,
    options: Sequence[str],
    answers: Sequence[tuple[str, str]],
    variables: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run it on a pseudo-terminal; each answer is typed when its question has appeared."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [*INIT, *options],
        cwd=directory,
        env=environment(directory, variables or {}),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    ) as process:
        os.close(slave)
        shown = _conversation(process, master, list(answers))
    os.close(master)
    return process.returncode, shown


def _conversation(
    process: subprocess.Popen[bytes], master: int, waiting: list[tuple[str, str]]
) -> str:
    shown, seen = "", 0
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if waiting and waiting[0][0] in shown[seen:]:
            seen = len(shown)
            os.write(master, waiting.pop(0)[1].encode() + b"\n")
        if select.select([master], [], [], 0.2)[0]:
            try:
                shown += os.read(master, 4096).decode(errors="replace")
            except OSError:  # how Linux says that the other end is closed
                break
    else:
        process.kill()
    assert not waiting, shown
    return re.sub(r"\x1b\[[0-9;]*m|\r", "", shown)


def left_in(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "Company docs").mkdir()
    key = tmp_path / "key"
    key.write_text(KEY + "\n")
    key.chmod(0o600)
    return tmp_path


ADDRESS = ("--base-url", "https://dify.example")
GIVEN = (*ADDRESS, "--key-file", "key", "--folder", "Company docs", "--dataset", "Handbook")


def test_everything_given(place: Path) -> None:
    """With all options it asks nothing, writes a file that loads, and says what to do next."""
    done = init(place, *GIVEN)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"wrote {place}/kbsync.toml\n\nNext:\n"
        "  kbsync doctor      try it: server, key, dataset, folder\n"
        "  kbsync plan        see what would be sent\n"
        "  kbsync reconcile   send it\n"
    )
    settings = load(place / "kbsync.toml", environ={})
    folder = settings.folders[0]
    assert (folder.name, folder.dataset) == ("Company-docs", "Handbook")
    assert folder.path == place / "Company docs"
    assert folder.create_dataset
    assert settings.server.api_key.get_secret_value() == KEY
    assert settings.warnings == ()
    assert KEY not in (place / "kbsync.toml").read_text()
    assert left_in(place) == ["Company docs", "kbsync.toml", "key"]


def test_nothing_given_and_nobody_to_ask(place: Path) -> None:
    """Without a terminal the missing options are named, and nothing is written."""
    done = init(place)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "Error: missing --base-url, --folder, --dataset, --key-file:"
        " without a terminal nothing is asked"
    )
    assert not (place / "kbsync.toml").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--base-url", "dify.example"),
            '--base-url must be an address such as "https://dify.example/v1"',
        ),
        (
            ("--key-file", "nowhere"),
            "--key-file nowhere cannot be read: No such file or directory;",
        ),
        (("--dataset", "x" * 41), "--dataset must be a text of 1 to 40 printable characters"),
        (("--key-file", "/dev/null"), "{place}/kbsync.toml: server.api_key_file = /dev/null is"),
        (("--folder", os.fsdecode(b"caf\xe9")), r"{place}/caf\xe9: a name that is not UTF-8"),
        (("--output", "key/x.toml"), "{place}/key: File exists"),
    ],
)
def test_a_wrong_option(place: Path, options: tuple[str, str], said: str) -> None:
    """A wrong answer is one line, exit code 2, and nothing is left behind."""
    done = init(place, *GIVEN, *options)
    assert done.returncode == 2
    assert done.stderr.startswith(f"kbsync: {said.format(place=place)}")
    assert left_in(place) == ["Company docs", "key"]


def test_an_existing_configuration_is_kept(place: Path) -> None:
    """Nothing is overwritten unless that was asked for."""
    file = place / "kbsync.toml"
    file.write_text("mine")
    done = init(place, *GIVEN)
    assert (done.returncode, file.read_text()) == (2, "mine")
    assert done.stderr == (
        f"kbsync: {file} exists; --force overwrites it, --output names another file\n"
    )
    assert init(place, *GIVEN, "--force").returncode == 0
    assert load(file, environ={}).folders


def test_an_output_elsewhere(place: Path) -> None:
    """Directories are made, and the next commands are told where the file is."""
    done = init(place, *GIVEN, "--output", "new dir/config.toml")
    assert f"  kbsync plan --config '{place}/new dir/config.toml' " in done.stdout
    assert load(place / "new dir" / "config.toml", environ={}).folders[0].path.is_dir()


def test_the_configuration_of_the_system(place: Path) -> None:
    """What the system's configuration says of the ledger is where its service may write."""
    answers = Answers("https://dify.example", place, Target("KB"), place / "key", None)
    assert 'ledger = "/var/lib/kbsync/ledger.db"' in configuration(answers, Path("/etc/kbsync/c"))
    assert "ledger" not in configuration(answers, place / "c")


def test_yes_takes_the_name_of_the_folder(place: Path) -> None:
    """With --yes the dataset is named as the folder; a folder that is missing yet is said."""
    done = init(place, *ADDRESS, "--key-file", "key", "--folder", "später", "--yes")
    assert done.returncode == 0
    assert done.stderr == f"warning: there is no directory {place}/später yet\n"
    assert load(place / "kbsync.toml", environ={}).folders[0].dataset == "später"


def test_a_key_that_comes_from_elsewhere(place: Path) -> None:
    """A key in a variable needs no file, and does not get into the configuration."""
    options = (*ADDRESS, "--folder", "Company docs", "--dataset", "Handbook")
    done = init(place, *options, variables={"KBSYNC_SERVER__API_KEY": KEY})
    assert done.returncode == 0
    assert KEY not in (place / "kbsync.toml").read_text() + done.stdout + done.stderr
    assert load(place / "kbsync.toml", environ={"KBSYNC_SERVER__API_KEY": KEY}).folders


def test_a_dataset_by_its_id_is_not_made(place: Path) -> None:
    """An id names something that exists."""
    done = init(place, *GIVEN, "--dataset", "7c2c9b4e-8d51-4a6e-9d58-0f6f5d0b8a11")
    assert done.returncode == 0
    assert not load(place / "kbsync.toml", environ={}).folders[0].create_dataset


@pytest.mark.parametrize("name", ['quo"te\\s', "line\nbreak", "…", "tab\tdel\x7f"])
def test_names_are_written_so_that_they_are_read_again(place: Path, name: str) -> None:
    """Whatever a directory is called, the configuration means exactly that one."""
    (place / name).mkdir()
    assert init(place, *GIVEN, "--folder", name).returncode == 0
    assert load(place / "kbsync.toml", environ={}).folders[0].path == place / name


@pytest.fixture
def server() -> Iterator[tuple[StandIn, str]]:
    """A server with a model, two knowledge bases and one that takes nothing; and its address."""
    standin = StandIn(embedding_model=True)
    standin.create_dataset("Manuals")
    standin.create_dataset("Handbook", "high_quality")
    standin.create_dataset("Elsewhere", provider="external")
    with running(standin) as url:
        yield standin, url
    standin.close()


def test_on_a_terminal(place: Path, server: tuple[StandIn, str]) -> None:
    """What is missing is asked, a wrong answer again; the key is not shown, and kept in a file."""
    standin, url = server
    (place / "Company docs" / "a.md").write_text("# A document\n")
    (place / "Company docs" / "b.exe").write_text("no document")
    code, shown = on_a_terminal(
        place,
        [],
        [
            ("API address", "dify.example"),
            ("API address", "http://127.0.0.1:1"),
            ("API address", url.replace("/v1", "/console/api")),
            ("Dataset API key", "two words"),
            ("Dataset API key", standin.key),
            ("API address", "http://127.0.0.1:2"),
            ("API address", url.removesuffix("/v1")),
            ("Directory", "nowhere"),
            ("Directory", "Company docs"),
            ("[Company docs]", "7"),
            ("[Company docs]", "-3"),
            ("[Company docs]", "0"),
            ("[Company docs]", '""'),
            ("[Company docs]", "1"),
            ("[Company docs]", "2"),
        ],
    )
    assert code == 0, shown
    assert standin.key not in shown
    assert 'must be an address such as "https://dify.example/v1"' in shown
    assert "no: nothing listens at 127.0.0.1:1; start the server, or correct" in shown
    assert "no: nothing listens at 127.0.0.1:2; start the server, or correct" in shown
    assert re.search("no: 127.0.0.1.* does not know GET /datasets; correct server.base_url", shown)
    assert "speaks the dify API and takes the key" in shown
    assert f"no: there is no {place}/nowhere; mount it or make it" in shown
    assert re.search(r" 1  Elsewhere .*\n +2  Handbook +0 documents, high_quality\n +3 ", shown)
    for number in ("7", "-3", "0"):
        allowed = f'there is no number {number} in the list: 1 to 3 can be chosen; in quotes, "'
        assert f'{allowed}{number}", it is a name' in shown
    assert "no: dataset 'Elsewhere' is an external knowledge base" in shown
    assert "Company-docs: the first run sends 1 file (13 B)\n  + a.md\n  . 1 not sent:" in shown
    assert re.search(r"wrote .*/dataset\.key with the key; only you can read it", shown)
    assert {request.method for request in standin.requests} == {"GET"}
    key = place / "dataset.key"
    assert (key.read_text(), key.stat().st_mode & 0o777) == (standin.key + "\n", 0o600)
    settings = load(place / "kbsync.toml", environ={})
    assert settings.server.api_key_file == key
    assert settings.folders[0].dataset == "Handbook"
    assert settings.warnings == ()


def test_a_dataset_whose_name_is_a_number(place: Path, server: tuple[StandIn, str]) -> None:
    """In quotes a number is a name, of a new dataset or of one that is there; so is the default."""
    standin, url = server
    for name in ("7", "2027"):
        (place / name).mkdir()
    (place / "key").write_text(standin.key)
    given = ("--base-url", url, "--key-file", "key", "--force", "--folder")

    def chosen(folder: str, answer: str) -> tuple[str, str]:
        code, shown = on_a_terminal(place, [*given, folder], [(f'["{folder}"]', answer)])
        assert code == 0, shown
        written = load(place / "kbsync.toml", environ={}).folders[0]
        return written.dataset, written.indexing_technique

    assert chosen("7", '"7"') == ("7", "high_quality")
    assert chosen("2027", "") == ("2027", "high_quality")
    standin.create_dataset("7", "economy")
    assert chosen("7", "") == ("7", "economy")


def test_a_wrong_key_is_asked_for_again(place: Path, server: tuple[StandIn, str]) -> None:
    """The key is tried at once: one that the server refuses, or an app's, is told as what it is."""
    standin, url = server
    code, shown = on_a_terminal(
        place,
        ["--base-url", url, "--folder", "Company docs", "--dataset", "New"],
        [
            ("Dataset API key", "dataset-wrong"),
            ("Dataset API key", "app-AbCdEfGhIjKlMnOpQrStUvWx"),
            ("Dataset API key", standin.key),
        ],
    )
    assert code == 0, shown
    assert shown.count("refused the API key") == 2
    assert "this one is the key of an app" in shown
    assert (place / "dataset.key").read_text() == standin.key + "\n"


def test_how_the_dataset_is_indexed(place: Path, server: tuple[StandIn, str]) -> None:
    """An economy dataset, and a server without a model, get a folder that fits them."""
    standin, url = server
    given = ("--base-url", url, "--key-file", "key", "--folder", "Company docs", "--force")
    (place / "key").write_text(standin.key)
    code, shown = on_a_terminal(place, [*given, "--dataset", "Manuals"], [])
    assert code == 0, shown
    assert load(place / "kbsync.toml", environ={}).folders[0].indexing_technique == "economy"
    code, shown = on_a_terminal(place, given, [("[Company docs]", "")])
    assert code == 0, shown
    folder = load(place / "kbsync.toml", environ={}).folders[0]
    assert (folder.dataset, folder.indexing_technique) == ("Company docs", "high_quality")
    with closing(StandIn()) as empty, running(empty) as bare:
        (place / "key").write_text("dataset-standin")
        code, shown = on_a_terminal(
            place, [*given, "--base-url", bare], [("No knowledge base", "")]
        )
    assert code == 0, shown
    assert "has no embedding model: passages will be found by keyword only" in shown
    assert load(place / "kbsync.toml", environ={}).folders[0].indexing_technique == "economy"


def test_models_that_cannot_be_asked_for(place: Path, server: tuple[StandIn, str]) -> None:
    """A server that cannot tell its models at the moment is no reason to give up the answers."""
    standin, url = server
    (place / "key").write_text(standin.key)
    standin.faults.add(Fault("plugin-daemon", "GET", "/models/", times=None))
    given = ["--base-url", url, "--key-file", "key", "--folder", "Company docs"]
    code, shown = on_a_terminal(place, [*given, "--dataset", "New"], [])
    assert code == 0, shown
    assert load(place / "kbsync.toml", environ={}).folders[0].indexing_technique == "high_quality"


def test_a_given_address_that_is_wrong(place: Path) -> None:
    """What came from an option is not asked again: the one line says what is wrong, exit code 2."""
    code, shown = on_a_terminal(place, ["--base-url", "http://127.0.0.1:1"], [])
    assert code == 2
    assert shown.startswith("kbsync: --base-url: nothing listens at 127.0.0.1:1; start the server")
    assert left_in(place) == ["Company docs", "key"]


def test_a_certificate_of_ones_own(place: Path, certificate: Certificate) -> None:
    """A certificate that nobody trusts is told with the option that names it, and that helps."""
    with served(answers(FINE), context=certificate.context) as server:
        questions = [("API address", server.url), ("API address", "\x04")]
        code, shown = on_a_terminal(place, [], questions)
        assert code == 130
        assert "is not trusted: self-signed certificate; put the certificate that signed" in shown
        assert "and start again with --ca-file FILE" in shown
        trusting = ["--ca-file", str(certificate.file)]
        questions = [("API address", server.url), ("Dataset API key", "\x04")]
        code, shown = on_a_terminal(place, trusting, questions)
        assert code == 130
        assert "trusted" not in shown


def test_giving_up_leaves_nothing(place: Path, server: tuple[StandIn, str]) -> None:
    """Ctrl-D at a question ends it, with nothing written."""
    code, _ = on_a_terminal(place, ["--base-url", server[1]], [("Dataset API key", "\x04")])
    assert code == 130
    assert left_in(place) == ["Company docs", "key"]


def test_help_has_an_example(place: Path) -> None:
    """The help shows a whole call."""
    assert "Example: kbsync init --base-url" in init(place, "--help").stdout
