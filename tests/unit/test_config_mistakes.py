"""Mistakes that people make in a configuration: each is one line that says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kbsync.config import load
from kbsync.config.variables import variable_names
from kbsync.errors import ConfigError
from tests.unit.test_config_values import complaints, configured

IN_FOLDER = 'folders[0] "handbook": '
WORKFLOW_KEY, TOKEN = "app-AbCdEfGhIjKlMnOp", "0123456789abcdef"


def test_a_file_of_another_editor(tmp_path: Path) -> None:
    """A file as an editor of Windows writes it, with a mark and other line ends, is read."""
    file = configured(tmp_path)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert load(file, environ={}).folders[0].name == "handbook"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("ä".encode("utf-16"), " is not UTF-8 (byte 0); save it as UTF-8"),
        (b"a = 1\n# \xe4\n", " is not UTF-8 (byte 8); save it as UTF-8"),
        (b"a = " + b"9" * 5000, " is not valid TOML: a number has too many digits"),
        (b"a = " + b"[" * 5000, " is not valid TOML: it is nested too deeply"),
        (b"a = \n", " is not valid TOML: Invalid value (at line 1, column 5)"),
    ],
    ids=range(5),
)
def test_no_toml(tmp_path: Path, content: bytes, said: str) -> None:
    """What is no TOML is refused with the reason, whatever is wrong with it."""
    file = tmp_path / "kbsync.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(file, environ={})
    assert str(caught.value) == f"{file}{said}"


@pytest.mark.parametrize("name", sorted(dict(variable_names())))
def test_a_broken_variable(tmp_path: Path, name: str) -> None:
    """No value of any variable is an internal error: it is accepted, or told with its name."""
    file = configured(tmp_path)
    for value in ("{", "[" * 9999, "null", "", "9" * 5000, "\udcff"):
        try:
            load(file, environ={name: value})
        except ConfigError:
            assert all(line.startswith(name) for line in complaints(file, {name: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KBSYNC_HOOKS", "tell"),
        ("KBSYNC_HTTP__HOSTS", "kbsync.example"),
        ("KBSYNC_FOLDERS", "null"),
        ("KBSYNC_CHECKS", "[" * 9999),
    ],
    ids=range(4),
)
def test_a_variable_that_is_no_json(tmp_path: Path, name: str, value: str) -> None:
    """Lists and sections are written as JSON; what is none is not taken for nothing."""
    assert complaints(configured(tmp_path), {name: value}) == [f"{name} must be written as JSON"]


def test_a_list_as_a_variable(tmp_path: Path) -> None:
    """A list inside a section is JSON, too."""
    environ = {"KBSYNC_HTTP__HOSTS": json.dumps(["kbsync.example"])}
    assert load(configured(tmp_path), environ=environ).http.hosts == ("kbsync.example",)


@pytest.mark.parametrize(
    ("section", "key", "home"),
    [
        ("folder", "ledger", "the top of the file, before the first section"),
        ("folder", "timeout", "[server]"),
        ("folder", "match", "[[folders.rules]]"),
        ("server", "include", "[[folders]]"),
        ("server", "user", "[app]"),
        ("top", "api_key", "[server] or [app]"),
    ],
)
def test_a_setting_in_the_wrong_section(tmp_path: Path, section: str, key: str, home: str) -> None:
    """A key that stands under another header is told with the one that it belongs to."""
    [line] = complaints(configured(tmp_path, **{section: f'{key} = "5s"'}))
    assert line.endswith(f"{key} is not a setting here; it belongs to {home}")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('include = ["*.{md,txt}"]', "braces choose nothing here; write one pattern for each"),
        (
            'exclude = ["./drafts/"]',
            'a path has no "." or ".." in it; patterns start at the folder',
        ),
        ('include = ["../other/*.md"]', 'a path has no "." or ".." in it'),
        ('include = ["!*.pdf"]', 'must hold a pattern without "!", or nothing is wanted'),
        ('exclude = ["/srv/handbook/x/"]', 'patterns start at the folder; write "/x/"'),
    ],
)
def test_patterns_that_match_nothing(tmp_path: Path, written: str, said: str) -> None:
    """A pattern that no file can match is refused with what to write instead."""
    [line] = complaints(configured(tmp_path, folder=written))
    assert written.split(maxsplit=1)[0] in line
    assert said in line


def test_a_brace_in_a_name(tmp_path: Path) -> None:
    """A brace of a file's own name can be written."""
    file = configured(tmp_path, folder=r"exclude = ['\{a,b}', '{c}', '...', '.x/']")
    assert load(file, environ={}).folders[0].exclude == (r"\{a,b}", "{c}", "...", ".x/")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("* * * * mon–fri", "must be a cron expression"),
        ("* * * * mon-fri/2", "must be a cron expression"),
        ("* * * jan..mar *", "must be a cron expression"),
        ("*/15x * * * *", "must be a cron expression"),
        ("99 * * * *", "must be a cron expression"),
        ("* * * *", "must be a cron expression"),
        ("* * * * 1-5", "must name its weekdays"),
        ("0 0 31 2 *", "must be a time that comes: there is none"),
    ],
)
def test_times(tmp_path: Path, expression: str, said: str) -> None:
    """A schedule and a digest are read to the last letter, and come at some time."""
    [line] = complaints(configured(tmp_path, folder=f'schedule = "{expression}"'))
    assert line.startswith(f'{IN_FOLDER}schedule = "{expression}" {said}')
    hook = f'[[hooks]]\ncommand = ["tell"]\ndigest = "{expression}"\n'
    [line] = complaints(configured(tmp_path, top=hook))
    assert line.startswith(f'hooks[0].digest = "{expression}" {said}')


