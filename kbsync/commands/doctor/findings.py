"""What a check found, and how a check is tried."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from kbsync.commands.doctor.machine import user
from kbsync.errors import ConfigError, Denied, KbsyncError, Unavailable, Undelivered

T = TypeVar("T")


class Result(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found about its subject, and what to do about it unless all is well."""

    check: str
    subject: str
    result: Result
    finding: str
    remedy: str | None = None


def ok(check: str, subject: str, found: str) -> Finding:
    """All is well."""
    return Finding(check, subject, Result.OK, found)


def warn(check: str, subject: str, found: str, remedy: str) -> Finding:
    """It works, but should be looked at."""
    return Finding(check, subject, Result.WARN, found, remedy)


def fail(check: str, subject: str, found: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(check, subject, Result.FAIL, found, remedy)


def skip(check: str, subject: str, why: str) -> Finding:
    """It could not be tried."""
    return Finding(check, subject, Result.SKIP, why)


def parted(text: str, otherwise: str) -> tuple[str, str]:
    """One of our messages as what happened and what to do, which follows its last semicolon."""
    happened, semicolon, remedy = text.rpartition("; ")
    return (happened, remedy) if semicolon else (text, otherwise)


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:  # noqa: PLR2004 - what these units are
            return f"{count:.4g} {unit}"
        count /= 1024
    return f"{count:.4g} GiB"


def tried(
    check: str, subject: str, work: Callable[[], Finding | list[Finding]]
) -> Iterator[Finding]:
    """The findings of this work, or its failure."""
    found = attempted(check, subject, work)
    yield from found if isinstance(found, list) else [found]


def attempted(check: str, subject: str, work: Callable[[], T]) -> T | Finding:
    """What the work gives, or a failure of this check, whatever went wrong."""
    try:
        return work()
    except KbsyncError as error:
        return fail(check, subject, *parted(str(error), _usual_remedy(error)))
    except OSError as error:
        said = f"{error.filename or subject}: {error.strerror or error}"
        return fail(check, subject, said, f"see what user {user()} may do")
    except Exception as error:  # noqa: BLE001 - one broken check must not hide the others
        said = f"the check itself failed: {type(error).__name__}: {error}"
        return fail(check, subject, said, "please report this defect of kbsync")


def _usual_remedy(error: KbsyncError) -> str:
    """What to do where the error's text does not end with it."""
    match error:
        case Unavailable():
            return "try again a little later; if it stays so, look at the server's log"
        case Denied():
            return "correct server.base_url: Dify's API address, such as https://dify.example/v1"
        case Undelivered():
            return "correct it under [[hooks]], or see why its other end does not take it"
        case ConfigError():
            return "correct it in the configuration"
        case _:
            return "look at the server's log"


def skipped(names: Iterable[str], subject: str, why: str) -> Iterator[Finding]:
    """Checks that could not be tried, all for the same reason."""
    for name in names:
        yield skip(name, subject, why)
