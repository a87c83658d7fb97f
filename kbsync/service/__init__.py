"""The background service: threads around the engine's verbs, and their supervision."""

from kbsync.service.asked import Asked
from kbsync.service.daemon import Daemon
from kbsync.service.systemd import Notifier

__all__ = ["Asked", "Daemon", "Notifier"]
