"""The server's list beside the ledger: told, and on request put right."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from kbsync import drift
from kbsync.drift import Finding, Kind
from kbsync.engine.base import Base
from kbsync.engine.values import Audit, Event, Happened
from kbsync.model import Listed, Remote, StatusAction

_PAGE = 100

_RESEND = frozenset({Kind.MISSING, Kind.RENAMED, Kind.ERROR, Kind.EMPTY})
#: What a person may have meant to do; the rest are accidents.
_WANTED = frozenset({Kind.MISSING, Kind.RENAMED, Kind.ARCHIVED, Kind.DISABLED})
_STATUS: Mapping[Kind, StatusAction] = {Kind.ARCHIVED: "un_archive", Kind.DISABLED: "enable"}


class Auditing(Base):
    """Audit, and put right."""

    def audit(
        self,
        names: Collection[str],
        *,
        repair: Collection[str] = (),
        accept: Collection[str] = (),
    ) -> list[Audit]:
        """Compare these folders' datasets with the ledger, each dataset listed once.

        What is found in folders of `repair` is put right, or to work for it; what a person may
        have wanted in folders of `accept` is taken as agreed. Raises BackendError.
        """
        by_dataset: dict[str, list[str]] = {}
        audits = []
        for name in names:
            dataset_id = self.dataset(self.folders[name]).id
            if self.backend.lists:
                by_dataset.setdefault(dataset_id, []).append(name)
            else:
                audits.append(Audit(name, listed=False))
        for dataset_id, some in by_dataset.items():
            audits += self._audit(dataset_id, some, frozenset(repair), frozenset(accept))
        return audits

    def _audit(
        self,
        dataset_id: str,
        names: Collection[str],
        repair: Collection[str],
        accept: Collection[str],
    ) -> list[Audit]:
        since = self.clock()
        going = self.ledger.going(dataset_id)
        listed = {one.document_id: one for one in self.backend.documents(dataset_id)}
        for document_id in going:
            listed.pop(document_id, None)
        compared = self._compared(listed.values(), dataset_id, since)
        findings = [found for found in compared.findings if found.key.folder in names]
        if findings:
            again = self._looked_again(dataset_id, listed, findings)
            sure = {_same(one) for one in self._compared(again, dataset_id, since).findings}
            findings = [found for found in findings if _same(found) in sure]
        for found in findings:
            if _is_accepted(found, accept) and found.kind is Kind.MISSING:
                self.ledger.decline(found.key, found.document_id, self.clock())
                self.tell(Event(Happened.NOTE, *found.key, f"{found.text}: taken as agreed"))
        findings = [found for found in findings if not _is_accepted(found, accept)]
        return [self._told(dataset_id, name, findings, compared, repair) for name in names]

    def _compared(
        self, listed: Iterable[Listed], dataset_id: str, since: float
    ) -> drift.Comparison:
        beside = self.ledger.beside(dataset_id, since, self.clock())
        ours = [name for name in self.folders if self._fills_here(name, dataset_id)]
        return drift.compare(listed, beside, instance=self.instance, folders=ours)

    def _fills_here(self, name: str, dataset_id: str) -> bool:
        row = self.ledger.folder(name)
        return row is not None and row.dataset_id == dataset_id

    def _looked_again(
        self, dataset_id: str, listed: Mapping[str, Listed], findings: Collection[Finding]
    ) -> list[Listed]:
        """The list after a second look at what was found: one by one, or at the whole of it."""
        ids = {found.document_id for found in findings}
        if len(ids) * _PAGE > len(listed) + _PAGE:
            view = {one.document_id: one for one in self.backend.documents(dataset_id)}
            ids = {found.document_id for found in findings if found.kind is Kind.EMPTY}
        else:
            view = dict(listed)
        for document_id in ids:
            one = self.backend.document(dataset_id, document_id)
            view.pop(document_id, None)
            if one is not None:
                view[document_id] = one
        return list(view.values())

    def _told(
        self,
        dataset_id: str,
        name: str,
        findings: Iterable[Finding],
        compared: drift.Comparison,
        repair: Collection[str],
    ) -> Audit:
        mine = tuple(found for found in findings if found.key.folder == name)
        news = self.ledger.audited(name, mine, compared, self.clock())
        for found in mine:
            if found in news:
                self.tell(Event(Happened.DRIFT, *found.key, f"{found.kind.value}: {found.text}"))
        done = self._put_right(dataset_id, mine) if name in repair else ()
        self.ledger.settle_findings(done)
        for found in done:
            self.tell(Event(Happened.RESTORED, *found.key, found.kind.value))
        return Audit(
            name,
            listed=True,
            findings=mine,
            repaired=tuple(done),
            others=dict(compared.others),
            unknown=compared.unknown,
            unmanaged=compared.unmanaged,
        )

    def _put_right(self, dataset_id: str, findings: Collection[Finding]) -> list[Finding]:
        """Put right what can be at once, and the rest to work; returns what is on the way."""
        done = []
        for kind, action in _STATUS.items():
            some = [found for found in findings if found.kind is kind]
            if some:
                ids = [found.document_id for found in some]
                changed = self.backend.set_status(dataset_id, ids, action)
                done += [found for found in some if found.document_id in changed]
        for found in findings:
            if found.kind not in _STATUS and self._put_to_work(dataset_id, found):
                done.append(found)
        return done

    def _put_to_work(self, dataset_id: str, found: Finding) -> bool:
        now = self.clock()
        if found.kind in _RESEND:
            gone = found.kind is Kind.MISSING
            return self.ledger.resend(found.key, found.document_id, now, gone=gone)
        remote = Remote(dataset_id, found.document_id, found.name)
        if found.kind is Kind.ORPHAN:
            return self.ledger.orphan(found.key, remote, now)
        self.ledger.retire(found.key, remote, now)
        return True


def _is_accepted(found: Finding, accept: Collection[str]) -> bool:
    return found.key.folder in accept and found.kind in _WANTED


def _same(found: Finding) -> tuple[Kind, str]:
    return found.kind, found.document_id
