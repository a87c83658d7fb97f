"""Disk to values: walk a folder, look at one path, read a file whole and stable.

Nothing below a folder's root is ever opened through a symbolic link, and nothing that could not
be looked at is taken for absent.
"""

from kbsync.scan.judging import CHANGED
from kbsync.scan.looking import RootIdentity, decide, identify, look
from kbsync.scan.reading import digest, head, racy, read
from kbsync.scan.walking import Settled, walk

__all__ = [
    "CHANGED",
    "RootIdentity",
    "Settled",
    "decide",
    "digest",
    "head",
    "identify",
    "look",
    "racy",
    "read",
    "walk",
]
