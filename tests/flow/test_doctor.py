"""`kbsync doctor` against the stand-in, against broken servers, and on a broken machine."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kbsync.commands.doctor.denials import Guards, letting_in, remedy_for
from kbsync.commands.doctor.findings import Result
from kbsync.commands.doctor.folders import (
    Walk,
    folder_files,
    folder_mount,
    folder_patterns,
    walked,
    watches,
)
from kbsync.commands.doctor.ledger import ledger_file_system, ledger_space
from kbsync.config import FolderSettings, load
from kbsync.convert.interface import Converter
from kbsync.convert.registry import CONVERTERS

from .place import Place, Said, a_place

Row = Mapping[str, str]

NFS = """\
1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw
2 1 0:9 / /mnt/my\\040share rw - nfs4 filer:/export rw,vers=4.2
3 2 8:2 / /mnt/my\\040share/local rw - xfs /dev/sdb1 rw
4 1 0:10 / /mnt/win rw - cifs //filer/x rw
5 1 0:11 / /home/me/far rw - fuse.sshfs me@host:/ rw
"""
WHO = ["-c", "import sys; from kbsync.cli import run; sys.exit(run(sys.argv[1:]))"]


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    """One folder with two files, bound to an empty dataset of a stand-in."""
    with a_place(tmp_path, behave=getattr(request, "param", "1.16.1")) as place:
        place.write("Guide.md", "# Guide\n\nTurn it off and on again.\n")
        place.write("sub/List.csv", "a,b\n1,2\n")
        yield place


def rows(place: Place, code: int) -> dict[str, Row]:
    """The findings by check, the gravest of each, once exit code and promises were checked."""
    said = place.kbsync("doctor", "--json")
    assert said.code == code, said.out + said.err
    return by_check(said, str(place.settings.get("api_key", place.standin.key)))


def by_check(said: Said, key: str) -> dict[str, Row]:
    """The findings by check, the gravest of each; the key is in none, a remedy in each bad one."""
    assert key not in said.out + said.err
    assert not said.err
    order = ["skip", "ok", "warn", "fail"]
    found: dict[str, Row] = {}
    for row in sorted(said.json, key=lambda row: order.index(row["result"])):
        assert set(row) == {"check", "subject", "result", "finding", "remedy"}
        assert "\n" not in row["finding"]
        assert (row["remedy"] is not None) == (row["result"] in {"warn", "fail"}), row
        found[row["check"]] = row
    return found


def results(found: dict[str, Row]) -> dict[str, list[str]]:
    """The checks that did not end well, by result."""
    return {
        result: [check for check, row in found.items() if row["result"] == result]
        for result in ("warn", "fail")
    }


@contextmanager
def answering(
    status: int = 200,
    body: str = "{}",
    context: ssl.SSLContext | None = None,
    **headers: str,
) -> Iterator[str]:
    """A server that says the same to everything; gives its address without /v1."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # http.server's name
            self.send_response_only(status)
            told = {"Content-Type": "application/json", "Date": self.date_time_string()}
            told |= {name.replace("_", "-"): value for name, value in headers.items()}
            for name, value in (told | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            return

    server = Server(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        scheme = "http" if context is None else "https"
        yield f"{scheme}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# --- all well ---------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["1.10.1", "1.16.1"], indirect=True)
def test_all_well(place: Place) -> None:
    """Where nothing is wrong, every check says so, nothing is changed, and the exit code is 0."""
    found = rows(place, 0)
    assert results(found) == {"warn": [], "fail": []}
    assert found["configuration"]["subject"] == str(place.config)
    assert found["files"]["finding"].startswith("2 to keep in sync, 0 skipped, 0 unreadable")
    assert "kbsync's stand-in, which acts as Dify 1.1" in found["version"]["finding"]
    assert "'KB'" in found["dataset"]["finding"]
    assert found["watches"]["finding"].startswith("needs 2 of ")
    assert "there is none yet" in found["ledger"]["finding"]
    assert not place.ledger.parent.exists()
    assert not place.documents()
    assert {request.method for request in place.standin.requests} == {"GET"}


def test_lines_for_people(place: Place) -> None:
    """Without a terminal each check is one plain aligned line, and a sum closes them."""
    said = place.kbsync("doctor")
    assert said.code == 0
    assert "\x1b" not in said.out
    *lines, blank, last = said.out.splitlines()
    assert blank == ""
    assert {line[:2] for line in lines} <= {"✓ ", "- "}
    assert all(line[20] == " " and line[21] != " " for line in lines)
    assert last.endswith(" fine")


def test_help() -> None:
    """`--help` tells the exit codes and an example."""
    said = subprocess.run(
        [sys.executable, "-m", "kbsync", "doctor", "--help"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0
    assert "Example: kbsync doctor --config /etc/kbsync/config.toml" in said.stdout
    assert "Exit codes:" in said.stdout


def test_documents_are_told_apart(place: Place) -> None:
    """Documents of kbsync and of somebody else are counted apart."""
    place.standin.add_document(place.dataset_id, "Minutes.md")
    assert place.kbsync("reconcile").code == 0
    found = rows(place, 0)
    assert found["documents"]["finding"].startswith("2 of kbsync, 1 of others")
    assert found["ledger"]["finding"] == "opens and is sound"


# --- configuration and key --------------------------------------------------------------------


def test_no_configuration(tmp_path: Path) -> None:
    """Without a configuration it names what was looked for and the command that writes one."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    said = subprocess.run(
        [sys.executable, *WHO, "doctor"], cwd=tmp_path, env=environ | _path(),
        capture_output=True, check=False, text=True,
    )  # fmt: skip
    assert said.returncode == 2
    assert "there is no configuration" in said.stdout
    assert "`kbsync init` writes one" in said.stdout


def test_wrong_settings_are_told_together(place: Place) -> None:
    """Each wrong setting is one failure, and the exit code is 2."""
    place.settings["api_style"] = "modern"
    place.configure(on_delete="maybe")
    said = place.kbsync("doctor", "--json")
    assert said.code == 2
    assert [row["result"] for row in said.json] == ["fail", "fail"]
    assert "api_style" in said.json[0]["finding"]
    assert "on_delete" in said.json[1]["finding"]


def test_key_file_of_others(place: Place) -> None:
    """A key file that others can read is a warning with the chmod that ends it."""
    place.config.chmod(0o644)
    found = rows(place, 0)
    assert results(found) == {"warn": ["key"], "fail": []}
    assert found["key"]["remedy"] == f"run chmod 600 {place.config}"


def test_key_sources(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The key's source is the one that counts: the variable before the file, which has a mode."""
    assert rows(place, 0)["key"]["subject"] == str(place.config)
    assert "mode 600" in rows(place, 0)["key"]["finding"]
    file = tmp_path / "dataset.key"
    file.write_text(place.standin.key)
    file.chmod(0o640)
    monkeypatch.setenv("KBSYNC_SERVER__API_KEY_FILE", str(file))
    found = rows(place, 0)
    assert str(file) in found["key"]["subject"]
    assert found["key"]["result"] == "warn"
    monkeypatch.delenv("KBSYNC_SERVER__API_KEY_FILE")
    monkeypatch.setenv("KBSYNC_SERVER__API_KEY", place.standin.key)
    assert rows(place, 0)["key"]["subject"] == "KBSYNC_SERVER__API_KEY"


# --- server -----------------------------------------------------------------------------------


def test_wrong_key(place: Place) -> None:
    """A key that the server does not know is a failure of the server's side, exit code 5."""
    place.configure(api_key="dataset-wrongwrongwrongwrong")
    found = rows(place, 5)
    assert "key" in found[_only(results(found)["fail"])]["finding"]


def test_app_key(place: Place) -> None:
    """An app's key is told as such before the server refuses it."""
    place.configure(api_key="app-AbCdEfGhIjKlMnOpQrStUvWx")
    found = rows(place, 5)
    assert "looks like an app's" in found["key"]["finding"]
    assert results(found)["warn"] == ["key"]


def test_address_without_version(place: Place) -> None:
    """An address without /v1 is as good as one with it."""
    place.configure(base_url=place.base_url.removesuffix("/v1"))
    assert results(rows(place, 0)) == {"warn": [], "fail": []}


def test_wrong_path(place: Place) -> None:
    """An address with a wrong path answers, but is no API: the address is what to correct."""
    place.configure(base_url=place.base_url.replace("/v1", "/console/api"))
    found = rows(place, 5)
    assert found["server"]["result"] == "ok"
    failed = found[_only(results(found)["fail"])]
    assert "base_url" in failed["finding"] + failed["remedy"]


def test_page_of_a_proxy(place: Place) -> None:
    """A web page instead of an answer is told as what it is."""
    page = "<html><title>Sign in</title>Please sign in to the proxy</html>"
    with answering(200, page, Content_Type="text/html") as url:
        place.configure(base_url=url)
        found = rows(place, 5)
    assert results(found) == {"warn": ["server"], "fail": ["api"]}
    assert "web page" in found["server"]["finding"]
    assert "no_proxy" in found["server"]["remedy"]


def test_proxy_that_is_away(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the way leads through a proxy, the failure names its variable, not its password."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://me:pass-word@127.0.0.1:9")
    found = rows(place, 5)
    assert "through the proxy that http_proxy names" in found["server"]["finding"]
    assert "pass-word" not in str(found)


def test_old_server(place: Place) -> None:
    """A server older than any that kbsync was tried with is a warning."""
    with answering(404, X_Version="1.4.3") as url:
        place.configure(base_url=url)
        found = rows(place, 5)
    assert found["version"]["result"] == "warn"


def test_redirect(place: Place) -> None:
    """A server that sends everybody on to https is told with the address to set."""
    with answering(301, "", Location="https://dify.example/v1/") as url:
        place.configure(base_url=url)
        found = rows(place, 5)
    assert found["server"]["remedy"] == 'set server.base_url = "https://dify.example/v1"'


def test_nothing_listens(place: Place) -> None:
    """When nothing listens, that is the one failure, and the folder is looked at all the same."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place.configure(base_url=f"http://127.0.0.1:{port}")
    found = rows(place, 5)
    assert results(found) == {"warn": [], "fail": ["server"]}
    assert found["server"]["finding"] == f"nothing listens at 127.0.0.1:{port}"
    assert found["dataset"]["result"] == "skip"
    assert found["files"]["finding"].startswith("2 to keep in sync")


def test_unknown_name(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that DNS does not know is told as a matter of the name."""
    monkeypatch.setenv("no_proxy", "*")
    place.configure(base_url="https://dify.invalid/v1")
    found = rows(place, 5)
    assert "dify.invalid" in found["server"]["finding"]
    assert "base_url" in found["server"]["remedy"]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
def test_self_signed_certificate(place: Place, tmp_path: Path) -> None:
    """A self-signed certificate is refused with the setting that would trust it, and that works."""
    context, certificate = _self_signed(tmp_path)
    with answering(404, context=context) as url:
        place.configure(base_url=url)
        found = rows(place, 5)
        assert "self-signed certificate" in found["server"]["finding"]
        assert "server.ca_file" in found["server"]["remedy"]
        text = place.config.read_text()
        ca_file = f"[server]\nca_file = {json.dumps(str(certificate))}"
        place.config.write_text(text.replace("[server]", ca_file))
        assert rows(place, 5)["server"]["result"] == "ok"


def test_no_tls(place: Place) -> None:
    """https:// to a server without TLS asks whether http:// was meant."""
    place.configure(base_url=place.base_url.replace("http:", "https:"))
    found = rows(place, 5)
    assert "http:// instead of https://" in found["server"]["remedy"]


def test_clock_skew(place: Place) -> None:
    """A server whose clock is years away is a warning with the direction."""
    with answering(404, Date="Mon, 01 Jan 2001 00:00:00 GMT") as url:
        place.configure(base_url=url)
        found = rows(place, 5)
    assert found["clock"]["result"] == "warn"
    assert "behind this machine's" in found["clock"]["finding"]


# --- dataset ----------------------------------------------------------------------------------


def test_missing_dataset(place: Place) -> None:
    """A dataset that is not there is a failure, unless the first run is to make it."""
    place.configure(dataset="Nowhere")
    found = rows(place, 5)
    assert results(found)["fail"] == ["dataset"]
    assert "Nowhere" in found["dataset"]["finding"]
    place.configure(create_dataset=True)
    found = rows(place, 0)
    assert found["dataset"]["result"] == "ok"
    assert "the first run makes it" in found["dataset"]["finding"]
    assert {request.method for request in place.standin.requests} == {"GET"}


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"enable_api": False}, "API"),
        ({"provider": "external"}, "external"),
        ({"runtime_mode": "rag_pipeline"}, "pipeline"),
    ],
)
def test_dataset_that_takes_nothing(place: Place, columns: dict[str, Any], told: str) -> None:
    """A dataset without API access, an external or a pipeline one is told with what to do."""
    place.standin.create_dataset("Other", **columns)
    place.configure(dataset="Other")
    found = rows(place, 5)
    assert results(found)["fail"] == ["dataset"]
    assert told.lower() in (found["dataset"]["finding"] + found["dataset"]["remedy"]).lower()


