"""What is logged, in which form, and what never is."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbsync import log

KEY = "dataset-abcdefghijklmnop12345678"
APP_KEY = "app-abcdefghijklmnop12345678"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(
    form: log.Format, *, level: log.Level = "info", stream: io.StringIO | None = None
) -> io.StringIO:
    stream = stream or io.StringIO()
    log.setup(level, form, stream, secrets=["open sesame"])
    log.get_logger().info("document sent", **{log.FOLDER: "handbook", log.PATH: "a b.md"})
    return stream


def fail(text: str) -> None:
    raise ValueError(text)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"


@pytest.mark.parametrize(
    ("form", "stream", "line"),
    [
        (
            "text",
            io.StringIO(),
            rf'timestamp={STAMP} level=info event="document sent" folder=handbook path="a b.md"',
        ),
        (
            "auto",
            io.StringIO(),
            rf'timestamp={STAMP} level=info event="document sent" folder=handbook path="a b.md"',
        ),
        (
            "text",
            Terminal(),
            r"\d\d:\d\d:\d\d \[info *\] document sent folder=handbook path='a b.md'",
        ),
        ("journald", io.StringIO(), '<6>event="document sent" folder=handbook path="a b.md"'),
    ],
)
def test_forms_for_people(form: log.Format, stream: io.StringIO, line: str) -> None:
    """Lines for people on a terminal, key=value in a file, a priority for the journal."""
    assert re.fullmatch(line + r"\n", plain(logged(form, stream=stream).getvalue()))


def test_json_for_programs() -> None:
    """One object a line, with the same names of fields."""
    record = json.loads(logged("json").getvalue())
    assert re.fullmatch(STAMP, record.pop("timestamp"))
    assert record == {
        "event": "document sent",
        "level": "info",
        "folder": "handbook",
        "path": "a b.md",
    }


def test_auto_is_journald_where_systemd_reads() -> None:
    """Systemd says which stream it reads; only that one gets the journal's form."""
    code = (
        "import os\n"
        "about = os.fstat(2)\n"
        "os.environ['JOURNAL_STREAM'] = f'{about.st_dev}:{about.st_ino}'\n"
        "from kbsync import log\n"
        "log.setup()\n"
        "log.get_logger().warning('queue full', count=3)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == '<4>event="queue full" count=3\n'
    assert done.stdout == ""


def test_levels() -> None:
    """What is below the level is not written, and libraries are heard from warnings on."""
    stream = logged("text", level="warning")
    assert stream.getvalue() == ""
    log.setup("debug", "journald", stream)
    log.get_logger("kbsync.engine").debug("detail")
    logging.getLogger("watchdog").info("chatter")
    logging.getLogger("watchdog").warning("overflow of %s", "queue")
    assert stream.getvalue().splitlines() == [
        "<7>event=detail",
        '<4>event="overflow of queue" logger=watchdog',
    ]


def test_setting_up_twice_logs_once() -> None:
    """A second set-up replaces the first."""
    first = logged("json")
    second = logged("json")
    assert len(first.getvalue().splitlines()) == 1
    assert len(second.getvalue().splitlines()) == 1


@pytest.mark.parametrize("form", get_args(log.Format))
@pytest.mark.parametrize("secret", [KEY, APP_KEY, "open sesame"])
@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_secrets_appear_nowhere(form: log.Format, secret: str, kind: type[io.StringIO]) -> None:
    """A key is hidden in texts, nested values, names, objects and the text of exceptions."""
    stream = logged(form, stream=kind())
    logger = log.get_logger()
    logger.info(f"with {secret}", value=secret, nested={"a": [(secret,)], secret: {secret}})
    logger.info("bytes", value=secret.encode(), failure=ValueError(secret), kind={"x": object})
    try:
        fail(f"the server said {secret}")
    except ValueError:
        logger.exception("failed")
        logging.getLogger("library").exception("failed with %s", secret)
    assert secret not in stream.getvalue()
    assert "the server said" in stream.getvalue()
    assert "***" in stream.getvalue()


def test_the_bearer_of_a_header_is_hidden() -> None:
    """A header that slips into a message gives no key away, whatever the key looks like."""
    assert log.scrubbed("Authorization: Bearer s3cret!") == "Authorization: Bearer ***"


@pytest.mark.parametrize(
    "text", ["dataset-handbook", "app-server", "dataset-2024-report.pdf", "mydataset-id"]
)
def test_names_that_only_begin_like_a_key_are_shown(text: str) -> None:
    """File and dataset names are what a person needs to read."""
    assert log.scrubbed(text) == text


def test_the_longer_secret_goes_first() -> None:
    """A secret that contains another one leaves no rest of itself."""
    assert log.scrubbed("a-secret-long", ["a-secret", "a-secret-long", ""]) == "***"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("guides/install.md", "guides/install.md"),
        ("Prüfung/知识 ✓.md", "Prüfung/知识 ✓.md"),
        (os.fsdecode(b"caf\xe9.md"), r"caf\xe9.md"),
        ("a\nb\t\x1b[31m\x7f", r"a\x0ab\x09\x1b[31m\x7f"),
        ("\x9b31m", r"\x9b31m"),
        ("gpj.\u202etxt", r"gpj.\u202etxt"),
        ("a\u2028b\ufeff", r"a\u2028b\ufeff"),
        ("\ud800", r"\ud800"),
        ("سلام\u200cها.txt", "سلام\u200cها.txt"),
    ],
)
def test_paths_are_made_printable(path: str, shown: str) -> None:
    """Letters stay; what could move a cursor, hide or reorder text is spelt out."""
    assert log.printable(path) == shown


@given(st.text(st.characters(exclude_categories=()), max_size=30))
def test_what_is_printable_can_be_printed(path: str) -> None:
    """Whatever a disk holds becomes one line of valid UTF-8, and does so once."""
    shown = log.printable(path)
    shown.encode()
    assert len(shown.splitlines()) <= 1
    assert log.printable(shown) == shown


@pytest.mark.parametrize("form", ["text", "journald", "json"])
def test_an_event_is_one_line(form: log.Format) -> None:
    """A path with a line break or an escape sequence cannot forge or colour a log line."""
    stream = io.StringIO()
    log.setup("info", form, stream)
    try:
        fail("two\nlines")
    except ValueError:
        log.get_logger().exception("failed", path="x\nlevel=error\x1b[2J\udce9", inner=["\x1b"])
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()
    stream.getvalue().encode()


def test_a_traceback_keeps_its_lines_on_a_terminal() -> None:
    """A person reads a traceback as usual, without the escape sequences of its message."""
    stream = Terminal()
    log.setup("info", "text", stream)
    try:
        fail("red \x1b[41m")
    except ValueError:
        log.get_logger().exception("failed")
    assert "\nTraceback (most recent call last):\n" in stream.getvalue()
    assert "ValueError: red \\x1b[41m" in stream.getvalue()


def test_importing_costs_no_structlog() -> None:
    """Commands that only need printable paths do not import the logging library."""
    code = "import sys, kbsync.log; print('structlog' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
