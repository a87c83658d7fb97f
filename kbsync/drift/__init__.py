"""PURE: the server's list beside the ledger and the disk; values to values."""

from kbsync.drift.adopting import Adoptable, Inventory, Namesake, inventory

__all__ = ["Adoptable", "Inventory", "Namesake", "inventory"]
