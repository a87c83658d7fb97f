"""Every wrong value is one line: the file, the key, the value, what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from kbsync.config import load
from kbsync.errors import ConfigError

SERVER = 'base_url = "https://dify.example"\napi_key = "dataset-secret"\n'
FOLDER = 'name = "handbook"\npath = "/srv/handbook"\ndataset = "Handbook"\n'


def configured(tmp_path: Path, *, top: str = "", server: str = "", folder: str = "") -> Path:
    file = tmp_path / "kbsync.toml"
    file.write_text(f"{top}\n[server]\n{SERVER}{server}\n[[folders]]\n{FOLDER}{folder}\n")
    file.chmod(0o600)
    return file


def complaints(file: Path, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(file, environ=environ or {})
    assert "dataset-secret" not in str(caught.value)
    return [line.removeprefix(f"{file}: ") for line in str(caught.value).splitlines()]


SEGMENTS = "segmentation = { separator = '##', max_tokens = 500 }"

WRONG_IN_FOLDER = [
    (
        'settle = "2 sec"',
        'settle = "2 sec" must be a duration such as "500ms", "2s", "15m", "1h" or "2d"',
    ),
    ("settle = 2", 'settle = 2 must be a duration such as "500ms", "2s", "15m", "1h" or "2d"'),
    ('max_delay = "0s"', 'max_delay = "0s" must be longer than "0s"'),
    ('every = "-1h"', None),
    (
        'max_size = "15 megs"',
        (
            'max_size = "15 megs" must be a size: a number of bytes, '
            'or a text such as "500kB", "15MB" or "15MiB"'
        ),
    ),
    ("max_size = 0", "max_size = 0 must be at least one byte"),
    ("max_delete_count = -1", "max_delete_count = -1 must be a whole number of 0 or more"),
    ("max_delete_count = true", "max_delete_count = true must be a whole number of 0 or more"),
    ("max_delete_percent = 101", "max_delete_percent = 101 must be a whole number from 0 to 100"),
    (
        'on_delete = "hide"',
        'on_delete = "hide" must be "delete", "disable", "archive" or "keep"',
    ),
    (
        'on_delete = "disable"\ntrash_days = 3',
        'trash_days needs on_delete = "delete"; nothing else deletes',
    ),
    ('watch = "yes"', 'watch = "yes" must be "auto", "native", "poll" or "off"'),
    ("watch = false", 'watch = false must be "auto", "native", "poll" or "off"'),
    ('replace = "gapfree"', 'replace = "gapfree" must be "gap_free" or "in_place"'),
    ('create_dataset = "yes"', 'create_dataset = "yes" must be true or false'),
    (
        'include = "*.md"',
        'include = "*.md" must be a list of patterns such as ["*.md", "drafts/"]',
    ),
    (
        'schedule = "*/15"',
        (
            'schedule = "*/15" must be a cron expression of five fields such as "*/15 * * * *" or'
            ' "0 8 * * mon-fri"'
        ),
    ),
    (
        'schedule = "0 3 * * 0"',
        'schedule = "0 3 * * 0" must name its weekdays, such as "mon-fri": numbers are ambiguous',
    ),
    (
        'schedule = "0 3 * * *"\nevery = "1h"',
        ": schedule and every exclude each other; keep one of them",
    ),
    ('max_delay = "1s"', ": max_delay must not be shorter than settle"),
    ('doc_form = "qa"', None),
    ('setle = "2s"', 'setle is not a setting; did you mean "settle"?'),
    ("process_rule = 'automatic'", "process_rule must be a section with keys of its own"),
    ("process_rule = {}", "process_rule.mode is missing"),
    (
        'process_rule = { mode = "auto" }',
        'process_rule.mode = "auto" must be "automatic", "custom" or "hierarchical"',
    ),
    (
        'process_rule = { mode = "custom" }',
        'process_rule: mode "custom" needs rules with segmentation = { separator, max_tokens }',
    ),
    (
        f'process_rule = {{ mode = "automatic", rules = {{ {SEGMENTS} }} }}',
        'process_rule: mode "automatic" takes no rules; mode "custom" does',
    ),
    (
        (
            'process_rule = { mode = "custom", rules = { segmentation = '
            '{ separator = "#", max_tokens = 49 } } }'
        ),
        "process_rule.rules.segmentation.max_tokens = 49 must be a whole number from 50 to 4000",
    ),
    (
        (
            'process_rule = { mode = "custom", rules = { segmentation = '
            '{ separator = "", max_tokens = 50 } } }'
        ),
        (
            'process_rule.rules.segmentation.separator = "" must be a text that is not empty, '
            r'such as "\n\n"'
        ),
    ),
    (
        (
            'process_rule = { mode = "custom", rules = { segmentation = '
            '{ separator = "#", max_tokens = 50, delimiter = "#" } } }'
        ),
        'process_rule.rules.segmentation.delimiter is not a setting; did you mean "separator"?',
    ),
    (
        f'process_rule = {{ mode = "hierarchical", rules = {{ {SEGMENTS} }} }}',
        'process_rule: mode "hierarchical" needs rules.parent_mode = "paragraph" or "full-doc"',
    ),
    (
        'doc_form = "hierarchical_model"',
        (
            ': doc_form = "hierarchical_model" needs process_rule with mode = "hierarchical"; '
            "the server would index it without a single segment"
        ),
    ),
    (
        (
            'doc_form = "hierarchical_model"\nindexing_technique = "economy"\nprocess_rule = '
            f'{{ mode = "hierarchical", rules = {{ parent_mode = "paragraph", {SEGMENTS} }} }}'
        ),
        ': doc_form = "hierarchical_model" needs indexing_technique = "high_quality"',
    ),
]


@pytest.mark.parametrize(("written", "said"), WRONG_IN_FOLDER)
def test_a_wrong_value_of_a_folder(tmp_path: Path, written: str, said: str | None) -> None:
    """A folder is named by its number and its name, then the key, the value and what is allowed."""
    lines = complaints(configured(tmp_path, folder=written))
    assert len(lines) == 1
    assert lines[0].startswith('folders[0] "handbook": ')
    if said is not None:
        assert lines == [f'folders[0] "handbook": {said.removeprefix(": ")}']


WRONG_IN_SERVER = [
    ("max_connections = 17", "server.max_connections = 17 must be a whole number from 1 to 16"),
    (
        "requests_per_minute = -5",
        "server.requests_per_minute = -5 must be a whole number of 0 or more",
    ),
    ('api_style = "old"', 'server.api_style = "old" must be "auto", "dify" or "simple"'),
    ('verify_tls = "no"', 'server.verify_tls = "no" must be true or false'),
    (
        'ca_file = "/no/such.pem"',
        (
            'server.ca_file = "/no/such.pem" must be a file with certificates in PEM form: '
            "No such file or directory"
        ),
    ),
    ('ca_bundle = "x"', 'server.ca_bundle is not a setting; did you mean "ca_file"?'),
    ('timout = "3s"', 'server.timout is not a setting; did you mean "timeout"?'),
    ('timeout = "0s"', 'server.timeout = "0s" must be longer than "0s"'),
]


@pytest.mark.parametrize(("written", "said"), WRONG_IN_SERVER)
def test_a_wrong_value_of_the_server(tmp_path: Path, written: str, said: str) -> None:
    """The key is shown with its section."""
    assert complaints(configured(tmp_path, server=written)) == [said]


WRONG_AT_TOP = [
    ('instance = ""', 'instance = "" must be a text of 1 to 64 printable characters'),
    (r'instance = "a\nb"', r'instance = "a\nb" must be a text of 1 to 64 printable characters'),
    ("ledger = 1", "ledger = 1 must be a path"),
    ('ledger = ""', 'ledger = "" must be a path'),
    ('servers = "x"', 'servers is not a setting; did you mean "server"?'),
    (
        'zzz = "x"',
        (
            "zzz is not a setting; there are app, checks, folders, hooks, http, instance,"
            " keep_history, ledger, log, server"
        ),
    ),
    ('_env_file = "x"', None),
    ('http = "x"', "http must be a section with keys of its own"),
    ('log.level = "INFO"', 'log.level = "INFO" must be "debug", "info", "warning" or "error"'),
    (
        'http.listen = "8377"',
        'http.listen = "8377" must be an address and a port such as "127.0.0.1:8377", or "off"',
    ),
    *(
        (
            f'http.listen = "{address}"',
            (
                f"http: listen = {address} can be reached from other machines, which needs a token:"
                " set token_file to a file that holds one"
            ),
        )
        for address in ("0.0.0.0:8377", "[::]:8377", "192.0.2.7:8377")
    ),
    (
        'http.listen = "::1:8377"',
        'http.listen = "::1:8377" must be an address and a port such as "127.0.0.1:8377", or "off"',
    ),
]


@pytest.mark.parametrize(("written", "said"), WRONG_AT_TOP)
def test_a_wrong_value_at_the_top(tmp_path: Path, written: str, said: str | None) -> None:
    """Settings without a section are shown by their name alone."""
    lines = complaints(configured(tmp_path, top=written))
    assert len(lines) == 1
    assert said is None or lines == [said]


ONE_WAY = "a hook needs exactly one of command, webhook, notify, workflow, heartbeat"
NO_WORKFLOW = "must be a file that holds the key of a workflow (app-...) and nothing else"
WRONG_IN_HOOKS = [
    ("", f"hooks[0]: {ONE_WAY}"),
    ('command = "tell"', 'hooks[0].command = "tell" must be a list of texts such as ["36 hours"]'),
    (
        'command = ["tell"]\nwebhook = "https://x.example/"',
        f"hooks[0]: {ONE_WAY}",
    ),
    (
        'webhook = "x.example"',
        'hooks[0].webhook must be an address such as "https://chat.example/hooks/…"',
    ),
    (
        'command = ["tell"]\non = ["everything"]',
        (
            'hooks[0].on = ["everything"] must be a list of problem, failed, held, drift, check,'
            " repaired, recovered, run"
        ),
    ),
    (
        'command = ["tell"]\ndigest = "8 o\'clock"',
        (
            'hooks[0].digest = "8 o\'clock" must be a cron expression of five fields such as'
            ' "*/15 * * * *" or "0 8 * * mon-fri"'
        ),
    ),
    (
        'heartbeat = "https://x.example/"\ndigest = "0 8 * * *"',
        "hooks[0]: a heartbeat says nothing but that all is well: no digest",
    ),
    ('command = ["tell"]\non = []', "hooks[0]: a hook that is told of nothing needs a digest"),
    ('command = ["tell"]\ninputs = { a = "b" }', "hooks[0]: inputs are those of a workflow"),
    (
        'workflow = "/nowhere/key"',
        f'hooks[0].workflow = "/nowhere/key" {NO_WORKFLOW}: No such file or directory',
    ),
    (
        'inputs = { a = "{pages}" }',
        (
            'hooks[0].inputs: "a": there is no {pages}; there are {title}, {text}, {instance},'
            " {at}, {page}, {json}"
        ),
    ),
    (
        'inputs = { a = "{text" }',
        'hooks[0].inputs: "a": a brace in it has no partner',
    ),
    (
        "inputs = { a = inf }",
        'hooks[0].inputs: "a" must be a text, or a number that is one',
    ),
    (
        'inputs = { a = \'{"what": "{text}"}\' }',
        f"hooks[0]: {ONE_WAY}",
    ),
    (
        'workflow = "/dev/null"',
        f'hooks[0].workflow = "/dev/null" {NO_WORKFLOW}: it is empty',
    ),
]


@pytest.mark.parametrize(("written", "said"), WRONG_IN_HOOKS)
def test_a_wrong_value_of_a_hook(tmp_path: Path, written: str, said: str) -> None:
    """A hook that would tell nobody is refused before the service starts."""
    assert complaints(configured(tmp_path, top=f"[[hooks]]\n{written}")) == [said]


def test_all_errors_at_once(tmp_path: Path) -> None:
    """Whoever made several mistakes reads of all of them at once, each on its own line."""
    file = configured(tmp_path, server="max_connections = 0", folder='settle = "x"\nwatch = "x"')
    assert [line.split(" = ")[0] for line in complaints(file, {"KBSYNC_LOGS": "x"})] == [
        'KBSYNC_LOGS is not a setting; did you mean "KBSYNC_LOG"?',
        "server.max_connections",
        'folders[0] "handbook": watch',
        'folders[0] "handbook": settle',
    ]


def test_a_folder_without_a_name_is_shown_by_its_number(tmp_path: Path) -> None:
    """Where there is no name to show, the number has to do."""
    file = configured(tmp_path, folder='[[folders]]\npath = "/b"\ndataset = "B"')
    assert complaints(file) == ["folders[1].name is missing"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"[server]\n{SERVER}", "folders is missing"),
        (f"folders = []\n[server]\n{SERVER}", "folders = [] must hold at least one [[folders]]"),
        (f"[server]\n{SERVER}[folders]\n{FOLDER}", "folders must be a list of sections"),
        (
            f'[[folders]]\n{FOLDER}[server]\napi_key = "dataset-secret"',
            "server.base_url is missing",
        ),
        (f'server = "dataset-secret"\n[[folders]]\n{FOLDER}', "server must be a section"),
    ],
)
def test_missing_parts(tmp_path: Path, text: str, said: str) -> None:
    """A configuration needs a server and at least one folder."""
    file = tmp_path / "kbsync.toml"
    file.write_text(text)
    assert complaints(file)[-1].startswith(said)


def second(name: str, path: Path) -> str:
    return f'[[folders]]\nname = "{name}"\npath = "{path}"\ndataset = "B"\n'


def test_two_folders_of_one_name(tmp_path: Path) -> None:
    """A name is a folder's identity in the ledger and on the server."""
    file = configured(tmp_path, folder=second("handbook", tmp_path))
    assert complaints(file) == ['two folders have the name "handbook"; each needs its own']


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "/srv/handbook/it",
            (
                'folder "other" (/srv/handbook/it) is inside folder "handbook" (/srv/handbook);'
                " a file can belong to one of them only"
            ),
        ),
        (
            "/srv",
            (
                'folder "handbook" (/srv/handbook) is inside folder "other" (/srv);'
                " a file can belong to one of them only"
            ),
        ),
        (
            "/srv/../srv/handbook/",
            'folders "handbook" and "other" are the same directory, /srv/handbook',
        ),
    ],
)
def test_overlapping_folders(tmp_path: Path, path: str, said: str) -> None:
    """Two folders that share files would send them twice."""
    assert complaints(configured(tmp_path, folder=second("other", Path(path)))) == [said]


