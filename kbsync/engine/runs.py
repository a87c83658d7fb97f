"""What a run did, for programs and for people."""

from __future__ import annotations

from datetime import UTC, datetime

from kbsync.ledger import RunRow

_MINUTE, _HOUR = 60, 3600


def run_facts(run: RunRow) -> dict[str, object]:
    """A run for programs; `seconds` is None while it goes on."""
    seconds = None if run.ended_at is None else round(run.ended_at - run.started_at, 3)
    return {
        "id": run.id,
        "kind": run.kind,
        "folders": list(run.folders),
        "started": precise(run.started_at),
        "seconds": seconds,
        "counts": dict(run.counts),
        "result": run.result,
    }


def run_text(run: RunRow) -> str:
    """A run as one line for people, without when it was."""
    took = "goes on" if run.ended_at is None else lasted(run.ended_at - run.started_at)
    counts = ", ".join(f"{count:,} {word}" for word, count in run.counts.items())
    about = ", ".join(run.folders)
    parts = [took, counts or "nothing to do", run.result or ""]
    return f"{f'{run.kind} {about}'.strip()}: {'; '.join(filter(None, parts))}"


def lasted(seconds: float) -> str:
    """A length of time in its two largest units."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE:.0f} s"
    return f"{seconds // _HOUR:.0f} h {seconds % _HOUR // _MINUTE:.0f} min"


def precise(seconds: float) -> str:
    """Seconds since the epoch for programs, in UTC with microseconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
