"""`python -m kbsync.convert.child FAMILY EXTENSION SECONDS MEMORY OUTPUT MOST`: one file, bounded.

The file comes on standard input, its text or the reason why there is none goes to standard output.
With a MOST above 0 it is split into files of at most so many bytes, which go there, each behind
its length.
"""

from __future__ import annotations

import importlib
import resource
import struct
import sys
from collections.abc import Iterable
from typing import cast
from zipfile import BadZipFile

from kbsync.convert.interface import Splitter
from kbsync.errors import FileError, NothingToIndex

#: The soft limit ends a child in a way that tells which it was.
_GRACE = 5

NO_TEXT, REFUSED, TOO_BIG, BROKEN, UNBOUNDED = 10, 11, 12, 13, 14

#: The length in front of each part of a split file.
LENGTH = struct.Struct(">Q")


def main(family: str, extension: str, seconds: int, memory: int, output: int, most: int) -> int:
    """Convert or split what is on standard input; returns the exit code."""
    try:
        _limit(seconds, memory, output)
    except OSError:
        return UNBOUNDED
    try:
        module = importlib.import_module(f"kbsync.convert.{family}")
        body = sys.stdin.buffer.read()
        if most:
            return _write_parts(cast("Splitter", module).split(body, extension, most))
        text = module.convert(body, extension)
        code = 0 if text.strip() else NO_TEXT
    except NothingToIndex as error:
        text, code = str(error), NO_TEXT
    except FileError as error:
        text, code = str(error), REFUSED
    except BadZipFile as error:
        text, code = f"it is damaged: {error}", REFUSED
    except RecursionError:
        text, code = "it is nested too deeply", BROKEN
    except MemoryError:
        text, code = "", TOO_BIG
    except Exception as error:  # noqa: BLE001 - whatever a parser makes of a stranger's file
        what = f"{type(error).__name__}: {error}"
        text, code = f"is it damaged, or no .{extension} file? ({what})", BROKEN
    return _write(text, code)


def _limit(seconds: int, memory: int, output: int) -> None:
    """Take what is asked for, or less where the system gives less; raises OSError."""
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, output),
    ):
        _, given = resource.getrlimit(limit)
        most = value + _GRACE if given == resource.RLIM_INFINITY else min(given, value + _GRACE)
        resource.setrlimit(limit, (min(value, most), most))


def _write_parts(parts: Iterable[bytes]) -> int:
    for part in parts:
        if _write_bytes(LENGTH.pack(len(part)) + part, 0):
            return TOO_BIG
    return 0


def _write(text: str, code: int) -> int:
    return _write_bytes(text.encode("utf-8", "replace"), code)


def _write_bytes(told: bytes, code: int) -> int:
    try:
        sys.stdout.buffer.write(told)
        sys.stdout.buffer.flush()
    except OSError:
        return TOO_BIG
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])))
