"""Whether the demo told the truth: disk, ledger and server, compared byte by byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kbsync.commands.demo_place import Place, Synced
from kbsync.errors import FileError
from kbsync.log import printable
from kbsync.model import State


@dataclass(frozen=True, slots=True)
class Truth:
    """What disk, ledger and server say in the end.

    `files` are indexed by the ledger's word, `equal` of them byte for byte by ours, `changed`
    since they were synced; of the `documents`, the server could not index `failed`; `wrong` is
    where the three disagree.
    """

    files: int
    documents: int
    failed: int
    equal: int
    changed: int
    wrong: Sequence[str]


def compare(place: Place, last: Synced) -> Truth:
    """Compare each file that is indexed by the ledger's word with its document, byte by byte."""
    records, documents = place.records(), place.documents()
    by_id = {document.id: document for document in documents}
    done = [record for record in records if record.state is State.COMPLETED]
    owned = {remote.document_id for one in records for remote in (one.live, one.coming) if remote}
    failed = sum(
        document.indexing_status == "error" or not document.segments for document in documents
    )
    wrong: list[str] = []
    equal = changed = 0
    for record in done:
        file, path = place.root / record.key.path, printable(record.key.path)
        document = by_id.get(record.live.document_id) if record.live else None
        if document is None or document.indexing_status != "completed" or not document.segments:
            wrong.append(f"{path}: the ledger calls it indexed, the server does not")
        elif _same(file, document.body):
            equal += 1
        elif _touched_since(file, last.began):
            changed += 1
        else:
            wrong.append(f"{path}: the document has another content than the file")
    wrong += [f"{by_id[one].name}: a document of no file" for one in by_id.keys() - owned]
    if len(records) != last.present and not last.problems:
        wrong.append(f"{last.present} files were seen, the ledger knows {len(records)}")
    return Truth(len(done), len(documents), failed, equal, changed, wrong)


def _same(file: Path, body: bytes) -> bool:
    """Whether a document has a file's bytes, or its text in the encoding that is sent."""
    from kbsync.convert.texts import as_utf8

    try:
        content = file.read_bytes()
        return content == body or as_utf8(content) == body
    except (OSError, FileError):
        return False


def _touched_since(file: Path, began: float) -> bool:
    try:
        return file.stat().st_ctime >= began
    except OSError:
        return True
