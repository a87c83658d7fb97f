"""Enabling, disabling and archiving documents, many by one request."""

from __future__ import annotations

from collections.abc import Sequence

from kbsync.errors import Rejected, Unavailable
from kbsync.model import StatusAction
from kbsync.transport import BUSY_DOCUMENT, Call, Transport

_AT_ONCE = 100
#: A mark may stay for ten minutes: no use in waiting long for it.
_TRIES = 2
#: What a server says, as a 400, of a document that is not indexed yet and cannot be disabled.
_UNFINISHED = "is not completed"


def set_status(
    transport: Transport, dataset_id: str, document_ids: Sequence[str], action: StatusAction
) -> frozenset[str]:
    """The ids of those that are so now, or are gone; see `Backend.set_status`."""
    done: set[str] = set()
    for start in range(0, len(document_ids), _AT_ONCE):
        some = document_ids[start : start + _AT_ONCE]
        done |= _set(transport, dataset_id, some, action, tries=_TRIES)
    return frozenset(done)


def _set(
    transport: Transport, dataset_id: str, ids: Sequence[str], action: StatusAction, *, tries: int
) -> set[str]:
    """Change all, or by halves when refused: servers refuse all for one (seen live)."""
    path = f"/datasets/{dataset_id}/documents/status/{action}"
    call = Call("status", "PATCH", path, json={"document_ids": [*ids]}, repeatable=True)
    try:
        transport.call(call, tries=tries)
    except (Rejected, Unavailable) as error:
        if BUSY_DOCUMENT not in str(error) and _UNFINISHED not in str(error):
            raise
        if len(ids) == 1:
            return set()
        halves = ids[: len(ids) // 2], ids[len(ids) // 2 :]
        return set().union(*(_set(transport, dataset_id, half, action, tries=1) for half in halves))
    return set(ids)
