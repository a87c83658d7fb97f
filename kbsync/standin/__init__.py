"""A Dify-compatible dataset server in one object, for the demo, for tests, and for trying kbsync.

It says on its root page and in the header ``X-Stand-In`` that it is not Dify. It imports nothing
else of kbsync, and only ``kbsync demo``, ``kbsync standin`` and tests import it.
"""

from kbsync.standin.behaviour import BEHAVIOURS, Behaviour
from kbsync.standin.faultfile import FaultFileError, load_faults
from kbsync.standin.faults import Fault
from kbsync.standin.faulty import Request
from kbsync.standin.server import running, serve
from kbsync.standin.standin import StandIn, StoredDocument

__all__ = [
    "BEHAVIOURS",
    "Behaviour",
    "Fault",
    "FaultFileError",
    "Request",
    "StandIn",
    "StoredDocument",
    "load_faults",
    "running",
    "serve",
]
