"""One due piece of work: send a file's content, or delete what is not wanted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from itertools import count

from kbsync import naming, plan, scan
from kbsync.convert.cutting import Piece
from kbsync.engine.adopting import Adopting
from kbsync.engine.base import is_version, trusted
from kbsync.engine.converting import Converting
from kbsync.engine.parting import Parting, Refused
from kbsync.engine.values import Event, Folder, Happened, Settled
from kbsync.errors import (
    BackendError,
    Denied,
    FileError,
    LedgerError,
    Missing,
    Rejected,
    Unavailable,
)
from kbsync.ledger import ADOPTED, FolderRow, Job
from kbsync.model import (
    Content,
    Dataset,
    Document,
    Intent,
    Key,
    Problem,
    Record,
    Remote,
    Skipped,
    Stamp,
    State,
    Version,
    Want,
)

#: A file whose directory cannot be looked at is tried again after so many seconds.
_UNKNOWN_SECONDS = 60.0


class Sending(Converting, Parting, Adopting):
    """Work on claimed rows, one at a time."""

    def work_one(self, names: Collection[str]) -> str | None:
        """Do the next due piece of work of these folders; returns whose it was, None for none.

        Raises Unavailable or Denied after the row has been given back; a file's own errors are
        kept in its row.
        """
        self._free_stranded()
        self.rebind_first(names)
        names = self.adopt_first(names)
        job = self.ledger.claim(self.clock(), names, max_indexing=self.max_indexing)
        if job is None:
            return self._sweep_one(names)
        try:
            if job.record.want is Want.PRESENT and self.adopt_place(job):
                return job.key.folder
            sure = self.made_sure(job)
            if sure is None:
                return job.key.folder
            if sure.record.want is Want.ABSENT:
                self._drop(sure)
            else:
                self._put(sure)
        except LedgerError:
            self.stranded.append(partial(self.ledger.release, job))
            raise
        except Unavailable as error:
            self._postpone(job, error)
            raise
        except (Missing, Denied) as error:
            self.ledger.release(job)
            if isinstance(error, Missing):
                self.unbind(job.key.folder)
            raise Denied(str(error), folder=job.key.folder) from error
        return job.key.folder

    def _free_stranded(self) -> None:
        """Give back rows whose result could not be written, as with a full disk."""
        while self.stranded:
            give_back = self.stranded.popleft()
            try:
                give_back()
            except LedgerError:
                self.stranded.append(give_back)
                raise

    def _postpone(self, job: Job, error: Unavailable) -> None:
        wait = plan.backoff(job.record.attempts + 1, self.chance())
        due = self.clock() + max(wait, error.retry_after or 0)
        self.ledger.postpone(job, str(error), due)
        self.tell(Event(Happened.POSTPONED, *job.key, str(error)))

    def _put(self, job: Job) -> None:
        found = self._read(job)
        if found is not None and not self._settled_without_sending(job, *found[1:]):
            try:
                self._send(job, *found)
            finally:
                self.placed(job.key)

    def _read(self, job: Job) -> tuple[Content, Version, Stamp] | None:
        """The file as it is now; None when it cannot be read, which its row then tells."""
        folder, started = self.folders[job.key.folder], self.clock()
        nowhere = folder.places.refusal(job.key.path)
        if nowhere is not None:
            self._unreadable(job, folder, FileError(nowhere))
            return None
        try:
            content = self.content(folder, job.key)
        except FileError as error:
            self._unreadable(job, folder, error)
            return None
        version = Version(content.sha256, folder.rules.recipe_of(job.key.path))
        return content, version, trusted(content.seen.stamp, started)

    def _unreadable(self, job: Job, folder: Folder, error: FileError) -> None:
        found = scan.look(folder.root, job.key, folder.filters, max_size=folder.max_size)
        if found is None:
            self.ledger.lose(job, self.clock())
            return
        if isinstance(found, Problem) and found.is_directory:
            self.ledger.postpone(job, found.reason, self.clock() + _UNKNOWN_SECONDS)
            self.tell(Event(Happened.UNKNOWN, *job.key, found.reason))
            return
        if isinstance(found, Skipped):
            self.ledger.skip(job, found, self.clock())
            self.tell_skipped(folder.name, [found])
            return
        self.park(job, str(error), None, None)

    def settle_one(self, names: Collection[str]) -> Settled | None:
        """Compare the next adopted file with its document, and send nothing; None when all are."""
        claimed = self.ledger.claim(self.clock(), names, ADOPTED)
        if claimed is None:
            return None
        job = self.made_sure(claimed) or claimed
        found = self._read(job)
        if found is not None and not self._settled_without_sending(job, *found[1:]):
            why = "its parts were compared" if job.record.parts else "changed since it was sent"
            self.ledger.release(job, why)
        return Settled(job.key, _what_became(self.ledger.record(job.key)))

    def _settled_without_sending(self, job: Job, version: Version, stamp: Stamp) -> bool:
        record, now = job.record, self.clock()
        row = self.ledger.folder(job.key.folder)
        folder = self.folders[job.key.folder]
        if not folder.places.is_one:
            self.rebind(folder.name)
        dataset_id = self._bound_id(record, row)
        elsewhere = folder.places.is_one and row is not None and row.dataset != folder.dataset
        if record.resend or elsewhere:
            return False
        coming = is_version(record.coming, version, dataset_id)
        if is_version(record.live, version, dataset_id) and not coming:
            if record.shelved is not None and record.live is not None:
                return self.bring_back(job, record.live, version, stamp)
            again = self.folders[job.key.folder].fields.reads(job.key.path)
            self.ledger.unchanged(job, version, stamp, now, describe=again)
            self.tell(Event(Happened.UNCHANGED, *job.key))
            return True
        if self.has_parts_of(record, version, dataset_id) and not record.parked:
            self.settle_parts(job, version, stamp)
            return True
        if record.declined == version and record.live is None and record.coming is None:
            self.ledger.declined(job, stamp, now)
            return True
        if record.parked == version and not plan.is_readable_now(record, folder.rules):
            self.park(job, record.error or "refused before", version, stamp)
            return True
        if coming:  # also beside a live one of this version, which was not as agreed
            self.ledger.still_indexing(job, version, stamp, now)
            return True
        return False

    def _bound_id(self, record: Record, row: FolderRow | None) -> str | None:
        """The id of the dataset that a file goes to, asked for only where it must be known."""
        if self.folders[record.key.folder].places.is_one:
            return None if row is None else row.dataset_id
        own = self.own_place(record)
        known = self.ledger.datasets(record.key.folder)
        return "" if own is None else known[own]

    def _send(self, job: Job, content: Content, version: Version, stamp: Stamp) -> None:
        folder = self.folders[job.key.folder]
        found = self.pieces(job, content, version, stamp)
        if found is None:
            return
        pieces, sent_as = found
        job = self.caught_up(job)
        dataset = self.dataset_of(job.record, len(pieces))
        if len(pieces) > 1:
            self._send_parts(job, dataset, pieces, sent_as, version, stamp)
            return
        document = self._document(job.key, version, pieces[0], sent_as)
        if not self.ledger.intend(job, dataset.id, document.name):
            return
        try:
            remote = self._create(job, folder, dataset, document)
        except Rejected as error:
            self.park(job, str(error), version, stamp)
            return
        self.ledger.sent(job, remote, version, stamp, self.clock())
        self.tell(Event(Happened.SENT, *job.key, job.reason))

    def _send_parts(
        self,
        job: Job,
        dataset: Dataset,
        pieces: Sequence[Piece],
        sent_as: str | None,
        version: Version,
        stamp: Stamp,
    ) -> None:
        def make(own: Version, piece: Piece) -> Document:
            return self._document(job.key, own, piece, sent_as, piece.title)

        try:
            self.send_parts(job, dataset, pieces, version, stamp, make)
        except Refused as error:
            self.park(job, str(error), version, stamp)

    def _document(
        self,
        key: Key,
        version: Version,
        piece: Piece,
        sent_as: str | None,
        part: str | None = None,
    ) -> Document:
        name = self._free_name(key, version, sent_as, part)
        processing = self.folders[key.folder].recipes.processing_of(key.path)
        return Document(name, piece.body, _media_type(name), processing)

    def _free_name(
        self, key: Key, version: Version, extension: str | None, part: str | None
    ) -> str:
        """The version's name that no document bears which moved away from this file's place."""
        for number in count(1):
            name = naming.remote_name(
                key, version, self.instance, extension=extension, number=number, part=part
            )
            if not self.ledger.name_taken(key, name):
                return name
        raise AssertionError  # numbers do not end

    def _create(self, job: Job, folder: Folder, dataset: Dataset, document: Document) -> Remote:
        in_place = folder.in_place and job.record.shelved is None
        live = job.record.live if in_place else None
        replacing = live if live is not None and live.dataset_id == dataset.id else None
        try:
            return self.backend.put(dataset.id, document, replacing=replacing)
        except Unavailable as error:
            if not error.ambiguous:
                raise
            made, others = self.made(job.record.live, Intent(dataset.id, document.name))
            if made is None:
                raise
            for twin in others:
                self.ledger.retire(job.key, twin, self.clock())
            return made

    def _drop(self, job: Job) -> None:
        self.ledger.secure()
        record = job.record
        if self.shelves(job):
            self.shelve(job)
            return
        for remote in record.documents:
            self._delete(remote)
        self.ledger.dropped(job)
        self.tell(Event(Happened.DELETED, *job.key, job.reason))

    def _delete(self, remote: Remote) -> None:
        try:
            self.backend.delete(remote)
        except (Missing, Rejected) as error:
            raise Denied(f"document {remote.name!r} cannot be deleted: {error}") from error

    def _sweep_one(self, names: Collection[str]) -> str | None:
        leftover = self.ledger.take_leftover(self.clock(), names)
        if leftover is None:
            return None
        due = self.clock() + plan.backoff(leftover.attempts + 1, self.chance())
        written = partial(self.ledger.leftover_kept, leftover, "not tried yet", due)
        try:
            self.ledger.secure()
            self._delete(leftover.remote)
            written = partial(self.ledger.leftover_gone, leftover)
            written()
        except BackendError as error:
            self.ledger.leftover_kept(leftover, str(error), due)
            raise
        except LedgerError:
            self.stranded.append(written)
            raise
        return leftover.key.folder


def _what_became(record: Record | None) -> str:
    if record is None or (record.state is State.COMPLETED and record.stamp is None):
        return "gone"
    if record.state is State.PENDING and record.error is not None:
        return "failed"
    if record.state is State.PENDING and record.parts:
        return "parts"
    names = {State.COMPLETED: "same", State.INDEXING: "indexing", State.FAILED: "failed"}
    return names.get(record.state, "older")


_MEDIA_TYPES = {
    "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "htm": "text/html",
    "html": "text/html",
    "markdown": "text/markdown",
    "md": "text/markdown",
    "mdx": "text/markdown",
    "pdf": "application/pdf",
    "properties": "text/plain",
    "txt": "text/plain",
    "vtt": "text/vtt",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def _media_type(name: str) -> str:
    return _MEDIA_TYPES.get(name.rpartition(".")[2], "application/octet-stream")
