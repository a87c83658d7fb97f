"""PURE: the server's list beside the ledger and the disk; values to values."""

from kbsync.drift.adopting import Adoptable, Inventory, Namesake, inventory
from kbsync.drift.comparing import Beside, Comparison, Finding, Kind, Measure, compare

__all__ = [
    "Adoptable",
    "Beside",
    "Comparison",
    "Finding",
    "Inventory",
    "Kind",
    "Measure",
    "Namesake",
    "compare",
    "inventory",
]
