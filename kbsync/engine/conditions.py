"""What is the matter now, from the ledger: for whoever is told of it."""

from __future__ import annotations

from collections.abc import Collection

from kbsync.engine.overview import check_facts
from kbsync.ledger import Complaint, Ledger
from kbsync.log import printable
from kbsync.notices import Condition
from kbsync.plurals import counted

_EXAMPLES = 5
_REASONS = 3
_MOST_COMPLAINTS = 1_000


def conditions(ledger: Ledger, folders: Collection[str], asked: Collection[str]) -> list[Condition]:
    """What failed, is held, or is not as agreed in these folders, and which questions fail."""
    told = _failed(ledger, folders)
    for name in folders:
        row, audit = ledger.folder(name), ledger.last_audit(name)
        if row is not None and row.hold is not None:
            text = f"{name}: {counted(row.hold.count, 'deletion')} held: {row.hold.reason}"
            told.append(Condition("held", name, row.hold.count, text))
        if audit.findings:
            text = f"{name}: {counted(audit.findings, 'document')} not as agreed"
            told.append(Condition("drift", name, audit.findings, text))
    for check in check_facts(ledger, asked):
        if not check["passed"]:
            question = printable(str(check["question"]))
            text = f'"{question}": {printable(str(check["reason"]))}'
            told.append(Condition("check", question, 1, text))
    return told


def _failed(ledger: Ledger, folders: Collection[str]) -> list[Condition]:
    by_folder: dict[str, list[Complaint]] = {}
    for complaint in ledger.complaints(folders, _MOST_COMPLAINTS) if folders else ():
        if complaint.final:
            by_folder.setdefault(complaint.folder, []).append(complaint)
    told = []
    for name, complaints in by_folder.items():
        count = sum(complaint.count for complaint in complaints)
        files = ledger.files(_EXAMPLES, folders=[name], kinds=["failed"])
        examples = tuple(f"{name}/{printable(file.key.path)}" for file in files)
        text = f"{name}: {counted(count, 'file')} failed: {_reasons(complaints)}"
        told.append(Condition("failed", name, count, text, examples))
    return told


def _reasons(complaints: list[Complaint]) -> str:
    if len(complaints) == 1:
        return printable(complaints[0].reason)
    parts = [f"{printable(each.reason)} ({each.count:,})" for each in complaints[:_REASONS]]
    rest = len(complaints) - _REASONS
    return ", ".join([*parts, f"{rest} other reasons"] if rest > 0 else parts)
