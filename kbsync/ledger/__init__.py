"""The ledger: what kbsync knows, in one SQLite file that any tool can read."""

from kbsync.ledger.ledger import FolderRow, Job, Ledger, Leftover

__all__ = ["FolderRow", "Job", "Ledger", "Leftover"]
