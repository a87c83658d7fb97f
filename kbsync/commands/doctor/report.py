"""`kbsync doctor --report`: what to attach to a report of a defect, in one file of plain text."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from kbsync.assembly import looking
from kbsync.commands.doctor.findings import Finding
from kbsync.commands.doctor.masking import Mask
from kbsync.commands.versions import versions
from kbsync.config import Settings, load
from kbsync.engine import Happened
from kbsync.engine.engine import Engine
from kbsync.engine.overview import moment
from kbsync.errors import ConfigError, KbsyncError

_RUNS, _EVENTS, _REASONS = 20, 100, 25
_HEAD = """\
kbsync report of {at}

Keys are left out; addresses, folders, datasets and paths are replaced. Names can still be hidden in
other texts: read this file before you show it to anybody.
"""


def write_report(file: Path, findings: Sequence[Finding], explicit: Path | None) -> None:
    """Write it, readable for its owner only; raises ConfigError when that cannot be done."""
    try:
        settings = load(explicit)
    except ConfigError:
        settings = None
    text = "\n".join(_lines(settings, findings, Mask(settings)))
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(text + "\n")
    except OSError as error:
        raise ConfigError(f"--report {file}: {error.strerror}; name another file") from None


def _lines(settings: Settings | None, findings: Sequence[Finding], mask: Mask) -> Iterator[str]:
    yield _HEAD.format(at=moment(time.time()))
    yield "== versions"
    yield from (f"{name} {version}" for name, version in versions())
    yield "\n== findings"
    for finding in findings:
        subject, found = mask.text(finding.subject), mask.text(finding.finding)
        yield f"{finding.result.value:<4} {finding.check:<18} {subject}: {found}"
    if settings is None:
        return
    yield "\n== settings, where they are not the default"
    yield from _settings(settings, mask)
    parts: dict[str, Callable[[Engine, Mask], Iterator[str]]] = {
        "files by folder and kind": _files,
        "why files failed or wait": _reasons,
        "runs": _runs,
        "events": _events,
    }
    try:
        with looking(settings) as engine:
            for title, part in parts.items():
                yield f"\n== {title}"
                yield from part(engine, mask)
    except KbsyncError as error:
        yield mask.text(f"the ledger cannot be read: {error}")


def _settings(settings: Settings, mask: Mask) -> Iterator[str]:
    told = settings.model_dump(exclude_defaults=True, exclude={"folders", "hooks", "checks"})
    sections = [("", told)]
    for name in ("folders", "hooks", "checks"):
        rows = [row.model_dump(exclude_defaults=True) for row in getattr(settings, name)]
        sections += [(f"{name}[{number}].", row) for number, row in enumerate(rows, 1)]
    for prefix, values in sections:
        for key, value in values.items():
            below = value.items() if isinstance(value, dict) else [("", value)]
            for name, each in below:
                dotted = f"{prefix}{key}{f'.{name}' if name else ''}"
                yield f"{dotted} = {_value(dotted, each, mask)}"


def _value(name: str, value: object, mask: Mask) -> str:
    if name.startswith(("hooks", "checks")) and not isinstance(value, int | float):
        return "(set)"
    return mask.text(str(value))


def _files(engine: Engine, mask: Mask) -> Iterator[str]:
    for folder, kinds in engine.ledger.tallies().items():
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        yield f"{mask.text(folder)}: {counts}"


def _reasons(engine: Engine, mask: Mask) -> Iterator[str]:
    for each in engine.ledger.complaints(list(engine.folders), _REASONS):
        word = "failed" if each.final else "waits"
        yield f"{each.count} {word} in {mask.text(each.folder)}: {mask.text(each.reason)}"


def _runs(engine: Engine, mask: Mask) -> Iterator[str]:
    for run in engine.ledger.runs(_RUNS):
        took = "goes on" if run.ended_at is None else f"{run.ended_at - run.started_at:.1f} s"
        counts = ", ".join(f"{count} {word}" for word, count in run.counts.items())
        result = mask.text(run.result or "")
        yield f"{moment(run.started_at)} {run.kind} {took}: {counts}; {result}"


def _events(engine: Engine, mask: Mask) -> Iterator[str]:
    events = engine.ledger.events(_EVENTS)
    counted = Counter(event.happened for event in events)
    yield ", ".join(f"{count} {word}" for word, count in counted.items())
    for event in events:
        where = " ".join(filter(None, (mask.text(event.key.folder), mask.path(event.key.path))))
        # What people were told, and what a workflow answered, is made of whatever the files say.
        text = "" if event.happened == Happened.TOLD else mask.text(event.text)
        told = ": ".join(filter(None, (where, text)))
        yield f"{moment(event.at)} {event.happened} {told}".rstrip()
