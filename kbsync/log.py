"""Logging: set-up, the names of fields, and what must never be printed as it is.

structlog is imported by `setup` and `get_logger` only: commands that log nothing do not pay for it.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Final, Literal, TextIO

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger
    from structlog.typing import EventDict, Processor

FOLDER: Final = "folder"
PATH: Final = "path"
SECONDS: Final = "seconds"

Format = Literal["auto", "text", "json", "journald"]
Level = Literal["debug", "info", "warning", "error"]

_KEY_LIKE = re.compile(r"\b(dataset|app)-[A-Za-z0-9]{16,}\b|(?<=Bearer )[!-~]+")
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # text direction: would reorder what is shown
    "\u2028\u2029\ufeff\ud800-\udfff]"  # line breaks, a mark that nobody sees, lone surrogates
)
_JOURNAL_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def setup(
    level: Level = "info",
    format: Format = "auto",  # noqa: A002  # named as the setting is
    stream: TextIO | None = None,
    *,
    secrets: Iterable[str] = (),
) -> None:
    """Send our log, and the warnings of libraries, to `stream` (standard error); may be repeated.

    "auto" is "journald" where systemd reads the stream, else "text": lines for people on a
    terminal, key=value elsewhere. `secrets` are shown nowhere. Equal lines are shown five times a
    minute, and counted.
    """
    import structlog  # noqa: PLC0415 - only when needed

    from kbsync.repeats import Repeats  # noqa: PLC0415 - only when needed

    stream = sys.stderr if stream is None else stream
    hide = redact(secrets)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            Repeats(time.monotonic),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.set_name("kbsync")
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.stdlib.add_log_level,
                structlog.processors.format_exc_info,
                hide,
                _escape,
                *_rendering(format, stream),
            ],
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(allow=()), _foreign_name],
        )
    )
    root = logging.getLogger()
    root.handlers = [old for old in root.handlers if old.get_name() != "kbsync"]
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("kbsync").setLevel(level.upper())


def get_logger(name: str = "kbsync") -> BoundLogger:
    """A logger; `name` is "kbsync" or begins with "kbsync."."""
    import structlog  # noqa: PLC0415 - only when needed

    logger: BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def printable(path: str) -> str:
    r"""A path or name that cannot harm a terminal: what is not text becomes `\xNN` or `\uNNNN`."""
    return _UNPRINTABLE.sub(_escaped, path)


def scrubbed(text: str, secrets: Iterable[str] = ()) -> str:
    """A text without the secrets, and without anything that looks like a key of Dify."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return _KEY_LIKE.sub(lambda found: f"{found[1]}-***" if found[1] else "***", text)


def redact(secrets: Iterable[str] = ()) -> Processor:
    """A structlog processor that applies `scrubbed` to every text, key and nested value."""
    known = tuple(secrets)

    def processor(logger: object, method: str, event: EventDict) -> EventDict:  # noqa: ARG001 - what structlog calls
        return _rewritten(event, lambda text: scrubbed(text, known))

    return processor


def _escape(logger: object, method: str, event: EventDict) -> EventDict:  # noqa: ARG001 - what structlog calls
    exception = event.pop("exception", None)
    event = _rewritten(event, printable)
    if isinstance(exception, str):
        event["exception"] = "\n".join(printable(line) for line in exception.split("\n"))
    return event


def _foreign_name(logger: object, method: str, event: EventDict) -> EventDict:  # noqa: ARG001 - what structlog calls
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["logger"] = record.name
    return event


def _rewritten(event: EventDict, change: Callable[[str], str]) -> EventDict:
    return {change(str(key)): _changed(value, change) for key, value in event.items()}


def _changed(value: object, change: Callable[[str], str]) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return change(value)
        case bytes():
            return change(os.fsdecode(value))
        case Mapping():
            return {change(str(key)): _changed(item, change) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_changed(item, change) for item in value]
        case _:
            return change(str(value) if isinstance(value, BaseException) else repr(value))


def _rendering(wanted: Format, stream: TextIO) -> list[Processor]:
    import structlog  # noqa: PLC0415 - only when needed

    if wanted == "auto":
        wanted = "journald" if _is_journal(stream) else "text"
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    line = structlog.processors.LogfmtRenderer(
        key_order=["timestamp", "level", "event"], drop_missing=True, bool_as_flag=False
    )
    match wanted:
        case "json":
            return [stamp, structlog.processors.JSONRenderer(ensure_ascii=False)]
        case "journald":
            return [_priority_of(line)]
        case "text" if stream.isatty():
            clock = structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
            return [clock, _console()]
        case "text":
            return [stamp, line]


def _console() -> Processor:
    import structlog  # noqa: PLC0415 - only when needed

    return structlog.dev.ConsoleRenderer(
        colors=not os.environ.get("NO_COLOR"),
        exception_formatter=structlog.dev.plain_traceback,  # the others would show local variables
        pad_event_to=0,
    )


def _priority_of(renderer: Callable[[object, str, EventDict], str]) -> Processor:
    """The prefix from which systemd takes a line's priority; it adds the time itself."""

    def render(logger: object, method: str, event: MutableMapping[str, object]) -> str:
        priority = _JOURNAL_PRIORITY.get(str(event.pop("level", "info")), 6)
        return f"<{priority}>{renderer(logger, method, event)}"

    return render


def _is_journal(stream: TextIO) -> bool:
    """True when `stream` is the one of which systemd says that it reads it ($JOURNAL_STREAM)."""
    try:
        about = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{about.st_dev}:{about.st_ino}"


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004  # a byte that os.fsdecode could not decode
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004
