"""Where the configuration and the key come from, and what variables do to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from kbsync.config import Settings, find, load
from kbsync.errors import ConfigError
from kbsync.model import Processing

KEY = "dataset-abcdefghijklmnop12345678"
FOLDERS = '[[folders]]\nname = "handbook"\npath = "docs"\ndataset = "Handbook"\n'


def written(file: Path, server: str = "", *, top: str = "", mode: int = 0o600) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'{top}\n[server]\nbase_url = "https://dify.example"\n{server}\n{FOLDERS}')
    file.chmod(mode)
    return file


def key_file(directory: Path, content: str = KEY + "\n", mode: int = 0o600) -> Path:
    file = directory / "key"
    file.write_text(content)
    file.chmod(mode)
    return file


def secret(settings: Settings) -> str:
    return settings.server.api_key.get_secret_value()


def refused(file: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(file, environ=environ or {})
    assert KEY not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return str(caught.value)


def test_the_search_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of option, variable, current directory and user's directory is taken."""
    monkeypatch.chdir(tmp_path)
    user = written(tmp_path / "home" / ".config" / "kbsync" / "config.toml")
    xdg = written(tmp_path / "xdg" / "kbsync" / "config.toml")
    named = written(tmp_path / "named.toml")
    environ = {"HOME": str(tmp_path / "home")}
    assert find(environ=environ) == user
    environ["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")
    assert find(environ=environ) == xdg
    here = written(tmp_path / "kbsync.toml")
    assert find(environ=environ) == here
    environ["KBSYNC_CONFIG"] = str(named)
    assert find(environ=environ) == named
    assert find(user, environ=environ) == user


def test_no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has none is told where it was looked for, and what writes one."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        find(environ={"HOME": str(tmp_path)})
    assert str(caught.value) == (
        "there is no configuration: looked for --config, $KBSYNC_CONFIG, kbsync.toml,"
        f" {tmp_path}/.config/kbsync/config.toml, /etc/kbsync/config.toml;"
        " `kbsync init` writes one"
    )


def test_a_named_file_that_is_missing(tmp_path: Path) -> None:
    """A file that was asked for is never silently replaced by another one."""
    file = tmp_path / "no.toml"
    said = f"there is no such file; `kbsync init --output {file}` writes one"
    assert refused(file) == f"{file} (--config): {said}"
    with pytest.raises(ConfigError) as caught:
        find(environ={"KBSYNC_CONFIG": str(file)})
    assert str(caught.value) == f"{file} (KBSYNC_CONFIG): {said}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[server\n", "is not valid TOML: Expected ']' at the end of a table declaration"),
        (b"a = 1\na = 2\n", "is not valid TOML: Cannot overwrite a value (at line 2, column 6)"),
        (b'a = "\xff"', "is not UTF-8 (byte 5)"),
    ],
)
def test_a_file_that_is_no_toml(tmp_path: Path, content: bytes, said: str) -> None:
    """A slip in the notation is shown with its line and column."""
    file = tmp_path / "kbsync.toml"
    file.write_bytes(content)
    assert refused(file).startswith(f"{file} {said}")
    assert "UTF-8" in said or "(at line " in refused(file)


def test_a_directory_is_no_configuration(tmp_path: Path) -> None:
    """What cannot be read is told by its path."""
    assert refused(tmp_path) == f"{tmp_path} cannot be read: Is a directory"


def test_a_place_that_cannot_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place that refuses an answer is not taken for an empty one."""
    monkeypatch.chdir(tmp_path)
    base = tmp_path / ("x" * 300)
    with pytest.raises(ConfigError) as caught:
        find(environ={"XDG_CONFIG_HOME": str(base)})
    assert str(caught.value) == f"{base}/kbsync/config.toml cannot be read: File name too long"


def test_defaults_and_paths(tmp_path: Path) -> None:
    """Relative paths start at the file's directory, and a home directory's sign is understood."""
    file = written(tmp_path / "kbsync.toml", "api_key_file = 'key'", top="ledger = '~/l.db'")
    key_file(tmp_path)
    settings = load(file, environ={})
    assert settings.folders[0].path == tmp_path / "docs"
    assert settings.server.api_key_file == tmp_path / "key"
    assert settings.ledger == Path.home() / "l.db"
    assert settings.instance == os.uname().nodename
    assert settings.folders[0].processing() == Processing()
    assert settings.warnings == ()


def test_a_path_of_an_unknown_user(tmp_path: Path) -> None:
    """A user that does not exist is not taken for a directory's name."""
    file = written(tmp_path / "kbsync.toml", "api_key = 'x'", top="ledger = '~nobody-here/l.db'")
    assert refused(file) == (
        f'{file}: ledger = "~nobody-here/l.db" must be a path; there is no such user'
    )