@pytest.mark.parametrize("there", [True, False], ids=["an empty dataset", "one to be made"])
def test_no_embedding_model(place: Place, there: bool) -> None:
    """Where reconcile would be refused for want of a model, doctor says so first, both ways out."""
    name = "New"
    if there:
        place.standin.create_dataset(name, None)
    place.configure(dataset=name, create_dataset=not there, indexing_technique="high_quality")
    found = rows(place, 5)
    assert results(found)["fail"] == ["model"]
    assert "has no embedding model" in found["model"]["finding"]
    assert "Settings > Model Provider" in found["model"]["remedy"]
    assert 'indexing_technique = "economy"' in found["model"]["remedy"]
    assert place.kbsync("reconcile").code == 5
    place.configure(indexing_technique="economy")
    assert results(rows(place, 0)) == {"warn": [], "fail": []}
    assert place.kbsync("reconcile").code == 0


def test_documents_under_another_instance(place: Place) -> None:
    """Where reconcile would refuse to double another instance's documents, doctor says so first."""
    assert place.kbsync("reconcile").code == 0
    assert rows(place, 0)["owner"]["finding"] == "this instance is 'test'"
    place.lose_ledger()
    place.configure(instance="new-host")
    found = rows(place, 5)
    assert results(found)["fail"] == ["owner"]
    assert "2 documents of folder 'docs' from instance 'test'" in found["owner"]["finding"]
    assert 'set instance = "test"' in found["owner"]["remedy"]
    assert "kbsync adopt --apart docs" in found["owner"]["remedy"]
    assert not place.ledger.exists()
    assert place.kbsync("reconcile").code == 5
    assert place.kbsync("adopt", "--apart").code == 0
    assert results(rows(place, 0)) == {"warn": [], "fail": []}


