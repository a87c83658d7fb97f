"""Life after life of one kbsync, over one folder and one server: each finds what the last left."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from kbsync.assembly import folder_of
from kbsync.backend.interface import Backend
from kbsync.backend.registry import STYLES
from kbsync.config import FolderSettings
from kbsync.engine import Engine, Event, Folder, Happened
from kbsync.errors import Denied, Unavailable
from kbsync.ledger import Ledger
from kbsync.model import Record, State, Want
from kbsync.standin import StandIn, StoredDocument

from .seams import Crash, Points, SeamStore, SeamTransport, seam_reads

Tree = Mapping[str, str]
Dialect = Literal["1.10.1", "1.16.1", "simple"]

NAME = "docs"
#: Indexing takes so many seconds of the virtual clock, and each look at it a little less.
PACE, LOOK = 5.0, 3.0
_STEPS = 200
_MAY_REMAIN = "a duplicate may remain"


@cache
def _new_ledger() -> bytes:
    """An empty ledger file: making it takes as long as a life in it."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "ledger.db"
        Ledger.open(path).close()
        return path.read_bytes()


class Clock:
    """Seconds since the epoch, which pass when somebody waits."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self.now += seconds


@dataclass
class World:
    """A folder, a server, a ledger, and the lives that were led with them."""

    root: Path
    ledger: Path
    standin: StandIn
    dataset_id: str
    theirs: Mapping[str, StoredDocument] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.ledger.exists():
            self.ledger.write_bytes(_new_ledger())

    @property
    def clock(self) -> Clock:
        """The server's clock, and ours."""
        clock = self.standin.world.clock
        assert isinstance(clock, Clock)
        return clock

    @property
    def style(self) -> str:
        """The dialect that the server speaks."""
        return "dify" if self.standin.world.dify else "simple"

    def write(self, tree: Tree) -> None:
        """Make the folder hold exactly this; a file that is so already is not touched."""
        for file in sorted(self.root.rglob("*"), reverse=True):
            path = file.relative_to(self.root).as_posix()
            if file.is_dir():
                if not any(file.iterdir()):
                    file.rmdir()
            elif path not in tree:
                file.unlink()
        for path, text in tree.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            if not file.exists() or file.read_text() != text:
                file.write_text(text)

    def rename(self, old: str, new: str) -> None:
        """Move a file within the folder."""
        (self.root / new).parent.mkdir(parents=True, exist_ok=True)
        os.replace(self.root / old, self.root / new)  # noqa: PTH105 - over what is there

    def live(self, points: Points | None = None) -> Points:
        """Start, reconcile until nothing is left to do, and stop; or crash on the way."""
        points = points or Points()
        try:
            with self.engine(points) as engine:
                _reconcile(engine, self.clock)
        except Crash:
            pass
        return points

    @contextmanager
    def engine(self, points: Points) -> Iterator[Engine]:
        """The parts of a process, put together as by `kbsync.assembly`."""
        ledger = Ledger(SeamStore(points, self.ledger))
        engine = Engine(
            ledger,
            lambda: self._connect(points),
            [self._folder()],
            instance="test",
            observer=self.events.append,
            clock=self.clock,
            elapsed=self.clock,
            chance=lambda: 0.5,
        )
        try:
            with seam_reads(points):
                yield engine
        finally:
            engine.close()
            ledger.close()

    def _connect(self, points: Points) -> Backend:
        transport = SeamTransport(
            points,
            self.standin.app,
            self.standin.key,
            clock=self.clock,
            sleep=self.clock.sleep,
            chance=lambda: 0.5,
        )
        return STYLES[self.style](transport)

    def _folder(self) -> Folder:
        return folder_of(
            FolderSettings.model_validate(
                {
                    "name": NAME,
                    "path": self.root,
                    "dataset": self.dataset_id,
                    "indexing_technique": "economy",
                    **self.settings,
                }
            )
        )

    # What came of it

    def documents(self) -> list[StoredDocument]:
        """All documents of the dataset."""
        return self.standin.documents(self.dataset_id)

    def settle(self, tree: Tree) -> None:
        """Begin with a folder that holds this, and a server that is equal to it."""
        self.write(tree)
        self.live()
        assert self.wrong(tree) == []

    def duplicates_told(self) -> int:
        """How often a person was told that a duplicate may remain."""
        return sum(
            event.happened is Happened.NOTE and _MAY_REMAIN in event.text for event in self.events
        )

    def wrong(self, tree: Tree) -> list[str]:
        """In what the server and the ledger differ from this tree, settled; one line each."""
        with Ledger.open(self.ledger, readonly=True) as ledger:
            records = ledger.everything(NAME)
            found = [f"{one} must still go" for one in ledger.going(self.dataset_id)]
        documents = {one.id: one for one in self.documents()}
        for document_id, before in self.theirs.items():
            if documents.pop(document_id, None) != before:
                found.append(f"somebody else's document {before.name} was touched")
        for path in records.keys() | tree.keys():
            record = records.get(path)
            live = None if record is None else record.live
            document = None if live is None else documents.pop(live.document_id, None)
            why = self._why_wrong(tree.get(path), record, document)
            found += [f"{path} {why}: {record}"] if why else []
        extra = [f"{one.name} ({one.body!r}) too many" for one in documents.values()]
        return found + extra[0 if self.style == "dify" else self.duplicates_told() :]

    def _why_wrong(
        self, text: str | None, record: Record | None, document: StoredDocument | None
    ) -> str | None:
        if record is None:
            return "has no row"
        if record.coming or record.intent:
            return "is not settled"
        if text is None:
            in_trash = (
                self.settings.get("trash_days")
                and record.shelved
                and document
                and not document.enabled
            )
            return None if in_trash else "is not there"
        if not text:  # it cannot be sent; the version before it stays, if there is one
            kept = {State.SKIPPED, State.FAILED}
            return None if record.state in kept else "is empty"
        if record.state is not State.COMPLETED or record.want is Want.ABSENT or record.shelved:
            return "is not settled"
        if document is None:
            return "has no document"
        if document.body != text.encode():
            return f"has a document that says {document.body!r}"
        available = document.display_status == "available" and document.segments > 0
        return None if available else f"has a document that is {document.display_status}"


def _reconcile(engine: Engine, clock: Clock) -> None:
    """What `kbsync reconcile` does, by one hand."""
    engine.ledger.recover()
    engine.ledger.hasten([NAME])
    survey = engine.survey(NAME)
    if survey.plan.changes and not engine.is_adopted(NAME) and _adopts(engine):
        survey = engine.survey(NAME)
    engine.accept(survey)
    engine.rebind(NAME)
    for _ in range(_STEPS):
        if not _step(engine, clock):
            return
    raise AssertionError(f"it does not come to rest: {engine.ledger.everything(NAME)}")


def _adopts(engine: Engine) -> bool:
    try:
        return bool(engine.adopt(NAME).keys)
    except Unavailable:
        return False


def _step(engine: Engine, clock: Clock) -> bool:
    """Send, follow and wait a little; whether anything is left to do."""
    try:
        while engine.work_one([NAME]):
            pass
        polled = engine.poll([NAME])
        while engine.describe(NAME):
            polled = engine.poll([NAME])
    except Unavailable:
        clock.sleep(30)
        return True
    except Denied as error:
        raise AssertionError(str(error)) from error
    clock.sleep(LOOK)
    due = engine.ledger.next_due([NAME])
    if due is not None:
        clock.now = max(clock.now, due)
    return due is not None or polled.in_flight > 0