@pytest.mark.parametrize(
    ("environ", "ledger"),
    [
        ({"STATE_DIRECTORY": "/var/lib/kbsync"}, "/var/lib/kbsync/ledger.db"),
        ({"STATE_DIRECTORY": "/a:/b", "XDG_STATE_HOME": "/s"}, "/a/ledger.db"),
        ({"XDG_STATE_HOME": "/s"}, "/s/kbsync/ledger.db"),
        ({"XDG_STATE_HOME": "relative"}, str(Path.home() / ".local/state/kbsync/ledger.db")),
        ({}, str(Path.home() / ".local/state/kbsync/ledger.db")),
    ],
)
def test_where_the_ledger_is(tmp_path: Path, environ: dict[str, str], ledger: str) -> None:
    """A service keeps its ledger in its state directory, a person in their own."""
    file = written(tmp_path / "kbsync.toml", f"api_key = '{KEY}'")
    assert load(file, environ=environ).ledger == Path(ledger)


def test_variables_override_the_file(tmp_path: Path) -> None:
    """A variable changes one value and leaves its neighbours alone."""
    file = written(tmp_path / "kbsync.toml", f"api_key = '{KEY}'\nmax_connections = 2")
    settings = load(
        file,
        environ={
            "KBSYNC_SERVER__MAX_CONNECTIONS": "9",
            "KBSYNC_SERVER__VERIFY_TLS": "false",
            "KBSYNC_LOG__LEVEL": "debug",
            "KBSYNC_INSTANCE": "other",
            "OTHER_THINGS": "are not looked at",
        },
    )
    assert settings.server.max_connections == 9
    assert settings.server.base_url == "https://dify.example"
    assert not settings.server.verify_tls
    assert (settings.log.level, settings.instance) == ("debug", "other")


def test_folders_from_a_variable(tmp_path: Path) -> None:
    """A container may say all of its folders in one variable, as JSON."""
    file = written(tmp_path / "kbsync.toml", f"api_key = '{KEY}'")
    folder = {"name": "b", "path": "/b", "dataset": "B", "settle": "9s"}
    settings = load(file, environ={"KBSYNC_FOLDERS": json.dumps([folder])})
    assert [(folder.name, folder.settle) for folder in settings.folders] == [("b", 9.0)]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "KBSYNC_SERVER__API_KYE",
            KEY,
            'KBSYNC_SERVER__API_KYE is not a setting; did you mean "KBSYNC_SERVER__API_KEY"?',
        ),
        (
            "KBSYNC_SERVER__MAX_CONNECTIONS",
            "many",
            'KBSYNC_SERVER__MAX_CONNECTIONS = "many" must be a whole number from 1 to 16',
        ),
        ("KBSYNC_SERVER__API_KEY", "", None),
        ("KBSYNC_FOLDERS", f'[{{"{KEY}"', "KBSYNC_FOLDERS must be written as JSON"),
        ("KBSYNC_SERVER", f'"{KEY}"', "KBSYNC_SERVER must be a section with keys of its own"),
        (
            "KBSYNC_FOLDERS",
            '[{"name": "b", "path": "/b", "dataset": ""}]',
            (
                'KBSYNC_FOLDERS: folders[0] "b": dataset = "" must be a text of 1 to 40'
                " printable characters"
            ),
        ),
        ("KBSYNC_LOG__LEVEL", "x", None),
    ],
)
def test_a_wrong_variable(tmp_path: Path, name: str, value: str, said: str | None) -> None:
    """The variable is named, not the file."""
    line = refused(written(tmp_path / "kbsync.toml", f"api_key = '{KEY}'"), {name: value})
    assert line.startswith(name)
    assert said is None or line == said