def test_technique_mismatch(place: Place) -> None:
    """A dataset of the other technique names the setting."""
    place.configure(indexing_technique="high_quality")
    found = rows(place, 5)
    failed = found[_only(results(found)["fail"])]
    assert "indexing_technique" in failed["finding"] + failed["remedy"]


def test_simple_server(tmp_path: Path) -> None:
    """A server of the older guide's form is examined as far as it can tell."""
    with a_place(tmp_path, dialect="simple") as place:
        place.write("a.md", "text")
        found = rows(place, 0)
        assert "simple" in found["api"]["finding"]
        assert found["documents"]["result"] == "skip"
        place.configure(api_key="dataset-wrong")
        assert results(rows(place, 5))["fail"] == ["documents"]


# --- folder -----------------------------------------------------------------------------------


def test_missing_folder(place: Place) -> None:
    """A folder that is not there fails with the path, and the dataset is looked at all the same."""
    place.configure(path=str(place.root / "gone"))
    found = rows(place, 3)
    assert results(found)["fail"] == ["root"]
    assert str(place.root / "gone") in found["root"]["finding"]
    assert found["dataset"]["result"] == "ok"
    assert found["files"]["result"] == "skip"


def test_folder_that_is_a_file(place: Place) -> None:
    """A file in the folder's place is told as such."""
    place.configure(path=str(place.root / "Guide.md"))
    assert "is not a directory" in rows(place, 3)["root"]["finding"]


