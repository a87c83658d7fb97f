"""What the API tells of files, events, runs and holds, as plain values for JSON."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence

from kbsync.engine.holding import Held
from kbsync.engine.overview import Facts, moment
from kbsync.ledger import Bucket, Complaint, Details, Kept, ListedFile
from kbsync.log import printable
from kbsync.model import Key, Part, Remote

#: The last day in pieces of ten minutes.
PLOT_SECONDS, PLOT_WIDTH = 86_400.0, 600.0

_SHOWN_HELD = 1_000


def word_of(text: str) -> str:
    """A path or reason as a word that survives an address: names on disk need not be text."""
    return base64.urlsafe_b64encode(os.fsencode(text)).decode().rstrip("=")


def text_of(word: str) -> str | None:
    """What `word_of` made a word of; None for anything else."""
    padded = word + "=" * (-len(word) % 4)
    try:
        return os.fsdecode(base64.b64decode(padded, altchars="-_", validate=True))
    except ValueError:
        return None


def file_facts(file: ListedFile) -> Facts:
    """One row of a list of files."""
    return {
        "folder": file.key.folder,
        "path": printable(file.key.path),
        "id": word_of(file.key.path),
        "kind": file.kind,
        "size": file.size,
        "error": None if file.error is None else printable(file.error),
        "attempts": file.attempts,
        "next_try": moment(file.not_before),
        "changed": moment(file.changed_at),
        "segments": file.segments,
    }


def complaint_facts(complaint: Complaint) -> Facts:
    """Why files failed or wait, how many, and one of them."""
    return {
        "id": word_of(complaint.reason),
        "folder": complaint.folder,
        "final": complaint.final,
        "reason": printable(complaint.reason),
        "count": complaint.count,
        "example": printable(complaint.example),
        "next_try": moment(complaint.next_try),
    }


def details_facts(key: Key, details: Details | None, events: Sequence[Kept]) -> Facts:
    """Everything about one file, with what happened to it, newest first."""
    told: Facts = {
        "folder": key.folder,
        "path": printable(key.path),
        "id": word_of(key.path),
        "events": [event_facts(event) for event in events],
    }
    if details is None:
        return told | {"state": None}
    record = details.record
    return told | {
        "state": record.state.value,
        "want": record.want.value,
        "error": None if record.error is None else printable(record.error),
        "reason": details.reason,
        "attempts": record.attempts,
        "next_try": moment(record.not_before),
        "changed": moment(details.changed_at),
        "size": None if record.stamp is None else record.stamp.size,
        "modified": None if record.stamp is None else moment(record.stamp.mtime_ns / 1e9),
        "sha256": None if record.version is None else record.version.sha256,
        "segments": details.segments,
        "live": _remote(record.live),
        "coming": _remote(record.coming),
        "parts": [_part(part) for part in record.parts],
    }


def _remote(remote: Remote | None) -> Facts | None:
    if remote is None:
        return None
    return {"document_id": remote.document_id, "name": printable(remote.name)}


def _part(part: Part) -> Facts:
    where = _remote(part.remote) or {}
    return where | {"number": part.number, "of": part.of, "indexed": part.ready}


def event_facts(event: Kept) -> Facts:
    """One event; `at` in seconds since the epoch."""
    return {
        "id": event.id,
        "at": event.at,
        "folder": event.key.folder,
        "path": printable(event.key.path),
        "file": word_of(event.key.path),
        "happened": event.happened,
        "text": printable(event.text),
        "seconds": None if event.seconds is None else round(event.seconds, 3),
    }


def held_facts(name: str, held: Held | None) -> Facts:
    """What is held in a folder; `digest` names exactly these deletions, for the approval."""
    if held is None:
        return {"folder": name, "count": 0, "paths": [], "digest": None, "reason": None}
    paths = [printable(record.key.path) for record in held.records]
    return {
        "folder": name,
        "rule": held.hold.rule,
        "reason": held.hold.reason,
        "verb": held.verb,
        "count": len(paths),
        "paths": paths[:_SHOWN_HELD],
        "digest": held.digest if paths else None,
    }


def plot_facts(since: float, buckets: Sequence[Bucket]) -> Facts:
    """The last day in equal pieces: how many were indexed, deleted, failed, and how long it took.

    `lag` and `worst` are seconds from a found change to searchable: the mean and the longest.
    """
    count = int(PLOT_SECONDS / PLOT_WIDTH)
    series: dict[str, list[int]] = {word: [0] * count for word in ("indexed", "deleted", "failed")}
    lag: list[float | None] = [None] * count
    worst: list[float | None] = [None] * count
    for bucket in buckets:
        place = min(count - 1, int((bucket.at - since) / PLOT_WIDTH))
        series[bucket.happened][place] += bucket.count
        if bucket.mean is not None and bucket.most is not None:
            lag[place], worst[place] = round(bucket.mean, 2), round(bucket.most, 2)
    return {"since": since, "width": PLOT_WIDTH, **series, "lag": lag, "worst": worst}
