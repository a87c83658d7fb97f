"""Life after life of one kbsync over some folders and one server: each finds what was left."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal
from unittest import mock

import httpx

from kbsync.assembly import folder_of
from kbsync.backend.interface import Backend
from kbsync.backend.registry import STYLES
from kbsync.config import FolderSettings
from kbsync.engine import Event, Folder, Happened, Scope
from kbsync.engine.engine import Engine
from kbsync.errors import Denied, Unavailable
from kbsync.ledger import Ledger
from kbsync.model import Key, Record, State, Want
from kbsync.standin import StandIn, StoredDocument
from kbsync.transport import Call

from .seams import Crash, InProcess, Points, SeamStore, SeamTransport, seam_reads

#: What files say, by folder and path: "docs/a.md".
Tree = Mapping[str, str]
Dialect = Literal["1.10.1", "1.16.1", "simple"]

#: Indexing takes so many seconds of the virtual clock, and each look at it a little less.
PACE, LOOK = 5.0, 3.0
INDEX_TIMEOUT = 60.0
_STEPS = 200
_LONG = 1_000.0
_MAY_REMAIN = "a duplicate may remain"


class Clock:
    """Seconds that pass when somebody waits, far ahead of those that the files' inodes bear.

    `wall` is what the engine takes for the time of day: seconds since the epoch, and `skew`.
    """

    def __init__(self) -> None:
        self.now = 4_000_000_000.0
        self.skew = 0.0

    def __call__(self) -> float:
        return self.now

    def wall(self) -> float:
        """The time of day, which people can change."""
        return self.now + self.skew

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self.now += seconds


@contextmanager
def a_server(dialect: Dialect, clock: Clock) -> Iterator[StandIn]:
    """A stand-in whose time is the clock's."""
    with mock.patch("time.time", clock):
        standin = StandIn(
            behave="1.16.1" if dialect == "simple" else dialect,
            dialect="simple" if dialect == "simple" else "dify",
            pace=PACE,
            clock=clock,
        )
    with closing(standin):
        yield standin