def test_folder_behind_a_link(place: Place, tmp_path: Path) -> None:
    """A folder that is a link is followed to where it leads, and says so."""
    (tmp_path / "link").symlink_to(place.root)
    place.configure(path=str(tmp_path / "link"))
    assert f"leads to {place.root}" in rows(place, 0)["root"]["finding"]


def test_patterns_and_limits(place: Place) -> None:
    """An include pattern that admits nothing and a max_size above the server's are warnings."""
    place.configure(include=["*.md", "*.vtt"], max_size="50MiB")
    found = rows(place, 0)
    assert results(found)["warn"] == ["size limit", "patterns"] or set(results(found)["warn"]) == {
        "size limit",
        "patterns",
    }
    assert '"*.vtt"' in found["patterns"]["finding"]
    assert "*.md" not in found["patterns"]["finding"]
    assert "UPLOAD_FILE_SIZE_LIMIT" in found["size limit"]["remedy"]


def test_the_limit_that_the_server_tells(place: Place) -> None:
    """With an application's key, the largest file that this server takes is learnt."""
    place.configure(max_size="10MiB")
    text = place.config.read_text().replace(
        "[[folders]]", f'[app]\napi_key = "{place.standin.app_key}"\n[[folders]]'
    )
    place.config.write_text(text)
    found = rows(place, 0)
    assert found["application"]["finding"] == "takes the application's key"
    told = "max_size is 10 MiB; this server takes 15 MiB, so it could be raised"
    assert found["size limit"]["finding"] == told
    place.config.write_text(text.replace("10MiB", "50MiB"))
    assert "but this server takes 15 MiB" in rows(place, 0)["size limit"]["finding"]
    place.config.write_text(text.replace(place.standin.app_key, "app-of-somebody-else"))
    found = rows(place, 5)
    assert results(found)["fail"] == ["application"]
    assert found["size limit"]["finding"] == "max_size is 10 MiB"


