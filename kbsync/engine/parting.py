"""A file that is too large for one document, sent as several."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kbsync import naming
from kbsync.convert.cutting import Piece
from kbsync.engine.doubting import Doubting
from kbsync.engine.shelving import Shelving
from kbsync.engine.values import Event, Happened
from kbsync.errors import Rejected
from kbsync.ledger import Job
from kbsync.model import Dataset, Document, Part, Record, Remote, Stamp, Version

#: Makes the document of one piece: its version, its title, and its bytes.
Make = Callable[[Version, Piece], Document]


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """The server would not have a part."""

    number: int
    of: int
    reason: str

    def __str__(self) -> str:
        return f"part {self.number} of {self.of}: {self.reason}"


class Parting(Doubting, Shelving):
    """Send what is missing of a file's parts; what is there stays as it is."""

    def has_parts_of(self, record: Record, version: Version, dataset_id: str | None) -> bool:
        """Whether all parts of a version are there, indexed or not."""
        here = all(one.remote.dataset_id == dataset_id for one in record.parts if one.number)
        return here and record.version == version and record.is_whole

    def settle_parts(self, job: Job, version: Version, stamp: Stamp) -> None:
        """The file is what its parts are: there is nothing to send."""
        if not self.in_service(job):
            return
        current = sorted(
            (part for part in job.record.parts if part.number), key=lambda part: part.number
        )
        order = [part.remote.document_id for part in current]
        again = self.folders[job.key.folder].fields.reads(job.key.path)
        if self.ledger.parts_sent(job, order, version, stamp, self.clock(), describe=again):
            returned = job.record.shelved is not None
            self.tell(Event(Happened.RETURNED if returned else Happened.UNCHANGED, *job.key))

    def in_service(self, job: Job) -> bool:
        """Put parts that are out of service back; False when that must wait."""
        if job.record.shelved is None:
            return True
        return self.changed(job, [part.remote for part in job.record.parts], "enable")

    def send_parts(
        self,
        job: Job,
        dataset: Dataset,
        pieces: Sequence[Piece],
        version: Version,
        stamp: Stamp,
        make: Make,
    ) -> None:
        """Send those pieces that are not there, each after an intent of its own; raises Refused."""
        if not self.in_service(job):
            return
        there = _usable(job.record.parts, dataset.id)
        order, new = [], 0
        for number, piece in enumerate(pieces, 1):
            own = Version(hashlib.sha256(piece.body).hexdigest(), version.recipe)
            found = there.get(naming.version_digest(own))
            if found is None:
                document = make(own, piece)
                if not self.ledger.intend(job, dataset.id, document.name):
                    return
                try:
                    found = self.backend.put(dataset.id, document)
                except Rejected as error:
                    raise Refused(number, len(pieces), str(error)) from error
                self.ledger.part_sent(job, found, self.clock())
                new += 1
            order.append(found.document_id)
        done = self.ledger.parts_sent(job, order, version, stamp, self.clock())
        told = f"{job.reason}, in {len(pieces)} parts"
        if new < len(pieces):
            told += f", of which {new} changed"
        self.tell(Event(Happened.INDEXED if done else Happened.SENT, *job.key, told))


def _usable(parts: Sequence[Part], dataset_id: str) -> Mapping[str, Remote]:
    """Parts that may be part of a new version, by their content."""
    return {
        mark.version_digest: part.remote
        for part in parts
        if part.error is None and not part.spoilt and part.remote.dataset_id == dataset_id
        if (mark := naming.decode(part.remote.name)) is not None
    }
