"""Documents of deleted files that only go out of service, and come back with their file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from kbsync import plan
from kbsync.engine.base import Base
from kbsync.engine.values import Event, Happened
from kbsync.ledger import Job
from kbsync.model import Failed, Gone, Remote, Stamp, StatusAction, Version

#: A document whose status changed a moment ago takes no other change for a while (seen live).
_BUSY_SECONDS = 60.0
_BUSY = "the server is still busy with an earlier change of its document's status"


class Shelving(Base):
    """Take a live document out of service, and bring it back."""

    def shelves(self, job: Job) -> bool:
        """Whether the row's document goes out of service, rather than off the server, now."""
        record, rules = job.record, self.folders[job.key.folder].rules
        if rules.shelving is None or not record.answers:
            return False
        return not plan.is_purge_due(record, rules, self.clock())

    def shelve(self, job: Job) -> None:
        """Disable or archive what answers; with `trash_days`, a scan after these purges it."""
        folder, now = self.folders[job.key.folder], self.clock()
        action = folder.rules.shelving
        if action is None:
            return
        record = job.record
        answering = [part.remote for part in record.parts if part.ready]
        if record.live is not None:
            answering.append(record.live)
        if not self.changed(job, answering, action):
            return
        days = folder.rules.trash_days
        purge_at = job.record.purge_at or (now + days * 86_400 if days else None)
        self.ledger.shelve(job, f"{action}d", purge_at, now)
        told = f"{action}d: {job.reason}"
        if purge_at is not None:
            told += f"; purge on {day(purge_at)}"
        self.tell(Event(Happened.SHELVED, *job.key, told))

    def bring_back(self, job: Job, live: Remote, version: Version, stamp: Stamp) -> bool:
        """Put a shelved document of the file's content into service again, without indexing it.

        False when it is not there any more, or is broken, and must be sent.
        """
        if not self.changed(job, [live], "enable"):
            return True
        listed = self.backend.document(live.dataset_id, live.document_id)
        if listed is None or isinstance(listed.progress, Failed | Gone):
            return False
        self.ledger.unchanged(job, version, stamp, self.clock())
        self.tell(Event(Happened.RETURNED, *job.key))
        return True

    def changed(self, job: Job, remotes: Sequence[Remote], action: StatusAction) -> bool:
        """Change the status, or put the row off for a minute when the server cannot yet.

        What is archived is put back into service, too, by "enable".
        """
        if action == "enable" and job.record.shelved == "archived":
            action = "un_archive"
        self.able_to_shelve(self.folders[job.key.folder])
        if all(self._changed(dataset, ids, action) for dataset, ids in _by_dataset(remotes)):
            return True
        self.ledger.postpone(job, _BUSY, self.clock() + _BUSY_SECONDS)
        self.tell(Event(Happened.POSTPONED, *job.key, _BUSY))
        return False

    def _changed(self, dataset_id: str, ids: Sequence[str], action: StatusAction) -> bool:
        return self.backend.set_status(dataset_id, ids, action).issuperset(ids)


def _by_dataset(remotes: Sequence[Remote]) -> Iterable[tuple[str, Sequence[str]]]:
    found: dict[str, list[str]] = {}
    for remote in remotes:
        found.setdefault(remote.dataset_id, []).append(remote.document_id)
    return found.items()


def day(seconds: float) -> str:
    """A date as people read it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
