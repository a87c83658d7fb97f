"""HTTP with one server: connections, time-outs, retries, pacing, errors as our own."""

from kbsync.transport.answer import Answer
from kbsync.transport.client import Call, Meaning, Transport
from kbsync.transport.meaning import BUSY_DOCUMENT, BUSY_METADATA, KeyRefused, NoSuchRoute

__all__ = [
    "BUSY_DOCUMENT",
    "BUSY_METADATA",
    "Answer",
    "Call",
    "KeyRefused",
    "Meaning",
    "NoSuchRoute",
    "Transport",
]