@dataclass
class World:
    """Folders, a server, a ledger, and the lives that are led with them.

    The folders are the directories below `root` that `datasets` names; each is filled into the
    dataset of that id. `settings` are those of all folders.
    """

    root: Path
    ledger: Path
    standin: StandIn
    clock: Clock
    datasets: dict[str, str]
    settings: Mapping[str, object] = field(default_factory=dict)
    chance: Callable[[], float] = lambda: 0.5
    events: list[Event] = field(default_factory=list)
    theirs: dict[str, StoredDocument] = field(init=False)
    known_datasets: set[str] = field(init=False)

    def __post_init__(self) -> None:
        for name in self.datasets:
            (self.root / name).mkdir(parents=True, exist_ok=True)
        if not self.ledger.exists():
            self.ledger.write_bytes(_new_ledger())
        self.known_datasets = set(self.datasets.values())
        for dataset_id in sorted(self.known_datasets):
            self.standin.add_document(dataset_id, "by hand.md", b"made by hand, about grebes")
        self.clock.sleep(PACE)
        self.theirs = {document.id: document for document in self.documents()}

    # The disk

    def write(self, tree: Tree) -> None:
        """Make the folders hold exactly this; a file that is so already is not touched."""
        for file in sorted(self.root.rglob("*"), reverse=True):
            path = file.relative_to(self.root).as_posix()
            if file.is_dir():
                if path not in self.datasets and not any(file.iterdir()):
                    file.rmdir()
            elif path not in tree:
                file.unlink()
        for path, text in tree.items():
            file = self.root / path
            if not file.exists() or file.read_text() != text:
                self.put(path, text)

    def put(self, path: str, text: str) -> None:
        """Write one file, at the time of the virtual clock."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.clock.sleep(0.01)
        os.utime(file, (self.clock.now, self.clock.now))

    def rename(self, old: str, new: str) -> None:
        """Move a file or a directory, over what is there."""
        (self.root / new).parent.mkdir(parents=True, exist_ok=True)
        (self.root / old).replace(self.root / new)

    # The lives

    def live(self, points: Points | None = None, *, allow_delete: bool = False) -> Points:
        """Start, reconcile until nothing is left to do, and stop; or crash on the way."""
        points = points or Points()
        try:
            with self.engine(points) as engine:
                _reconcile(engine, self.clock, allow_delete=allow_delete)
        except Crash:
            pass
        return points

    @contextmanager
    def engine(
        self, points: Points, connect: Callable[[Points], Backend] | None = None
    ) -> Iterator[Engine]:
        """The parts of a process, put together as by `kbsync.assembly`."""
        connect = connect or self.connect
        with seam_reads(points), closing(Ledger(SeamStore(points, self.ledger))) as ledger:
            engine = Engine(
                ledger,
                lambda: connect(points),
                [self._folder(name) for name in self.datasets],
                instance="test",
                observer=self.events.append,
                clock=self.clock.wall,
                elapsed=self.clock,
                chance=self.chance,
                index_timeout=INDEX_TIMEOUT,
            )
            with closing(engine):
                yield engine

    def connect(
        self,
        points: Points,
        sleep: Callable[[float], object] | None = None,
        watch: Callable[[Call], None] = lambda _: None,
    ) -> Backend:
        """A backend whose every request is a point, and is watched."""
        transport = SeamTransport(
            points,
            self.standin.app,
            self.standin.key,
            watch,
            clock=self.clock,
            sleep=sleep or self.clock.sleep,
            chance=self.chance,
        )
        return STYLES[self.style](transport)

    def _folder(self, name: str) -> Folder:
        section = {"name": name, "path": self.root / name, "dataset": self.datasets[name]}
        section |= {"indexing_technique": "economy", **self.settings}
        return folder_of(FolderSettings.model_validate(section))

    @property
    def style(self) -> str:
        """The dialect that the server speaks."""
        return "dify" if self.standin.world.dify else "simple"

    # What came of it

    def documents(self) -> list[StoredDocument]:
        """All documents of all datasets that were ever ours to fill."""
        return [
            document
            for dataset_id in sorted(self.known_datasets)
            for document in self.standin.documents(dataset_id)
        ]

    def delete(self, document: StoredDocument) -> None:
        """Somebody deletes a document in Dify."""
        path = f"/v1/datasets/{document.dataset_id}/documents/{document.id}"
        client = httpx.Client(transport=InProcess(self.standin.app), base_url="http://dify")
        with client, suppress(httpx.ReadError):  # of a fault that is meant for kbsync
            client.delete(path, headers={"Authorization": f"Bearer {self.standin.key}"})

    def duplicates_told(self) -> int:
        """How often a person was told that a duplicate may remain."""
        return sum(
            event.happened is Happened.NOTE and _MAY_REMAIN in event.text for event in self.events
        )

    def settle(self, tree: Tree) -> None:
        """Begin with folders that hold this, and a server that is equal to them.

        Long enough after what was before that its deletions count no more.
        """
        self.clock.sleep(_LONG)
        self.write(tree)
        self.live()
        assert self.wrong(tree) == []

    def wrong(self, tree: Tree) -> list[str]:
        """In what the server and the ledger differ from this tree, settled; one line each."""
        wanted = {Key(*path.split("/", 1)): text for path, text in tree.items()}
        with closing(Ledger.open(self.ledger, readonly=True)) as ledger:
            rows = [row for name in self.datasets for row in ledger.everything(name).values()]
            going = [
                one for dataset in sorted(self.known_datasets) for one in ledger.going(dataset)
            ]
            counted, kept = _counted(ledger), ledger.tallies()
        records = {record.key: record for record in rows}
        documents = {one.id: one for one in self.documents()}
        found = [f"{document_id} must still go" for document_id in going]
        found += [f"the ledger keeps {kept}, and has {counted}"] if counted != kept else []
        for document_id, before in self.theirs.items():
            if documents.pop(document_id, None) != before:
                found.append(f"somebody else's document {before.name} was touched")
        for key in sorted(records.keys() | wanted.keys()):
            record = records.get(key)
            there = [documents.pop(document_id, None) for document_id in _answering(record)]
            why = self._why_wrong(key, wanted.get(key), record, there)
            found += [f"{'/'.join(key)} {why}: {record}"] if why else []
        extra = [f"{one.name} ({one.body!r}) too many" for one in documents.values()]
        return found + extra[0 if self.style == "dify" else self.duplicates_told() :]

    def _why_wrong(
        self,
        key: Key,
        text: str | None,
        record: Record | None,
        there: Sequence[StoredDocument | None],
    ) -> str | None:
        if record is None:
            return "has no row"
        if record.coming or record.intent or any(part.is_ahead for part in record.parts):
            return "is not settled"
        if text is None:
            out = all(one is None or one.archived or not one.enabled for one in there)
            return None if record.shelved and out else "is not there"
        if not text:  # it cannot be sent; the version before it stays, if there is one
            return None if record.state in {State.SKIPPED, State.FAILED} else "is empty"
        if record.state is not State.COMPLETED or record.want is Want.ABSENT or record.shelved:
            return "is not settled"
        documents = [one for one in there if one is not None]
        if not documents or len(documents) < len(there):
            return "has no document"
        return self._why_not_as(key, text, documents)

    def _why_not_as(self, key: Key, text: str, documents: Sequence[StoredDocument]) -> str | None:
        told = b"".join(document.body for document in documents)
        if told != text.encode():
            return f"has documents that say {told!r}"
        for document in documents:
            if document.dataset_id != self.datasets[key.folder]:
                return "has a document in another dataset"
            if document.display_status != "available" or not document.segments:
                return f"has a document that is {document.display_status}"
        return None


def _counted(ledger: Ledger) -> dict[str, dict[str, int]]:
    """What the ledger's tallies must be."""
    counted: dict[str, dict[str, int]] = {}
    for folder, kind, count in ledger.store.rows(
        "SELECT folder, kind, count(*) FROM files GROUP BY folder, kind"
    ):
        counted.setdefault(folder, {})[kind] = count
    return counted


