"""What became of documents that were sent: indexing to its end, and their metadata."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import assert_never

from kbsync import naming, plan, scan
from kbsync.engine.base import Base
from kbsync.engine.values import Event, Happened, Polled
from kbsync.errors import BackendError, FileError, Rejected
from kbsync.fields import Told
from kbsync.formats import extension_of
from kbsync.model import (
    Failed,
    Gone,
    Indexing,
    Key,
    MetadataValue,
    Progress,
    Ready,
    Record,
    Remote,
)
from kbsync.stuck import Flight, is_stuck, mark_of

#: Documents whose metadata is written by one request.
DESCRIBE_AT_ONCE = 100

_MAX_VANISHED = 3
#: A longer pause between two looks counts as so many seconds of watching, or a quarter of the time
#: after which a document is stuck.
_PAUSE_COUNTS_FOR = 60.0


@dataclass(slots=True)
class _Done:
    """What one poll found: what ended, when those were sent, and what is still under way."""

    completed: int = 0
    failed: int = 0
    moved: bool = False
    finished: list[float] = field(default_factory=list)
    unfinished: list[tuple[Flight, Indexing]] = field(default_factory=list)


class Following(Base):
    """Poll and describe."""

    def poll(self, names: Collection[str]) -> Polled:
        """Ask once how far everything in flight is, and take up the answers."""
        flying = self.ledger.in_flight(names)
        by_dataset: dict[str, list[Flight]] = {}
        for flight in flying:
            by_dataset.setdefault(flight.remote.dataset_id, []).append(flight)
        done = _Done()
        for dataset_id, flights in by_dataset.items():
            answers = self.backend.progress(dataset_id, [flight.remote for flight in flights])
            for flight in flights:
                self._take(flight, answers.get(flight.remote.document_id), done)
        if flying:
            self._watch_over(done)
        waiting = sum(not flight.parked for flight in flying)
        moved = done.moved or done.completed + done.failed > 0
        return Polled(waiting - done.completed - done.failed, done.completed, done.failed, moved)

    def _take(self, flight: Flight, answer: Progress | None, done: _Done) -> None:
        key, remote = flight.key, flight.remote
        match answer:
            case Ready(segments=segments):
                done.finished.append(flight.sent_at)
                completed = self._indexed(key, remote, segments)
                done.moved |= completed
                done.completed += completed and not flight.parked
            case Failed(reason=reason):
                if not flight.parked:  # which is as it was at the last look
                    done.finished.append(flight.sent_at)
                done.failed += self._rejected(key, remote, reason)
            case Gone():
                done.moved |= not flight.parked and self._vanished(flight)
            case Indexing():
                done.unfinished.append((flight, answer))
            case None:
                return
            case other:
                assert_never(other)

    def _watch_over(self, done: _Done) -> None:
        """Remember what moved; make anew, once, what is stuck, and then give up on it."""
        marks = _moved(done.unfinished)
        most = max(_PAUSE_COUNTS_FOR, self.index_timeout / 4)
        watch = self.ledger.watch(marks, done.finished, self.clock(), most)
        done.moved |= bool(marks)
        for flight, progress in [*done.unfinished]:
            if flight.parked or flight.key in marks:
                continue
            if is_stuck(flight, progress, watch, self.index_timeout):
                self._give_up_or_start_again(flight, progress, done)

    def _give_up_or_start_again(self, flight: Flight, progress: Indexing, done: _Done) -> None:
        minutes = max(1, round(self.index_timeout / 60))
        told = f"no progress for {minutes} min while {progress.status!r} on the server"
        if flight.again:
            reason = f"stuck twice: {told}; see the server's workers, then `kbsync retry`"
            done.failed += self._rejected(flight.key, flight.remote, reason)
        elif self._has_moved_since(flight, progress, done):
            return
        elif self.ledger.start_again(flight.key, flight.remote, told, self.clock()):
            done.moved = True
            self.tell(Event(Happened.STUCK, *flight.key, f"{told}: it is sent once more"))
            self._remove(flight)

    def _has_moved_since(self, flight: Flight, progress: Indexing, done: _Done) -> bool:
        """Ask for this one again, and take up what is new.

        Where many are stuck, the deletions take so long that a worker may be back meanwhile.
        """
        remote = flight.remote
        answer = self.backend.progress(remote.dataset_id, [remote]).get(remote.document_id)
        if isinstance(answer, Indexing) and mark_of(answer) == mark_of(progress):
            return False
        self._take(flight, answer, done)
        return True

    def _remove(self, flight: Flight) -> None:
        """Delete the stuck document; if that is refused, the new one is made over it."""
        leftover = self.ledger.leftover(flight.remote.document_id)
        if leftover is None:
            return
        self.ledger.secure()
        try:
            self.backend.delete(leftover.remote)
        except BackendError as error:
            due = self.clock() + plan.backoff(1, self.chance())
            self.ledger.leftover_kept(leftover, str(error), due)
            if not isinstance(error, Rejected):
                raise
        else:
            self.ledger.leftover_gone(leftover)

    def _indexed(self, key: Key, remote: Remote, segments: int | None) -> bool:
        done = self.ledger.indexed(key, remote, segments, self.clock())
        if done:
            self.tell(Event(Happened.INDEXED, *key))
        return done

    def _rejected(self, key: Key, remote: Remote, reason: str) -> bool:
        done = self.ledger.rejected(key, remote, reason, self.clock())
        if done:
            record = self.ledger.record(key)
            told = reason if record is None else record.error or reason
            self.tell(Event(Happened.FAILED, *key, told))
        return done

    def _vanished(self, flight: Flight) -> bool:
        if flight.vanished >= _MAX_VANISHED:
            reason = "its document keeps disappearing from the server while it is being indexed"
            return self._rejected(flight.key, flight.remote, reason)
        due = self.clock() + plan.backoff(flight.vanished + 1, self.chance())
        return self.ledger.vanished(flight.key, flight.remote, due)

    def describe(self, name: str) -> int:
        """Write the metadata of up to a hundred documents; returns how many were taken up."""
        fields = self.folders[name].fields
        if self.ledger.redescribe(name, fields.digest):
            text = "its metadata settings changed: the metadata of all documents are written again"
            self.tell(Event(Happened.NOTE, name, "", text))
        records = self.ledger.undescribed(name, DESCRIBE_AT_ONCE)
        by_dataset: dict[str, list[Record]] = {}
        for record in records:
            by_dataset.setdefault(record.newest[0].dataset_id, []).append(record)
        for dataset_id, rows in by_dataset.items():
            values = {
                remote.document_id: self._metadata(record, remote, told)
                for record in rows
                for told in (self._said(record.key),)
                for remote in record.newest
            }
            if self.backend.has_metadata:
                self.ledger.describe(rows, self.backend.describe(dataset_id, values, fields.types))
            else:
                self.ledger.describe_never(rows)
        return len(records)

    def _said(self, key: Key) -> Told | None:
        """What a file says of itself now; None when it cannot be asked."""
        folder = self.folders[key.folder]
        if not folder.fields.reads(key.path):
            return {}
        from kbsync.convert.front import LONGEST, said  # noqa: PLC0415 - only where it is needed

        try:
            told = said(extension_of(key.path), scan.head(folder.root, key, LONGEST))
        except FileError:
            return None
        for misfit in folder.fields.misfits(told):
            self.tell(Event(Happened.NOTE, *key, f"metadata left out: {misfit}"))
        return told

    def _metadata(
        self, record: Record, remote: Remote, told: Told | None
    ) -> dict[str, MetadataValue]:
        modified = None if record.stamp is None else record.stamp.mtime_ns // 1_000_000_000
        values: dict[str, MetadataValue] = {
            **self.folders[record.key.folder].fields.of(record.key, modified, told),
            "kbsync_path": naming.told_path(record.key.path),
            "kbsync_source": naming.source(self.instance, record.key.folder),
        }
        if record.version is not None:
            values["kbsync_sha256"] = record.version.sha256
        if modified is not None:
            values["kbsync_modified"] = modified
        part = record.part(remote.document_id)
        if part is not None:
            values["kbsync_part"] = f"{part.number} of {part.of}"
        return values


def _moved(unfinished: Collection[tuple[Flight, Indexing]]) -> dict[Key, str]:
    """How files look that look other than before; a file's parts are looked at together."""
    looks: dict[Key, list[str]] = {}
    for flight, progress in unfinished:
        looks.setdefault(flight.key, []).append(mark_of(progress))
    before = {flight.key: flight.mark for flight, _ in unfinished}
    told = {key: ", ".join(marks) for key, marks in looks.items()}
    return {key: mark for key, mark in told.items() if before[key] != mark}
