"""Whether the demo told the truth: disk, ledger and server, compared byte by byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kbsync.commands.demo_place import Place, Synced
from kbsync.errors import FileError
from kbsync.log import printable
from kbsync.model import State
from kbsync.standin import StoredDocument


@dataclass(frozen=True, slots=True)
class Truth:
    """What disk, ledger and server say in the end.

    `files` are indexed by the ledger's word, `equal` of them byte for byte by ours, `changed`
    since they were synced, `in_parts` those that are too large for one document; of the
    `documents`, the server could not index `failed`; `wrong` is where the three disagree.
    """

    files: int
    documents: int
    failed: int
    equal: int
    changed: int
    wrong: Sequence[str]
    in_parts: int = 0


def compare(place: Place, last: Synced) -> Truth:
    """Compare each file that is indexed by the ledger's word with its document, byte by byte."""
    records, documents = place.records(), place.documents()
    by_id = {document.id: document for document in documents}
    done = [record for record in records if record.state is State.COMPLETED]
    owned = {remote.document_id for one in records for remote in one.documents}
    failed = sum(
        document.indexing_status == "error" or not document.segments for document in documents
    )
    wrong: list[str] = []
    equal = changed = in_parts = 0
    for record in done:
        file, path = place.root / record.key.path, printable(record.key.path)
        found = [by_id.get(remote.document_id) for remote in record.newest]
        documents_of = [one for one in found if one is not None and _is_indexed(one)]
        if not found or len(documents_of) < len(found):
            wrong.append(f"{path}: the ledger calls it indexed, the server does not")
        elif record.parts:
            in_parts += 1
        elif _same(file, documents_of[0].body):
            equal += 1
        elif _touched_since(file, last.began):
            changed += 1
        else:
            wrong.append(f"{path}: the document has another content than the file")
    wrong += [f"{by_id[one].name}: a document of no file" for one in by_id.keys() - owned]
    if len(records) != last.present and not last.problems:
        wrong.append(f"{last.present} files were seen, the ledger knows {len(records)}")
    return Truth(len(done), len(documents), failed, equal, changed, wrong, in_parts)


def _is_indexed(document: StoredDocument) -> bool:
    return document.indexing_status == "completed" and document.segments > 0


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
