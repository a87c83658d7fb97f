"""One HTTP client per server: connections, time-outs, retries, pacing, errors as our own."""

from kbsync.transport.answer import Answer
from kbsync.transport.client import Transport

__all__ = ["Answer", "Transport"]
