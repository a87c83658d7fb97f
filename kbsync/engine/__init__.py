"""The verbs that join disk, plan, ledger and backend: no threads, no HTTP, no SQL.

Each verb is safe to call from several threads, and safe to be interrupted at any instruction: what
is about to happen outside is in the ledger before it happens, what came of it right after.

The package itself holds the values that the verbs take and tell; the verbs are `Engine` in
`engine.py`, which is left to those who call one: whoever only looks starts sooner.
"""

from kbsync.engine.values import (
    Adoption,
    Audit,
    Event,
    Folder,
    Happened,
    Planned,
    Polled,
    Scope,
    Settled,
    Survey,
)

__all__ = [
    "Adoption",
    "Audit",
    "Event",
    "Folder",
    "Happened",
    "Planned",
    "Polled",
    "Scope",
    "Settled",
    "Survey",
]
