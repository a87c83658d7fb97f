"""Ledger rows to values and back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

from kbsync.model import Intent, Key, Part, Record, Remote, Stamp, State, Version, Want

#: Columns of a Record, in the order in which `record_of` reads them.
COLUMNS = (
    "folder, path, want, state, generation, size, mtime_ns, ctime_ns, inode, device,"
    " sha256, recipe, live_dataset, live_document, live_name, live_batch,"
    " coming_dataset, coming_document, coming_name, coming_batch,"
    " intent_dataset, intent_name, parked, attempts, not_before, error, shelved, purge_at, resend,"
    " declined, doomed, parts"
)

_UNSIGNED = 1 << 64
_SIGNED = 1 << 63


def stored_path(path: str) -> str | bytes:
    """A path as it is kept: text, or the bytes of the disk when they are not UTF-8."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def path_of(value: str | bytes) -> str:
    """The path that `stored_path` kept."""
    return os.fsdecode(value) if isinstance(value, bytes) else value


def stored_stamp(stamp: Stamp | None) -> tuple[int | None, ...]:
    """Five columns; inode and device are unsigned on disk and signed in SQLite."""
    if stamp is None:
        return (None,) * 5
    size, mtime_ns, ctime_ns, inode, device = stamp
    return (size, mtime_ns, ctime_ns, stored_number(inode), stored_number(device))


def stamp_of(values: Sequence[Any]) -> Stamp | None:
    """The stamp in five columns, or None when the file is to be hashed."""
    size, mtime_ns, ctime_ns, inode, device = values
    if mtime_ns is None:
        return None
    return Stamp(size, mtime_ns, ctime_ns, number_of(inode), number_of(device))


def stored_number(number: int) -> int:
    """An unsigned 64-bit number of the file system in SQLite's signed column."""
    return number - _UNSIGNED if number >= _SIGNED else number


def number_of(value: int) -> int:
    """The unsigned number that `stored_number` kept."""
    return value % _UNSIGNED if value < 0 else value


def stored_remote(remote: Remote | None) -> tuple[str | None, ...]:
    """Four columns: dataset, document, name, batch."""
    if remote is None:
        return (None,) * 4
    return (remote.dataset_id, remote.document_id, remote.name, remote.batch)


def stored_version(version: Version | None) -> str | None:
    """One column of text for a version that is only compared."""
    return None if version is None else f"{version.sha256} {version.recipe}"


def stored_parts(parts: Iterable[Part]) -> str | None:
    """One column of JSON for the documents of a file that is on the server in parts."""
    told = [
        [
            *stored_remote(part.remote),
            *(part.number, part.of, part.ready, part.segments, part.error, part.spoilt),
        ]
        for part in parts
    ]
    return json.dumps(told, ensure_ascii=False) if told else None


def _parts_of(value: str | None) -> tuple[Part, ...]:
    if value is None:
        return ()
    return tuple(Part(Remote(*told[:4]), *told[4:]) for told in json.loads(value))


def record_of(row: Sequence[Any]) -> Record:
    """The record in the values of `COLUMNS`."""
    return Record(
        key=Key(row[0], path_of(row[1])),
        want=Want(row[2]),
        state=State(row[3]),
        generation=row[4],
        stamp=stamp_of(row[5:10]),
        version=None if row[10] is None else Version(row[10], row[11]),
        live=_remote_of(row[12:16]),
        coming=_remote_of(row[16:20]),
        intent=None if row[21] is None else Intent(row[20], row[21]),
        parked=None if row[22] is None else Version(*row[22].split(" ")),
        attempts=row[23],
        not_before=row[24],
        error=row[25],
        shelved=row[26],
        purge_at=row[27],
        resend=row[28] == 1,
        declined=None if row[29] is None else Version(*row[29].split(" ")),
        doomed=row[30] == 1,
        parts=_parts_of(row[31]),
    )


def _remote_of(values: Sequence[Any]) -> Remote | None:
    return None if values[1] is None else Remote(*values)
