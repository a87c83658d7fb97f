"""PURE: which files are wanted, in gitignore syntax, with the reason for an answer."""

from kbsync.filters.filters import (
    BUILT_IN,
    CACHE_TAG,
    IGNORE_FILE,
    ROOT,
    Admitted,
    Excluded,
    Filters,
    Standing,
    Unsupported,
    Verdict,
)
from kbsync.filters.ignoring import Ignored, ignore_file
from kbsync.filters.patterns import check
from kbsync.filters.selection import Selection

__all__ = [
    "BUILT_IN",
    "CACHE_TAG",
    "IGNORE_FILE",
    "ROOT",
    "Admitted",
    "Excluded",
    "Filters",
    "Ignored",
    "Selection",
    "Standing",
    "Unsupported",
    "Verdict",
    "check",
    "ignore_file",
]