@pytest.mark.parametrize(
    "written",
    [
        'webhook = "chat.example/hooks/geheim"',
        'webhook = "https://[::1/geheim"',
        'webhook = "https://chat.example:99999/geheim"',
        'heartbeat = "hc.example/geheim"',
        'notify = ["mailto://me:geheim@host"]',
    ],
)
def test_a_wrong_address_of_a_hook(tmp_path: Path, written: str) -> None:
    """Whoever knows a hook's address can write to it, so a wrong one is not shown either."""
    [line] = complaints(configured(tmp_path, top=f"[[hooks]]\n{written}"))
    assert line.startswith(f"hooks[0].{written.split(maxsplit=1)[0]} must be ")
    assert "geheim" not in line


@pytest.mark.parametrize("written", ['[["pptx"]]', "[{ a = 1 }]", "[1]", "[true]"])
def test_what_is_no_type(tmp_path: Path, written: str) -> None:
    """What is to be converted are names of types."""
    [line] = complaints(configured(tmp_path, folder=f"convert = {written}"))
    assert line.startswith(f"{IN_FOLDER}convert = [")
    assert 'must be "off", "documents", "all", or a list' in line


def test_an_overlap_that_is_longer_than_a_segment(tmp_path: Path) -> None:
    """A segment that would repeat more than it holds fails on the server, so it is refused."""
    segmentation = '{ separator = "#", max_tokens = 100, chunk_overlap = 101 }'
    rule = f'process_rule = {{ mode = "custom", rules = {{ segmentation = {segmentation} }} }}'
    [line] = complaints(configured(tmp_path, folder=rule))
    assert line == (
        f"{IN_FOLDER}process_rule.rules.segmentation: chunk_overlap = 101 must not be more than"
        " max_tokens = 100: no segment can repeat more than it holds"
    )


def test_a_number_of_thousands_of_digits(tmp_path: Path) -> None:
    """A number that cannot be written down is told all the same."""
    written = f"max_delete_percent = 0x{'f' * 5000}"
    assert complaints(configured(tmp_path, folder=written)) == [
        f"{IN_FOLDER}max_delete_percent = … must be a whole number from 0 to 100"
    ]