def test_every_place_of_a_key(tmp_path: Path) -> None:
    """A variable counts more than systemd's credential, and that more than the file."""
    file = written(tmp_path / "kbsync.toml", "api_key = 'dataset-direct'")
    assert secret(load(file, environ={})) == "dataset-direct"
    written(file, "api_key_file = 'key'")
    key_file(tmp_path, "dataset-from-file\r\n")
    assert secret(load(file, environ={})) == "dataset-from-file"
    (tmp_path / "dataset-key").write_text("dataset-credential\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert secret(load(file, environ=environ)) == "dataset-credential"
    (tmp_path / "key").unlink()
    assert secret(load(file, environ=environ)) == "dataset-credential"
    environ["KBSYNC_SERVER__API_KEY_FILE"] = str(key_file(tmp_path, "dataset-other-file"))
    assert secret(load(file, environ=environ)) == "dataset-other-file"
    del environ["KBSYNC_SERVER__API_KEY_FILE"]
    environ["KBSYNC_SERVER__API_KEY"] = "dataset-variable"
    assert secret(load(file, environ=environ)) == "dataset-variable"


def test_no_key(tmp_path: Path) -> None:
    """Who gave no key reads all four ways to give one."""
    file = written(tmp_path / "kbsync.toml")
    assert refused(file) == (
        f'{file}: there is no API key; give server.api_key_file = "/path/of/a/file", or'
        " server.api_key, or the variable KBSYNC_SERVER__API_KEY, or the systemd credential"
        " dataset-key"
    )


def test_two_keys(tmp_path: Path) -> None:
    """Two keys in one place are a mistake that must not be decided by chance."""
    file = written(tmp_path / "kbsync.toml", f"api_key = '{KEY}'\napi_key_file = 'key'")
    assert refused(file) == (
        f"{file}: server.api_key and {file}: server.api_key_file exclude each other;"
        " keep one of them"
    )


@pytest.mark.parametrize("bad", ["", "\n", "  ", f"{KEY} x", f"{KEY}\n\n", f" {KEY}", f"{KEY}é", 7])
def test_what_is_no_key(tmp_path: Path, bad: object) -> None:
    """A key is one ASCII word, wherever it stands; what was given instead is not repeated."""
    directly = refused(written(tmp_path / "kbsync.toml", f"api_key = {json.dumps(bad)}"))
    assert directly.startswith(f"{tmp_path}/kbsync.toml: server.api_key ")
    assert "must" in directly
    if isinstance(bad, str):
        key_file(tmp_path, bad)
        file = written(tmp_path / "kbsync.toml", "api_key_file = 'key'")
        said = refused(file)
        assert said.startswith(f"{file}: server.api_key_file = {tmp_path}/key ")
        assert refused(file, {"KBSYNC_SERVER__API_KEY": bad}).startswith("KBSYNC_SERVER__API_KEY ")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("'nowhere'", "{file}: server.api_key_file = {dir}/nowhere cannot be read: No such file"),
        ("''", "{file}: server.api_key_file must be the path of a file that holds the key"),
        ("[]", "{file}: server.api_key_file must be the path of a file that holds the key"),
        (f"'{KEY}'", "{file}: server.api_key_file looks like a key; it must be the path of"),
    ],
)
def test_a_wrong_key_file(tmp_path: Path, value: str, said: str) -> None:
    """A key where its file should stand is recognised, and not repeated."""
    file = written(tmp_path / "kbsync.toml", f"api_key_file = {value}")
    assert refused(file).startswith(said.format(file=file, dir=tmp_path))


def test_a_key_in_the_wrong_place_is_not_shown(tmp_path: Path) -> None:
    """Misspelt names, wrong sections and addresses with passwords do not bring secrets to light."""
    for server in (
        f"api_kee = '{KEY}'\napi_key = 'x'",
        f"api_style = '{KEY}'\napi_key = 'x'",
        f"timeout = 'x {KEY}'\napi_key = 'x'",
    ):
        assert "must" in refused(written(tmp_path / "kbsync.toml", server)) or "api_kee" in server
    file = tmp_path / "kbsync.toml"
    file.write_text(
        f"[server]\nbase_url = 'https://u:hunter2@dify.example'\napi_key = '{KEY}'\n{FOLDERS}"
    )
    assert refused(file) == (
        f"{file}: server.base_url must not contain a user or a password;"
        " the key goes to api_key_file"
    )


def test_settings_do_not_show_the_key_and_do_not_change(tmp_path: Path) -> None:
    """Printing the settings by accident gives nothing away, and nobody can alter them."""
    settings = load(written(tmp_path / "kbsync.toml", f"api_key = '{KEY}'"), environ={})
    assert KEY not in f"{settings!r} {settings} {settings.model_dump()} {settings.warnings}"
    with pytest.raises(ValidationError):
        settings.instance = "other"  # type: ignore[misc]  # what must fail


