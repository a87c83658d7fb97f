"""The background service: threads around the engine's verbs, and their supervision."""

from kbsync.service.service import Ended, Service, log_event
from kbsync.service.systemd import Notifier

__all__ = ["Ended", "Notifier", "Service", "log_event"]