def _answering(record: Record | None) -> list[str]:
    """The document of a file, or its parts in their order."""
    if record is None:
        return []
    parts = sorted(record.parts, key=lambda part: part.number)
    remotes = [part.remote for part in parts] + ([record.live] if record.live else [])
    return [remote.document_id for remote in remotes]


@cache
def _new_ledger() -> bytes:
    """An empty ledger file: making it takes as long as a life in it."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "ledger.db"
        Ledger.open(path).close()
        return path.read_bytes()


def _reconcile(engine: Engine, clock: Clock, *, allow_delete: bool) -> None:
    """What `kbsync reconcile` does, by one hand."""
    names = list(engine.folders)
    scopes = [Scope(name) for name in names]
    engine.ledger.recover()
    engine.ledger.hasten(names)
    surveys = engine.look(scopes, allow_delete=allow_delete)
    changed = [survey.folder.name for survey in surveys if survey.plan.changes]
    if [name for name in changed if not engine.is_adopted(name) and _adopts(engine, name)]:
        surveys = engine.look(scopes, allow_delete=allow_delete)
    engine.accept(*surveys)
    for name in names:
        engine.rebind(name)
    for _ in range(_STEPS):
        if not _step(engine, names, clock):
            return
    raise AssertionError(f"it does not come to rest: {engine.ledger.unfinished(names[0])}")


def _adopts(engine: Engine, name: str) -> bool:
    try:
        return bool(engine.adopt(name).keys)
    except Unavailable:
        return False


def _step(engine: Engine, names: list[str], clock: Clock) -> bool:
    """Send, follow and wait a little; whether anything is left to do."""
    try:
        while engine.work_one(names):
            pass
        polled = engine.poll(names)
        for name in names:
            while engine.describe(name):
                pass
    except Unavailable:
        clock.sleep(30)
        return True
    except Denied as error:
        raise AssertionError(str(error)) from error
    clock.sleep(LOOK)
    due = engine.ledger.next_due(names)
    if due is not None:
        clock.sleep(max(0.0, due - clock.wall()))
    return due is not None or polled.in_flight > 0