@pytest.mark.parametrize(
    ("mode", "warned"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)]
)
def test_a_key_that_others_can_read(tmp_path: Path, mode: int, warned: bool) -> None:
    """Permissions of the file with the key are looked at, be it the configuration or its own."""
    file = written(tmp_path / "kbsync.toml", f"api_key = '{KEY}'", mode=mode)
    said = "holds the API key and others can read it; run chmod 600"
    assert load(file, environ={}).warnings == ((f"{file} {said} {file}",) if warned else ())
    key = key_file(tmp_path, mode=mode)
    file = written(tmp_path / "other.toml", "api_key_file = 'key'", mode=0o644)
    assert load(file, environ={}).warnings == ((f"{key} {said} {key}",) if warned else ())


def test_both_keys_in_one_file(tmp_path: Path) -> None:
    """That others can read it is said once."""
    app = "[app]\napi_key = 'app-abcdefghijklmnop'"
    file = written(tmp_path / "kbsync.toml", f"api_key = '{KEY}'\n{app}", mode=0o644)
    assert len(load(file, environ={}).warnings) == 1


@pytest.mark.parametrize(
    ("told", "budget"),
    [
        ("", 0),
        ("requests_per_minute = 100", 80),
        ("requests_per_minute = 1", 1),
        ("requests_per_minute = 100\nshare_percent = 33", 33),
        ("requests_per_minute = 60\nshare_percent = 100", 60),
    ],
)
def test_our_share(tmp_path: Path, told: str, budget: int) -> None:
    """Of what a server allows, a part is left for its other users; one request is always ours."""
    file = written(tmp_path / "kbsync.toml", f"api_key = '{KEY}'\n{told}")
    assert load(file, environ={}).server.budget == budget


@pytest.mark.parametrize(
    ("base_url", "url", "clear"),
    [
        ("https://dify.example", "https://dify.example/v1", False),
        ("https://dify.example/", "https://dify.example/v1", False),
        ("https://dify.example/v1//", "https://dify.example/v1", False),
        ("https://dify.example/api/v2", "https://dify.example/api/v2", False),
        ("https://dify.example/tv1", "https://dify.example/tv1/v1", False),
        ("http://dify.example", "http://dify.example/v1", True),
        ("http://10.0.0.1:5001/v1", "http://10.0.0.1:5001/v1", True),
        ("http://localhost:5001", "http://localhost:5001/v1", False),
        ("http://127.8.0.1", "http://127.8.0.1/v1", False),
        ("http://[::1]:5001", "http://[::1]:5001/v1", False),
    ],
)
def test_the_address_that_is_called(tmp_path: Path, base_url: str, url: str, clear: bool) -> None:
    """With or without /v1 the same is called, and a key without encryption is worth a warning."""
    file = written(tmp_path / "kbsync.toml", f"api_key = '{KEY}'")
    settings = load(file, environ={"KBSYNC_SERVER__BASE_URL": base_url})
    assert settings.server.url == url
    said = f"server.base_url = {base_url} sends the key unencrypted; use https"
    assert settings.warnings == ((said,) if clear else ())


def test_doubtful_settings_are_warned_of(tmp_path: Path) -> None:
    """An unchecked certificate and an app's key are possible, and said."""
    file = written(tmp_path / "kbsync.toml", "api_key = 'app-x'\nverify_tls = false")
    app, tls = load(file, environ={}).warnings
    assert app == "the API key looks like an app's; a knowledge base takes dataset-... keys"
    assert tls.startswith("server.verify_tls = false lets anybody on the way read the key")


def test_how_documents_are_processed(tmp_path: Path) -> None:
    """What the folder says about indexing is what the server is sent, and no more."""
    rule = "{ mode = 'hierarchical', rules = { parent_mode = 'paragraph', segmentation = "
    rule += "{ separator = '##', max_tokens = 500 } } }"
    file = written(tmp_path / "kbsync.toml", f"api_key = '{KEY}'")
    with file.open("a") as stream:
        stream.write(f"doc_form = 'hierarchical_model'\nprocess_rule = {rule}\n")
    assert load(file, environ={}).folders[0].processing() == Processing(
        process_rule={
            "mode": "hierarchical",
            "rules": {
                "pre_processing_rules": [],
                "segmentation": {"separator": "##", "max_tokens": 500},
                "parent_mode": "paragraph",
            },
        },
        doc_form="hierarchical_model",
    )


def test_loading_imports_no_more_than_it_needs(tmp_path: Path) -> None:
    """Every command pays for this import: no scheduler, no HTTP client, no logger in it."""
    file = written(tmp_path / "kbsync.toml", f"api_key = '{KEY}'")
    code = (
        "import sys, pathlib, kbsync.config\n"
        f"kbsync.config.load(pathlib.Path({str(file)!r}), environ={{}})\n"
        "print(sorted({'apscheduler', 'httpx', 'structlog', 'click', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