def test_conversion(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Types that cannot be converted here are a warning that says what to install."""
    place.write("show.pptx", b"PK")
    place.configure(convert=["pptx", "odt"], include=["*.md", "*.pptx"])
    found = rows(place, 0)
    assert found["conversion"]["finding"] == "2 types are converted"
    assert found["patterns"]["result"] == "ok"

    monkeypatch.setitem(CONVERTERS, "pptx", Converter("office", "md", modules=("no_such_module",)))
    found = rows(place, 0)
    assert found["conversion"]["finding"].startswith("pptx cannot be converted")
    assert "kbsync[convert]" in found["conversion"]["remedy"]


def test_an_ignore_file_that_cannot_be_used(place: Place) -> None:
    """It is a warning that names the line and what it means."""
    place.write(".kbsyncignore", "[a\n")
    found = rows(place, 0)["files"]
    assert "line 1: the pattern '[a'" in found["finding"]
    assert found["remedy"].startswith("correct it: nothing in that directory is sent or deleted")


def test_walk_that_takes_too_long(place: Place) -> None:
    """A walk ends when its time is over, says so, and judges no pattern by what it saw."""
    place.configure(include=["*.md", "*.vtt"])
    folder = load(place.config).folders[0]
    walk = walked(folder, 0.0)
    assert "(stopped after 0 s; there are more)" in folder_files(folder, walk).finding
    assert folder_patterns(folder, walk).result is Result.SKIP


def test_another_user() -> None:
    """What the user cannot read or write is told by name, and with the command that allows it."""
    with _open_directory() as directory, a_place(directory) as place:
        place.write("fine.md", "text")
        place.write("secret.md", "text").chmod(0)
        place.configure(api_key="dataset-standin")
        place.config.chmod(0o644)
        said = _as_nobody(place, "doctor", "--json")
        found = by_check(said, "dataset-standin")
        assert "1 unreadable" in found["files"]["finding"]
        assert f"{place.root / 'secret.md'}: permission denied" in found["files"]["finding"]
        assert f"chmod -R o+rX {place.root}" in found["files"]["remedy"] or os.getuid() != 0
        assert said.code == 0 if os.getuid() else said.code == 3
        place.root.chmod(0)
        closed = _as_nobody(place, "doctor", "--json")
        assert closed.code == 3
        assert (
            f"may not read the directory {place.root}"
            in by_check(closed, "dataset-standin")["root"]["finding"]
        )
        place.root.chmod(0o755)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can take on another user's rights")
def test_a_ledger_of_another_user() -> None:
    """Who may not look into the ledger's directory is told so by every command, in one line."""
    with _open_directory() as directory, a_place(directory) as place:
        place.write("fine.md", "a document about stoats")
        place.config.chmod(0o644)
        assert place.kbsync("reconcile").code == 0
        place.ledger.parent.chmod(0o700)
        for command in ("status", "plan", "explain docs/fine.md", "retry", "reconcile", "history"):
            said = _as_nobody(place, *command.split())
            assert (said.code, said.out) == (1, ""), command
            assert said.line("kbsync: ").startswith(f"kbsync: ledger {place.ledger}: "), command
        assert "run kbsync as the user whose ledger it is" in _as_nobody(place, "status").err


@pytest.mark.skipif(os.getuid() != 0, reason="only root can take on another user's rights")
def test_the_rights_of_the_service(tmp_path: Path) -> None:
    """As root, --user finds what the service's user may not read, and root's own rights hide."""
    with _open_directory() as directory, a_place(directory) as place:
        place.write("fine.md", "text")
        place.write("secret.md", "text").chmod(0o600)
        assert place.kbsync("doctor", "--json").code == 0
        before = os.getresuid(), os.getresgid(), os.getgroups()
        said = place.kbsync("doctor", "--json", "--user", "nobody")
        assert (os.getresuid(), os.getresgid(), os.getgroups()) == before
        found = by_check(said, place.standin.key)
        assert "permission denied for user nobody" in found["files"]["finding"]
        assert (
            f"--group NAME, or --user NAME; or let everybody in: chmod -R o+rX {place.root}"
            in found["files"]["remedy"]
        )
        assert results(found) == {"warn": ["files"], "fail": []}
        assert (
            "there is no user 'no-such-user'; name one that is on"
            in place.kbsync("doctor", "--user", "no-such-user").err
        )


@pytest.mark.parametrize(
    ("permitted", "guards", "told"),
    [
        (False, {}, "setfacl -R -m u:"),
        (False, {"selinux": True}, "setfacl -R -m u:"),
        (True, {"selinux": True, "in_unit": True}, "restorecon -R /srv/docs"),
        (True, {"apparmor": "kbsync (enforce)"}, "add /srv/docs/** r, to it"),
        (True, {"in_unit": True}, "BindReadOnlyPaths=/srv/docs"),
        (True, {}, "look for what else denies it"),
        (False, {"is_root": True, "file_system": "nfs4"}, "root_squash"),
    ],
)
def test_who_denies_it(permitted: bool, guards: dict[str, Any], told: str) -> None:
    """What is denied although the mode allows it is SELinux's, AppArmor's or a sandbox's doing."""
    nothing = Guards(is_root=False, selinux=False, apparmor="", in_unit=False, file_system="ext4")
    path = Path("/srv/docs")
    stands = replace(nothing, **guards)
    assert told in remedy_for(path, path, "rX", permitted=permitted, guards=stands)


@pytest.mark.parametrize(("uid", "command"), [(1000, "setfacl -R -m u:"), (61500, "chmod -R o+rX")])
def test_how_a_user_is_let_in(monkeypatch: pytest.MonkeyPatch, uid: int, command: str) -> None:
    """An entry that names a user is of no use for one that systemd makes up at each start."""
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert command in letting_in("/srv/docs", "rX")


def test_a_folder_that_the_unit_hides(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a unit, a folder below /tmp that is not there may be outside of it."""
    place.configure(path="/tmp/not there")
    assert "mount it or make it" in rows(place, 3)["root"]["remedy"]
    monkeypatch.setenv("INVOCATION_ID", "0123456789abcdef0123456789abcdef")
    assert "PrivateTmp" in rows(place, 3)["root"]["remedy"]


# --- ledger -----------------------------------------------------------------------------------


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize(
    ("owner", "warned", "told"),
    [(65534, ["ledger"], "may not be able to read"), (62378, [], "of a service's own user, 62378")],
)
def test_whose_ledger_it_is(place: Place, owner: int, warned: list[str], told: str) -> None:
    """Root is warned of another person's ledger, and not of a service's, which is looked at so."""
    assert place.kbsync("reconcile").code == 0
    for file in place.ledger.parent.iterdir():
        os.chown(file, owner, owner)

    found = rows(place, 0)

    assert results(found) == {"warn": warned, "fail": []}
    assert told in found["ledger"]["finding"]


def test_held_ledger(place: Place) -> None:
    """A ledger in use by another process is told with that process; nothing else suffers."""
    assert place.kbsync("reconcile").code == 0
    hold = (
        "import sys; from pathlib import Path; from kbsync.ledger import Ledger\n"
        "with Ledger.open(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(place.ledger)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | _path(),
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        found = rows(place, 0)
        holder.communicate()
    assert results(found) == {"warn": ["ledger lock"], "fail": []}
    assert "is using the ledger" in found["ledger lock"]["finding"]
    said = found["ledger lock"]["finding"]
    assert said.startswith((f"process {holder.pid} (", "another kbsync"))
    assert results(rows(place, 0)) == {"warn": [], "fail": []}


def test_damaged_ledger(place: Place) -> None:
    """A file that is no ledger is a failure, and is not touched."""
    place.ledger.parent.mkdir()
    place.ledger.write_bytes(b"no database at all, but long enough to be one" * 20)
    before = place.ledger.read_bytes()
    found = rows(place, 3)
    assert results(found)["fail"] == ["ledger"]
    assert place.ledger.read_bytes() == before


def test_a_ledger_damaged_in_the_middle(place: Place) -> None:
    """Damage that opening does not meet is found, and what will be done about it is told."""
    for number in range(60):
        place.write(f"{number}.md", f"document number {number}, about voles and their burrows")
    assert place.kbsync("reconcile").code == 0
    found = rows(place, 0)["ledger"]
    assert found["finding"] == "opens and is sound"
    with place.ledger.open("r+b") as file:
        file.seek(place.ledger.stat().st_size - 8192)
        file.write(b"\xff" * 8192)
    before = place.ledger.read_bytes()
    assert "damaged" in rows(place, 3)["ledger"]["finding"]
    assert place.ledger.read_bytes() == before
    place.ledger.unlink()
    assert "the file is gone" in rows(place, 3)["ledger"]["finding"]


@pytest.mark.parametrize(
    ("path", "kind", "result"),
    [
        ("/var/lib/kbsync/ledger.db", "ext4", Result.OK),
        ("/mnt/my share/ledger.db", "nfs4", Result.FAIL),
        ("/mnt/my share/local/ledger.db", "xfs", Result.OK),
        ("/mnt/my shared/ledger.db", "ext4", Result.OK),
        ("/mnt/win/ledger.db", "cifs", Result.FAIL),
        ("/home/me/far/ledger.db", "fuse.sshfs", Result.FAIL),
    ],
)
def test_network_file_systems(path: str, kind: str, result: Result) -> None:
    """A ledger on a network file system is a failure; the innermost mount decides."""
    found = ledger_file_system(Path(path), NFS)
    assert found.result is result
    assert f"is on {kind} (" in found.finding


@pytest.mark.parametrize(
    ("path", "watch", "result", "finding"),
    [
        ("/srv/docs", "auto", Result.OK, "ext4 (/): changes are seen as they happen"),
        ("/mnt/win/docs", "auto", Result.OK, "/mnt/win is cifs: changes made elsewhere send no"),
        ("/mnt/win/docs", "native", Result.WARN, "changes made elsewhere send no events"),
        ("/home", "auto", Result.OK, "as they happen; /home/me/far is fuse.sshfs"),
        ("/home", "native", Result.WARN, "/home/me/far is fuse.sshfs"),
    ],
)
def test_folders_on_network_file_systems(
    path: str, watch: str, result: Result, finding: str
) -> None:
    """What is polled is said, also below the folder; native watching is warned of there."""
    settings = {"name": "docs", "path": path, "dataset": "KB", "watch": watch}
    found = folder_mount(FolderSettings.model_validate(settings), NFS)
    assert found.result is result
    assert finding in found.finding


def test_space_and_watches(tmp_path: Path) -> None:
    """Little space and few watches are warnings, and no space is a failure."""
    ledger = tmp_path / "ledger.db"
    assert ledger_space(ledger, 10**9).result is Result.OK
    assert ledger_space(ledger, 10**8).result is Result.WARN
    assert ledger_space(ledger, 10**6).result is Result.FAIL
    assert watches([Walk(directories=10)], 8192).result is Result.OK
    assert watches([Walk(directories=9000)], 8192).result is Result.WARN


# --- helpers ----------------------------------------------------------------------------------


def _only(checks: list[str]) -> str:
    assert len(checks) == 1, checks
    return checks[0]


def _path() -> dict[str, str]:
    return {"PYTHONPATH": str(Path(__file__).parents[2])}


@contextmanager
def _open_directory() -> Iterator[Path]:
    """A directory that other users can enter, which pytest's are not."""
    with tempfile.TemporaryDirectory(prefix="kbsync-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _as_nobody(place: Place, *command: str) -> Said:
    """Run a command without root's rights; imports first, as the checkout may be closed to it."""
    script = (
        "import io, os, sys; from contextlib import redirect_stdout; from kbsync.cli import run\n"
        "with redirect_stdout(io.StringIO()): run(sys.argv[1:])\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "sys.exit(run(sys.argv[1:]))"
    )
    arguments = [*command, "--config", str(place.config)]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=os.environ | _path(),
        check=False,
        capture_output=True,
        text=True,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def _self_signed(directory: Path) -> tuple[ssl.SSLContext, Path]:
    key, certificate = directory / "tls.key", directory / "tls.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=dify.test", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate
