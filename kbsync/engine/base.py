"""What every verb needs: the ledger, the server at first use, the folders' datasets."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from kbsync import naming, scan
from kbsync.backend.interface import Backend
from kbsync.engine.recording import Recorder
from kbsync.engine.values import Event, Folder, Happened
from kbsync.errors import Denied, Missing
from kbsync.ledger import Ledger
from kbsync.model import (
    UNTRUSTED,
    Content,
    Dataset,
    Hold,
    Key,
    Problem,
    Record,
    Remote,
    Seen,
    Skipped,
    Stamp,
    State,
    Traffic,
    Version,
)

#: The fact of the ledger that tells which server a folder is sent to.
_SERVER = "server of {}"


@dataclass(slots=True)
class _Bound:
    """A folder's dataset, resolved once and shared by all threads."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    dataset: Dataset | None = None


class Base:
    """One ledger and one server.

    Args:
        address: of the server; after another one at the last run, datasets are resolved again.
        connect: makes the backend when a first request is needed, so that an unchanged tree
            costs none.
        clock: seconds since the epoch, which may be set forward or back.
        elapsed: seconds of a clock that never goes back.
        chance: a number from 0 to 1, for spreading retries.
        index_timeout: seconds without progress after which a document counts as stuck.
        max_indexing: how many documents may be sent or indexed at a time; 0 for any number.
    """

    def __init__(
        self,
        ledger: Ledger,
        connect: Callable[[], Backend],
        folders: Collection[Folder],
        *,
        instance: str,
        address: str = "",
        observer: Callable[[Event], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        index_timeout: float = 1800.0,
        max_indexing: int = 0,
    ) -> None:
        self.ledger = ledger
        self.folders: Mapping[str, Folder] = {folder.name: folder for folder in folders}
        self._connect = connect
        self.instance = instance
        self.address = address
        self._observer = observer
        self.recorder = Recorder(ledger, clock)
        self.clock = clock
        self.elapsed = elapsed
        self.chance = chance
        self.index_timeout = index_timeout
        self.max_indexing = max_indexing
        self._backend: Backend | None = None
        self._connecting = threading.Lock()
        self.stranded: deque[Callable[[], None]] = deque()
        self.closed: dict[str, Collection[Problem]] = {}
        self.holds: dict[str, Hold | None] = {}
        self.drops: dict[str, list[tuple[float, int]]] = {}
        self.adopting = threading.Lock()
        self.adopted: set[tuple[str, str]] = set()
        self.newly_adopted: deque[str] = deque()
        self.namesakes: dict[str, str] = {}
        self._bound = {(folder.name, folder.dataset): _Bound() for folder in folders}
        self._binding = threading.Lock()
        self._counted: dict[str, int] = {}
        self._rebound: set[str] = set()
        self._placed: dict[Key, tuple[str, int]] = {}

    def tell(self, event: Event) -> None:
        """Tell who follows, and keep it for the history."""
        self.recorder.note(event)
        self._observer(event)

    @property
    def backend(self) -> Backend:
        """The server, connected to at first use; raises BackendError."""
        with self._connecting:
            if self._backend is None:
                self._backend = self._connect()
            return self._backend

    @property
    def traffic(self) -> Traffic:
        """Requests and bytes so far; nothing before the server is first needed."""
        return Traffic({}, 0) if self._backend is None else self._backend.traffic

    def reach(self) -> None:
        """Only know that the server answers; raises BackendError when it does not."""
        self.backend.reach()

    def interrupt(self) -> None:
        """Let no request wait any longer for the server's good will."""
        if self._backend is not None:
            self._backend.interrupt()

    def rest(self) -> None:
        """Hold no connection to the server open while there is nothing to do."""
        if self._backend is not None:
            self._backend.rest()

    def close(self) -> None:
        """Close the server's connections, if any were opened."""
        if self._backend is not None:
            self._backend.close()

    def dataset(self, folder: Folder, name: str | None = None) -> Dataset:
        """A dataset of the folder, its only one without a name; resolved and checked once.

        Raises BackendError.
        """
        name = folder.dataset if name is None else name
        with self._binding:
            bound = self._bound.setdefault((folder.name, name), _Bound())
        with bound.lock:
            if bound.dataset is None:
                create = folder.processing if folder.create_dataset else None
                known = self.ledger.datasets(folder.name).get(name)
                try:
                    dataset = self.backend.dataset(name, create=create, known=known)
                    self.backend.fits(dataset, folder.processing)
                    self.able_to_shelve(folder)
                except (Missing, Denied) as error:
                    text = f"folder {folder.name!r}: {error}"
                    raise Denied(text, folder=folder.name) from error
                self._bind(folder, name, dataset)
                if known != dataset.id:
                    self.adopted.discard((folder.name, name))
                bound.dataset = dataset
                if not dataset.is_called(name):
                    self.tell(Event(Happened.NOTE, folder.name, "", renamed(folder, name, dataset)))
            return bound.dataset

    def unbind(self, name: str) -> None:
        """A folder's dataset is not there any more: resolve it again before the next use."""
        with self._binding:
            for bound in [one for (folder, _), one in self._bound.items() if folder == name]:
                bound.dataset = None

    def _bind(self, folder: Folder, name: str, dataset: Dataset) -> None:
        now = self.clock()
        if folder.places.is_one:
            self.ledger.bind(folder.name, folder.root, name, dataset.id, now)
            return
        self.rebind(folder.name)
        setting = folder.dataset
        self.ledger.bind(folder.name, folder.root, name, dataset.id, now, setting=setting)

    def dataset_of(self, record: Record, documents: int) -> Dataset:
        """The dataset of a file: where it is, or the first with room; raises BackendError.

        The `documents` that it becomes are counted there until `placed` says that the ledger
        knows. They stay together, so the last file of a dataset may be more than fits.
        """
        folder, path = self.folders[record.key.folder], record.key.path
        if not folder.places.max_documents:
            return self.dataset(folder, folder.places.dataset_of(path))
        own = self.own_place(record)
        if own is not None:
            return self.dataset(folder, own)
        for name in folder.places.row_of(path):
            dataset = self.dataset(folder, name)
            if self._has_room(record.key, documents, dataset.id, folder.places.max_documents):
                return dataset
        raise AssertionError  # numbers do not end

    def own_place(self, record: Record) -> str | None:
        """Which of the datasets that a file may be in has it already, by its name."""
        key, there = record.key, {remote.dataset_id for remote in record.newest}
        return self.folders[key.folder].places.own(
            key.path, self.ledger.datasets(key.folder), there
        )

    def placed(self, key: Key) -> None:
        """The ledger knows by now where a file is being sent to, or it is not sent."""
        with self._binding:
            self._placed.pop(key, None)

    def _has_room(self, key: Key, documents: int, dataset_id: str, most: int) -> bool:
        """Whether a file may be sent to a dataset, in which its documents are counted then."""
        with self._binding:
            count = self._counted.get(dataset_id, most)
            if count >= most:  # perhaps some went meanwhile
                others = {
                    one: coming
                    for one, (there, coming) in self._placed.items()
                    if there == dataset_id
                }
                count = self.ledger.documents_in(dataset_id, but=others) + sum(others.values())
            has_room = count < most
            if has_room:
                self._placed[key] = (dataset_id, documents)
            self._counted[dataset_id] = count + documents * has_room
            return has_room

    def fills(self, name: str, dataset_id: str) -> bool:
        """Whether documents of a folder go to this dataset, as far as the ledger knows."""
        return dataset_id in self.ledger.datasets(name).values()

    def content(self, folder: Folder, key: Key) -> Content:
        """What is to be indexed of a file, before it is converted; raises FileError."""
        content = scan.read(folder.root, key, max_size=folder.largest(key.path))
        if not folder.strips(key.path):
            return content
        from kbsync.convert.front import without  # noqa: PLC0415 - only where it is asked for

        body = without(content.body)
        return Content(content.seen, body, hashlib.sha256(body).hexdigest())

    def tell_skipped(self, folder: str, files: Sequence[Skipped]) -> None:
        """Tell why files are not sent; of which an older version answers, those have failed."""
        rows = self.ledger.records(folder, [file.key.path for file in files])
        for file in files:
            row = rows.get(file.key.path)
            if row is not None and row.state is State.FAILED and row.error is not None:
                self.tell(Event(Happened.FAILED, *file.key, row.error))
            else:
                self.tell(Event(Happened.SKIPPED, *file.key, file.reason))

    def digest(self, folder: Folder, key: Key) -> tuple[str, Seen]:
        """The SHA-256 (hex) of that, which is not kept in memory; raises FileError."""
        if folder.strips(key.path):
            content = self.content(folder, key)
            return content.sha256, content.seen
        return scan.digest(folder.root, key, max_size=folder.largest(key.path))

    def able_to_shelve(self, folder: Folder) -> None:
        """Raise Denied if the folder's settings need what the server cannot do."""
        if folder.rules.shelving is None or self.backend.has_status:
            return
        setting = "trash_days" if folder.rules.trash_days else "on_delete"
        raise Denied(
            f"folder {folder.name!r}: {setting} needs a server that can {folder.rules.shelving}"
            ' documents, which this one cannot; set on_delete = "delete" without trash_days,'
            ' or on_delete = "keep"',
            folder=folder.name,
        )

    def rebind_first(self, names: Collection[str]) -> None:
        """Before the first work on these folders: `rebind` each, once; raises BackendError."""
        for name in names:
            if name not in self._rebound:
                self.rebind(name)
                self._follow_server(name)
                self._rebound.add(name)

    def left_server(self, name: str) -> str | None:
        """The address that a folder was last sent to, if that is not the present one."""
        before = self.ledger.published(_SERVER.format(name))
        return before if before not in ("", self.address) else None

    def _follow_server(self, name: str) -> None:
        """At another address, see which datasets the names mean there; raises BackendError."""
        folder, known = self.folders[name], self.ledger.datasets(name)
        if known and self.left_server(name) is not None:
            for dataset in [folder.dataset] if folder.places.is_one else known:
                self.dataset(folder, dataset)
        if self.ledger.published(_SERVER.format(name)) != self.address:
            self.ledger.publish(_SERVER.format(name), self.address)

    def rebind(self, name: str) -> None:
        """Resolve the dataset again if the setting names another one than at the last run."""
        row, folder = self.ledger.folder(name), self.folders[name]
        if row is None or not row.dataset_id or row.dataset == folder.dataset:
            return
        if folder.places.is_one:
            self.dataset(folder)
        else:
            self.ledger.rebind(name, folder.dataset, self.clock())


def renamed(folder: Folder, name: str, dataset: Dataset) -> str:
    """What is told of a dataset that had this name and has another one now."""
    told = f"dataset {name!r} is called {dataset.name!r} in Dify now, and is filled on"
    one = f'set dataset = "{dataset.name}"'
    return f"{told}; {one if folder.places.is_one else 'give it its name back, or leave it so'}"


def is_version(remote: Remote | None, version: Version, dataset_id: str | None = None) -> bool:
    """Whether a remote is this version: its name says so, and it is in the right dataset."""
    if remote is None or (dataset_id is not None and remote.dataset_id != dataset_id):
        return False
    mark = naming.decode(remote.name)
    return mark is not None and mark.version_digest == naming.version_digest(version)


def trusted(stamp: Stamp, before: float) -> Stamp:
    """The stamp, spoilt if the file may have changed since `before` without changing it."""
    racy = scan.racy(stamp, int(before * 1e9))
    return stamp._replace(ctime_ns=UNTRUSTED) if racy else stamp
