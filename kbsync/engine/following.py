"""What became of documents that were sent: indexing to its end, and their metadata."""

from __future__ import annotations

from collections.abc import Collection
from typing import assert_never

from kbsync import plan
from kbsync.engine.base import Base
from kbsync.engine.values import Event, Happened, Polled
from kbsync.model import Failed, Gone, Indexing, Key, MetadataValue, Ready, Record, Remote

#: Documents whose metadata is written by one request.
DESCRIBE_AT_ONCE = 100

_MAX_VANISHED = 3


class Following(Base):
    """Poll and describe."""

    def poll(self, names: Collection[str]) -> Polled:
        """Ask once how far everything in flight is, and take up the answers."""
        flying = self.ledger.in_flight(names)
        by_dataset: dict[str, list[tuple[Key, Remote]]] = {}
        for key, remote in flying:
            by_dataset.setdefault(remote.dataset_id, []).append((key, remote))
        completed = failed = 0
        moved = False
        for dataset_id, pairs in by_dataset.items():
            answers = self.backend.progress(dataset_id, [remote for _, remote in pairs])
            for key, remote in pairs:
                match answers.get(remote.document_id):
                    case Ready(segments=segments):
                        completed += self._indexed(key, remote, segments)
                    case Failed(reason=reason):
                        failed += self._rejected(key, remote, reason)
                    case Gone():
                        moved |= self._vanished(key, remote)
                    case Indexing() | None:
                        continue
                    case other:
                        assert_never(other)
        moved = moved or completed + failed > 0
        return Polled(len(flying) - completed - failed, completed, failed, moved)

    def _indexed(self, key: Key, remote: Remote, segments: int | None) -> bool:
        done = self.ledger.indexed(key, remote, segments, self.clock())
        if done:
            self.tell(Event(Happened.INDEXED, *key))
        return done

    def _rejected(self, key: Key, remote: Remote, reason: str) -> bool:
        done = self.ledger.rejected(key, remote, reason, self.clock())
        if done:
            self.tell(Event(Happened.FAILED, *key, reason))
        return done

    def _vanished(self, key: Key, remote: Remote) -> bool:
        record = self.ledger.record(key)
        if record is not None and record.attempts >= _MAX_VANISHED:
            reason = "its document keeps disappearing from the server while it is being indexed"
            return self._rejected(key, remote, reason)
        due = self.clock() + plan.backoff(1, self.chance())
        return self.ledger.vanished(key, remote, due)

    def describe(self, name: str) -> int:
        """Write the metadata of up to a hundred documents; returns how many were taken up."""
        records = self.ledger.undescribed(name, DESCRIBE_AT_ONCE)
        by_dataset: dict[str, dict[str, Record]] = {}
        for record in records:
            remote = record.coming or record.live
            if remote is not None:
                by_dataset.setdefault(remote.dataset_id, {})[remote.document_id] = record
        for dataset_id, rows in by_dataset.items():
            values = {document: self._metadata(record) for document, record in rows.items()}
            keys = {document: row.key for document, row in rows.items()}
            if self.backend.has_metadata:
                self.ledger.describe(keys, self.backend.describe(dataset_id, values))
            else:
                self.ledger.describe_never(keys)
        return len(records)

    def _metadata(self, record: Record) -> dict[str, MetadataValue]:
        path = record.key.path.encode("utf-8", "replace").decode()
        values: dict[str, MetadataValue] = {
            "kbsync_path": path,
            "kbsync_source": f"{self.instance}/{record.key.folder}",
        }
        if record.version is not None:
            values["kbsync_sha256"] = record.version.sha256
        if record.stamp is not None:
            values["kbsync_modified"] = record.stamp.mtime_ns // 1_000_000_000
        return values
