"""From settings to an engine: the only place that knows all parts by name."""

from kbsync.assembly.engines import (
    engine_over,
    looking,
    open_ledger,
    opened,
    reading,
    rehearse,
    visiting,
)
from kbsync.assembly.folders import folder_of, selected
from kbsync.assembly.misfit import abandoned, refuse_misfit
from kbsync.assembly.servers import checking, connect, connect_app, is_proven

__all__ = [
    "abandoned",
    "checking",
    "connect",
    "connect_app",
    "engine_over",
    "folder_of",
    "is_proven",
    "looking",
    "open_ledger",
    "opened",
    "reading",
    "refuse_misfit",
    "rehearse",
    "selected",
    "visiting",
]
