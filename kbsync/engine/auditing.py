"""The server's list beside the ledger: told, and on request put right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from kbsync import drift
from kbsync.drift import Finding, Kind
from kbsync.engine.base import Base
from kbsync.engine.values import Audit, Event, Happened
from kbsync.errors import Missing
from kbsync.model import Listed, Remote, StatusAction

_PAGE = 100

_RESEND = frozenset({Kind.MISSING, Kind.RENAMED, Kind.ERROR, Kind.EMPTY, Kind.EDITED})
#: What a person may have meant to do; the rest are accidents.
_WANTED = frozenset({Kind.MISSING, Kind.RENAMED, Kind.ARCHIVED, Kind.DISABLED, Kind.EDITED})
_STATUS: Mapping[Kind, StatusAction] = {Kind.ARCHIVED: "un_archive", Kind.DISABLED: "enable"}


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found in one dataset of these folders."""

    dataset_id: str
    names: Collection[str]
    findings: Collection[Finding]
    compared: drift.Comparison

    def of(self, name: str) -> tuple[Finding, ...]:
        return tuple(found for found in self.findings if found.key.folder == name)


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
        if not self.backend.lists:
            return [Audit(name, listed=False) for name in names]
        by_dataset: dict[str, list[str]] = {}
        for name in names:
            for dataset_id in self._filled(name):
                by_dataset.setdefault(dataset_id, []).append(name)
        looks = [self._look(one, some, frozenset(accept)) for one, some in by_dataset.items()]
        return [self._told(name, looks, frozenset(repair)) for name in names]

    def _filled(self, name: str) -> Collection[str]:
        """The ids of a folder's datasets: those that the ledger knows, also of one that is gone.

        Before the first run it is that of the setting, unless a run has yet to make it.
        """
        folder, known = self.folders[name], self.ledger.datasets(name)
        if not folder.places.is_one or folder.dataset in known:
            return dict.fromkeys(known.values())
        if folder.create_dataset and not any(
            dataset.is_called(folder.dataset) for dataset in self.backend.datasets()
        ):
            return []
        return [self.dataset(folder).id]

    def _listed(self, dataset_id: str) -> dict[str, Listed]:
        """A dataset's documents by their ids: none when it was deleted, and they with it."""
        try:
            return {one.document_id: one for one in self.backend.documents(dataset_id)}
        except Missing:
            return {}

    def _look(self, dataset_id: str, names: Collection[str], accept: Collection[str]) -> _Look:
        """List a dataset, and look again at what seems not to be as agreed."""
        since = self.clock()
        going = self.ledger.going(dataset_id)
        listed = self._listed(dataset_id)
        for document_id in going:
            listed.pop(document_id, None)
        compared = self._compared(listed.values(), dataset_id, since)
        findings = [found for found in compared.findings if found.key.folder in names]
        if findings:
            again = self._looked_again(dataset_id, listed, findings)
            sure = {_same(one) for one in self._compared(again, dataset_id, since).findings}
            findings = [found for found in findings if _same(found) in sure]
        agreed = [one.document_id for one in findings if _is_accepted(one, accept)]
        self.ledger.measured(dataset_id, compared.measures, agreed)
        for found in findings:
            if _is_accepted(found, accept) and found.kind is Kind.MISSING:
                self.ledger.decline(found.key, found.document_id, self.clock())
                self.tell(Event(Happened.NOTE, *found.key, f"{found.text}: taken as agreed"))
        findings = [found for found in findings if not _is_accepted(found, accept)]
        return _Look(dataset_id, names, findings, compared)

    def _compared(
        self, listed: Iterable[Listed], dataset_id: str, since: float
    ) -> drift.Comparison:
        beside = self.ledger.beside(dataset_id, since, self.clock())
        ours = [name for name in self.folders if self.fills(name, dataset_id)]
        return drift.compare(listed, beside, instance=self.instance, folders=ours)

    def _looked_again(
        self, dataset_id: str, listed: Mapping[str, Listed], findings: Collection[Finding]
    ) -> list[Listed]:
        """The list after a second look at what was found: one by one, or at the whole of it."""
        ids = {found.document_id for found in findings}
        # Only lists tell how much text there is.
        edited = any(found.kind is Kind.EDITED for found in findings)
        if edited or len(ids) * _PAGE > len(listed) + _PAGE:
            view = self._listed(dataset_id)
            ids = {found.document_id for found in findings if found.kind is Kind.EMPTY}
        else:
            view = dict(listed)
        for document_id in ids:
            one = self.backend.document(dataset_id, document_id)
            view.pop(document_id, None)
            if one is not None:
                view[document_id] = one
        return list(view.values())

    def _told(self, name: str, looks: Iterable[_Look], repair: Collection[str]) -> Audit:
        """What all looks at a folder's datasets found of it."""
        mine = [look for look in looks if name in look.names]
        by_look = {look.dataset_id: look.of(name) for look in mine}
        findings = tuple(found for some in by_look.values() for found in some)
        counted = _together([look.compared for look in mine])
        news = self.ledger.audited(name, findings, counted, self.clock())
        for found in findings:
            if found in news:
                self.tell(Event(Happened.DRIFT, *found.key, f"{found.kind.value}: {found.text}"))
        done: list[Finding] = []
        for dataset_id, some in by_look.items() if name in repair else ():
            done += self._put_right(dataset_id, some)
        self.ledger.settle_findings(done)
        for found in done:
            self.tell(Event(Happened.RESTORED, *found.key, found.kind.value))
        return Audit(
            name,
            listed=True,
            findings=findings,
            repaired=tuple(done),
            others=dict(counted.others),
            unknown=counted.unknown,
            unmanaged=counted.unmanaged,
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


def _together(compared: Collection[drift.Comparison]) -> drift.Comparison:
    """The counts of several datasets."""
    others: Counter[str] = Counter()
    for one in compared:
        others.update(one.others)
    unknown = sum(one.unknown for one in compared)
    return drift.Comparison((), others, unknown, sum(one.unmanaged for one in compared))


def _is_accepted(found: Finding, accept: Collection[str]) -> bool:
    return found.key.folder in accept and found.kind in _WANTED


def _same(found: Finding) -> tuple[Kind, str]:
    return found.kind, found.document_id
