"""What must never happen, looked for at the moment of each request."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from kbsync import naming
from kbsync.ledger.table import same_document
from kbsync.model import Key, Record
from kbsync.standin import StoredDocument
from kbsync.transport import Call
from tests.lives import World

from .disk import Disk
from .weather import Weather

#: Answers that tell how far documents are: a list's page, or one of them.
_LOOK = re.compile(r"/datasets/(?P<dataset>[^/]+)/documents(/(?P<document>[^/]+))?")


class Watching:
    """Sees each request right before the server does; `wrong` tells what should not be asked for.

    No request may touch somebody else's document. None may take the last document that answers
    with a file's content, and that kbsync was told to answer, while that file was at its place,
    unchanged, ever since that was made, unless people meddle.
    """

    def __init__(
        self, world: World, disk: Disk, weather: Weather, tell: Callable[[str], None]
    ) -> None:
        self._weather = weather
        self._tell = tell
        self._world = world
        self._disk = disk
        self._made: dict[tuple[str, bytes], int] = {}
        self._told_to_answer: set[tuple[str, bytes]] = set()
        self.wrong: list[str] = []

    def begin(self, records: Iterable[Record]) -> None:
        """A life begins that knows of its documents what these rows say."""
        known: set[str] = set()
        for record in records:
            known.update(part.remote.document_id for part in record.parts if part.ready)
            if record.live is not None and not same_document(record.live, record.coming):
                known.add(record.live.document_id)
        self._told_to_answer = {
            (one.id, one.body) for one in self._world.documents() if one.id in known
        }

    def see(self, call: Call) -> None:
        """A request is about to be made."""
        documents = {document.id: document for document in self._world.documents()}
        for document in documents.values():
            self._made.setdefault((document.id, document.body), self._disk.events)
        if call.method == "GET":
            self._learn(call, documents.values())
        else:
            self._tell(f"  {_told(call, documents)}")
        for document_id in _taken_away(call):
            if document_id in self._world.theirs:
                self.wrong.append(f"{call.told} is about somebody else's document")
            if document_id in documents:
                self._must_be_spared(call, documents[document_id], documents)

    def _learn(self, call: Call, documents: Iterable[StoredDocument]) -> None:
        look = _LOOK.fullmatch(call.path)
        if look is None or "keyword" in (call.params or {}):
            return
        for one in documents:
            asked = one.dataset_id == look["dataset"] and look["document"] in {None, one.id}
            if asked and one.display_status == "available" and one.segments:
                self._told_to_answer.add((one.id, one.body))

    def _must_be_spared(
        self, call: Call, document: StoredDocument, documents: dict[str, StoredDocument]
    ) -> None:
        text = document.body.decode()
        if call.files and call.files["file"][1] == document.body:
            return  # processed in another way
        if document.display_status != "available" or not document.segments:
            return
        if (document.id, document.body) not in self._told_to_answer:
            return
        mark = naming.decode(document.name)
        if mark is None or self._weather.meddled or text in self._disk.shared:
            return
        others = [
            other
            for other in documents.values()
            if other.id != document.id
            and other.body == document.body
            and other.display_status == "available"
        ]
        if _is_in_parts(text, mark, (one for one in documents.values() if one is not document)):
            return
        made = self._made[document.id, document.body]
        for path, said in self._disk.tree.items():
            if said != text or self._disk.born[path] > made or others:
                continue
            if naming.key_digest("test", Key(*path.split("/", 1))) == mark.key_digest:
                self.wrong.append(f"{call.told} takes the only document of {path}: {text[:12]}")


def _is_in_parts(text: str, mark: naming.Mark, others: Iterable[StoredDocument]) -> bool:
    """Whether other documents of the file answer with all of its text between them."""
    words: set[str] = set()
    for other in others:
        found = naming.decode(other.name)
        answers = other.display_status == "available" and other.segments
        if answers and found is not None and found.key_digest == mark.key_digest:
            words.update(other.body.decode().split())
    return set(text.split()) <= words


def _taken_away(call: Call) -> list[str]:
    """Documents that stop answering with what they say."""
    if call.kind in {"delete", "update"}:
        return [call.path.split("/documents/")[1].split("/")[0]]
    if call.kind == "status" and call.path.rpartition("/")[2] in {"disable", "archive"}:
        assert isinstance(call.json, dict)
        return [str(one) for one in call.json["document_ids"]]
    return []


def _told(call: Call, documents: dict[str, StoredDocument]) -> str:
    """A request as a person can follow it."""
    told = call.told
    for document in documents.values():
        told = told.replace(document.id, f"<{document.name} {document.body.decode()[:12]}>")
    body = next(iter(call.files.values()))[1][:12] if call.files else b""
    return f"{told} {body.decode()} {call.json or ''}"