def test_folders_that_overlap_through_a_link(tmp_path: Path) -> None:
    """A symbolic link does not hide that two folders are one."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    file = configured(
        tmp_path, folder=second("a", tmp_path / "real") + second("b", tmp_path / "link" / "sub")
    )
    assert complaints(file) == [
        (
            f'folder "b" ({tmp_path}/link/sub) is inside folder "a" ({tmp_path}/real);'
            " a file can belong to one of them only"
        )
    ]


def test_neighbours_do_not_overlap(tmp_path: Path) -> None:
    """A path that only begins with the same letters is another directory."""
    file = configured(tmp_path, folder=second("other", Path("/srv/handbook-old")))
    assert len(load(file, environ={}).folders) == 2


def test_a_ledger_inside_a_folder(tmp_path: Path) -> None:
    """A ledger that would be among the files it tells of is refused, also through a link."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "docs")
    for ledger in (tmp_path / "docs/state/ledger.db", tmp_path / "link/ledger.db"):
        file = configured(
            tmp_path, top=f'ledger = "{ledger}"\n', folder=second("a", tmp_path / "docs")
        )
        [said] = complaints(file)
        assert said.startswith(f'the ledger {ledger} is inside folder "a" ({tmp_path}/docs),')
        assert said.endswith("set ledger to a file outside of every folder")