def test_no_certificates(tmp_path: Path) -> None:
    """A file of certificates without a certificate would refuse every server."""
    (tmp_path / "ca.pem").write_text("none")
    [line] = complaints(configured(tmp_path, server='ca_file = "ca.pem"'))
    assert line.endswith("must be a file with certificates in PEM form: there is none in it")


def with_key_file(tmp_path: Path, content: bytes) -> Path:
    file = configured(tmp_path)
    file.write_text(file.read_text().replace('api_key = "dataset-secret"', 'api_key_file = "key"'))
    (tmp_path / "key").write_bytes(content)
    return file


@pytest.mark.parametrize("content", ['"dataset-x"\n', "'dataset-x'", "dataset-x y", "key\nkey"])
def test_a_key_that_is_none(tmp_path: Path, content: str) -> None:
    """Quotes, and more than one word, belong to no key."""
    [line] = complaints(with_key_file(tmp_path, content.encode()))
    assert line.startswith(f"server.api_key_file = {tmp_path}/key must be one word")
    assert line.endswith("without spaces, quotes or line breaks")


def test_a_key_after_a_byte_order_mark(tmp_path: Path) -> None:
    """What an editor writes in front of a key is no part of it."""
    file = with_key_file(tmp_path, b"\xef\xbb\xbfdataset-x\r\n")
    assert load(file, environ={}).server.api_key.get_secret_value() == "dataset-x"


SECRETS = """[http]
token_file = "http.token"
[[hooks]]
workflow = "report.key"
"""


def test_secrets_that_others_can_read(tmp_path: Path) -> None:
    """A token's or a workflow's file that is open to others is told with what to do."""
    file = configured(tmp_path, top=SECRETS)
    for name, secret in (("http.token", TOKEN), ("report.key", WORKFLOW_KEY)):
        (tmp_path / name).write_text(f"{secret}\n")
        (tmp_path / name).chmod(0o644)
    settings = load(file, environ={})
    assert (settings.http.token, settings.hooks[0].key) == (TOKEN, WORKFLOW_KEY)
    assert {TOKEN, WORKFLOW_KEY} < set(settings.secrets)
    assert TOKEN not in repr(settings)
    assert WORKFLOW_KEY not in repr(settings)
    assert settings.warnings == tuple(
        f"{tmp_path / name} holds a secret and others can read it; run chmod 600 {tmp_path / name}"
        for name in ("http.token", "report.key")
    )


def test_secrets_that_systemd_hands_over(tmp_path: Path) -> None:
    """A token and a workflow's key come from systemd where it has them; their files need not be."""
    given = tmp_path / "credentials"
    given.mkdir()
    (given / "http-token").write_text(TOKEN)
    (given / "workflow-report.key").write_text(f"{WORKFLOW_KEY}\n")
    (given / "workflow-report.key").chmod(0o440)
    file = configured(tmp_path, top=SECRETS)
    settings = load(file, environ={"CREDENTIALS_DIRECTORY": str(given)})
    assert (settings.http.token, settings.hooks[0].key) == (TOKEN, WORKFLOW_KEY)
    assert settings.hooks[0].name == "workflow report.key"
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("content", "reason"),
    [("short", "it has 5"), ("", "it is empty"), ("two words of it", "it has other characters")],
)
def test_a_token_that_is_none(tmp_path: Path, content: str, reason: str) -> None:
    """A token that could be guessed, or sent by nobody, is refused, and not shown."""
    (tmp_path / "http.token").write_text(content)
    [line] = complaints(configured(tmp_path, top='http.token_file = "http.token"'))
    assert line.startswith(
        'http.token_file = "http.token" must be a file that holds one word of 16'
    )
    assert line.endswith(f"as `openssl rand -hex 24` makes one: {reason}")
