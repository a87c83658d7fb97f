"""The ledger: what kbsync knows, in one SQLite file that any tool can read."""

from kbsync.ledger.adopting import ADOPTED, Adoptee, Told
from kbsync.ledger.auditing import AuditWish, LastAudit
from kbsync.ledger.backup import is_lost
from kbsync.ledger.doubting import Sure
from kbsync.ledger.history import PRUNE_AT_ONCE, Happening, Kept, RunRow
from kbsync.ledger.ledger import Ledger
from kbsync.ledger.leftovers import Leftover
from kbsync.ledger.listing import KINDS, Bucket, Complaint, ListedFile
from kbsync.ledger.lock import is_held
from kbsync.ledger.place import is_there
from kbsync.ledger.planning import FolderRow
from kbsync.ledger.reporting import Abandoned, Details, Trouble
from kbsync.ledger.table import Job

__all__ = [
    "ADOPTED",
    "KINDS",
    "PRUNE_AT_ONCE",
    "Abandoned",
    "Adoptee",
    "AuditWish",
    "Bucket",
    "Complaint",
    "Details",
    "FolderRow",
    "Happening",
    "Job",
    "Kept",
    "LastAudit",
    "Ledger",
    "Leftover",
    "ListedFile",
    "RunRow",
    "Sure",
    "Told",
    "Trouble",
    "is_held",
    "is_lost",
    "is_there",
]
