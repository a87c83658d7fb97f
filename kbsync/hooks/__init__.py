"""Ways to tell a person, or a program of theirs."""

from kbsync.hooks.interface import Hook, Message
from kbsync.hooks.registry import open_hook

__all__ = ["Hook", "Message", "open_hook"]
