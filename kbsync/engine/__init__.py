"""The verbs that join disk, plan, ledger and backend: no threads, no HTTP, no SQL.

Each verb is safe to call from several threads, and safe to be interrupted at any instruction: what
is about to happen outside is in the ledger before it happens, what came of it right after.
"""

from kbsync.engine.adopting import Adopting
from kbsync.engine.auditing import Auditing
from kbsync.engine.checking import Check, Checks, Verdict
from kbsync.engine.following import DESCRIBE_AT_ONCE, Following
from kbsync.engine.holding import Held, Holding
from kbsync.engine.looking import Looking
from kbsync.engine.previewing import Previewing
from kbsync.engine.recording import WORK, Recorder
from kbsync.engine.searching import Freshness, Origin, Passage, Searching
from kbsync.engine.sending import Sending
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


class Engine(Holding, Looking, Previewing, Sending, Following, Searching, Adopting, Auditing):
    """All verbs over one ledger and one server."""


__all__ = [
    "DESCRIBE_AT_ONCE",
    "WORK",
    "Adoption",
    "Audit",
    "Check",
    "Checks",
    "Engine",
    "Event",
    "Folder",
    "Freshness",
    "Happened",
    "Held",
    "Origin",
    "Passage",
    "Planned",
    "Polled",
    "Recorder",
    "Scope",
    "Settled",
    "Survey",
    "Verdict",
]
