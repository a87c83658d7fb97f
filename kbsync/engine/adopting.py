"""Taking over what a dataset holds of a folder already, instead of sending it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import takewhile

from kbsync import drift, naming, scan
from kbsync.engine.base import Base
from kbsync.engine.values import Adoption, Event, Folder, Happened
from kbsync.errors import Denied
from kbsync.ledger import Adoptee, Job, Told
from kbsync.model import Dataset, Gone, Key, Listed, Part, Problem, Ready, Remote
from kbsync.plurals import counted

#: Metadata that a document has which needs no more of it.
_DESCRIBED = frozenset({"kbsync_path", "kbsync_sha256", "kbsync_source"})


class Adopting(Base):
    """Adopt, once for each folder and dataset before anything is sent."""

    def is_adopted(self, name: str) -> bool:
        """Whether what the folder's dataset holds is known already.

        Of several datasets, each is asked when something is to be sent there.
        """
        folder = self.folders[name]
        return not folder.places.is_one or self.is_place_adopted(folder, folder.dataset)

    def is_place_adopted(self, folder: Folder, dataset: str) -> bool:
        """Whether what this dataset holds of the folder is known already."""
        place = folder.name, dataset
        if place not in self.adopted and self.ledger.is_adopted(*place):
            self.adopted.add(place)
        return place in self.adopted

    def adopt_place(self, job: Job) -> bool:
        """Before the first file is sent to one of several datasets: adopt, and put the file off.

        Returns whether that was necessary; raises BackendError.
        """
        folder = self.folders[job.key.folder]
        if folder.places.is_one or folder.places.refusal(job.key.path) is not None:
            return False
        place = folder.places.dataset_of(job.key.path)
        if self.is_place_adopted(folder, place):
            return False
        self.ledger.release(job)
        with self.adopting:
            if not self.is_place_adopted(folder, place):
                self._adopt_row(folder, job.key.path, apart=False)
        return True

    def _adopt_row(self, folder: Folder, path: str, *, apart: bool) -> list[Adoption]:
        """Adopt all datasets that a file may be in; the first one last, which says it is done."""
        place, *more = self._there(folder, path)
        return [self._adopt(folder, one, place, apart=apart) for one in (*more, place)]

    def _there(self, folder: Folder, path: str) -> list[str]:
        """The names of the datasets that a file may be in: the first, and others that exist."""
        names = folder.places.row_of(path)
        found = [next(names)]
        if folder.places.max_documents:
            existing = {dataset.name for dataset in self.backend.datasets()}
            found += takewhile(existing.__contains__, names)
        return found

    def adopt_first(self, names: Collection[str]) -> list[str]:
        """Before the first document of a folder is sent: adopt; raises BackendError.

        Returns the folders that may be worked on. One without work is not adopted, and work that
        turns up for it a moment later waits for the next call.
        """
        for name in names:
            if not self.is_adopted(name) and self._concerns(name):
                with self.adopting:
                    if not self.is_adopted(name):
                        self.adopt(name)
        return [name for name in names if self.is_adopted(name)]

    def _concerns(self, name: str) -> bool:
        """Whether a folder has work to do, or documents that a restored ledger tells of."""
        return self.ledger.next_due([name]) is not None or self.ledger.with_document(name) > 0

    def adopt(self, name: str, *, apart: bool = False) -> Adoption:
        """Make rows of the documents that the folder's dataset holds of it; sends nothing.

        With `apart`, another instance's folder of the same name and files is let be.

        Raises:
            BackendError: the server cannot be asked, or, as Denied, holds this folder's documents
                under another instance's name.
        """
        folder = self.folders[name]
        if folder.places.is_one:
            return self._adopt(folder, folder.dataset, folder.dataset, apart=apart)
        paths = {folder.places.dataset_of(key.path): key.path for key in self._files(folder)}
        rows = [self._adopt_row(folder, path, apart=apart) for path in paths.values()]
        return _together(name, [one for row in rows for one in row])

    def _adopt(self, folder: Folder, dataset_name: str, place: str, *, apart: bool) -> Adoption:
        name = folder.name
        if name in self.namesakes and not apart:
            raise Denied(self.namesakes[name], folder=name)
        dataset = self.dataset(folder, dataset_name)
        listed = list(self.backend.documents(dataset.id)) if self.backend.lists else None
        told = self.ledger.told(dataset.id)
        lost = self._lost(name, dataset.id, told, {one.document_id for one in listed or ()})
        if listed is None:
            self.ledger.adopt(name, dataset.id, (), lost, self.clock())
            without_list = Adoption(name, dataset.id, listed=False, lost=len(lost))
            return self._done(without_list, dataset_name)
        found = self._inventory(folder, dataset, listed, place)
        if found.namesake is not None and not apart:
            self.namesakes[name] = self._who_are_we(folder, dataset, found.namesake)
            raise Denied(self.namesakes[name], folder=name)
        wanted = [self._adoptee(dataset.id, one) for one in found.adoptable]
        stale = [*lost, *_elsewhere(wanted, told)]
        news = self.ledger.adopt(name, dataset.id, wanted, stale, self.clock())
        if news:
            self.newly_adopted.append(name)
        return self._done(
            Adoption(
                name,
                dataset.id,
                listed=True,
                keys=tuple(one.key for one in news),
                twins=sum(len(one.twins) for one in news),
                lost=len(lost),
                others=dict(found.others),
                unknown=found.unknown,
                unmanaged=found.unmanaged,
            ),
            dataset_name,
        )

    def adoption_refused(self, name: str, dataset: Dataset) -> str | None:
        """Why `adopt` would refuse this folder, or None; only looks. Raises BackendError."""
        if self.is_adopted(name):
            return None
        folder = self.folders[name]
        listed = list(self.backend.documents(dataset.id))
        namesake = self._inventory(folder, dataset, listed, folder.dataset).namesake
        return self._who_are_we(folder, dataset, namesake) if namesake else None

    def _done(self, adoption: Adoption, dataset: str) -> Adoption:
        name = adoption.folder
        if not adoption.listed:
            text = "this server's API style lists no documents: what it holds already is not known"
            self.tell(Event(Happened.NOTE, name, "", text))
        elif adoption.keys:
            text = f"documents of {counted(len(adoption.keys), 'file')} were there already"
            self.tell(Event(Happened.ADOPTED, name, "", text))
        if adoption.lost:
            text = f"not there any more: {counted(adoption.lost, 'document')} of the ledger"
            self.tell(Event(Happened.NOTE, name, "", text))
        self.adopted.add((name, dataset))
        return adoption

    def _lost(
        self, name: str, dataset_id: str, told: Mapping[str, Told], there: Collection[str]
    ) -> list[Told]:
        """Documents that a ledger from earlier tells of, and that are gone.

        Those that the list did not show are asked for again: it may miss one while it moves.
        """
        doubted = [
            one.remote
            for document_id, one in told.items()
            if one.key.folder == name and document_id not in there
        ]
        answers = self.backend.progress(dataset_id, doubted) if doubted else {}
        return [told[document_id] for document_id, one in answers.items() if isinstance(one, Gone)]

    def _inventory(
        self, folder: Folder, dataset: Dataset, listed: Iterable[Listed], place: str
    ) -> drift.Inventory:
        ours = [
            other.name
            for other in self.folders.values()
            if other.name == folder.name or self.fills(other.name, dataset.id)
        ]
        going = self.ledger.going(dataset.id)
        return drift.inventory(
            (one for one in listed if one.document_id not in going),
            instance=self.instance,
            folder=folder.name,
            folders=ours,
            on_disk=[
                key for key in self._files(folder) if folder.places.dataset_of(key.path) == place
            ],
            in_ledger=self.ledger.keys(dataset.id),
        )

    def _files(self, folder: Folder) -> list[Key]:
        return [
            item.key
            for item in scan.walk(
                folder.root, folder.name, folder.filters, max_size=folder.max_size
            )
            if not isinstance(item, Problem) and folder.places.refusal(item.key.path) is None
        ]

    def _adoptee(self, dataset_id: str, one: drift.Adoptable) -> Adoptee:
        newest = None if one.parts else one.coming or one.live
        parts = (
            Part(Remote(dataset_id, part.document_id, part.name), ready=_is_ready(part))
            for part in one.parts
        )
        return Adoptee(
            one.key,
            _remote(dataset_id, one.live),
            _remote(dataset_id, one.coming),
            tuple(Remote(dataset_id, twin.document_id, twin.name) for twin in one.twins),
            described=newest is not None and self._is_described(one.key, newest),
            shelved=self._shelved(one.key.folder, one.live or next(iter(one.parts), None)),
            parts=tuple(parts),
        )

    def _shelved(self, name: str, live: Listed | None) -> str | None:
        """How a document is out of service; where we disable none, a person did it."""
        if live is None or self.folders[name].rules.shelving is None:
            return None
        if live.archived:
            return "archived"
        return None if live.enabled else "disabled"

    def _is_described(self, key: Key, listed: Listed) -> bool:
        told = listed.metadata
        return (
            all(told.get(name) for name in _DESCRIBED)
            and told["kbsync_path"] == naming.told_path(key.path)
            and told["kbsync_source"] == naming.source(self.instance, key.folder)
        )

    def _who_are_we(self, folder: Folder, dataset: Dataset, namesake: drift.Namesake) -> str:
        return (
            f"dataset {dataset.name!r} holds {counted(namesake.documents, 'document')} of folder"
            f" {folder.name!r} from instance {namesake.instance!r}, and we are {self.instance!r};"
            f' if the host was renamed, set instance = "{namesake.instance}"; if both shall fill'
            f" this dataset, run `kbsync adopt --apart {folder.name}` once"
        )


def _together(name: str, parts: Collection[Adoption]) -> Adoption:
    """What was found in all of a folder's datasets."""
    others: Counter[str] = Counter()
    for part in parts:
        others.update(part.others)
    return Adoption(
        name,
        "",
        listed=all(part.listed for part in parts),
        keys=tuple(key for part in parts for key in part.keys),
        twins=sum(part.twins for part in parts),
        lost=sum(part.lost for part in parts),
        others=others,
        unknown=sum(part.unknown for part in parts),
        unmanaged=sum(part.unmanaged for part in parts),
    )


def _elsewhere(found: Iterable[Adoptee], told: Mapping[str, Told]) -> list[Told]:
    """What rows tell of documents that are found to be other files' now: those have moved."""
    return [
        told[document_id]
        for one in found
        for document_id in one.documents
        if document_id in told and told[document_id].key != one.key
    ]


def _is_ready(listed: Listed) -> bool:
    return isinstance(listed.progress, Ready) and listed.words != 0


def _remote(dataset_id: str, listed: Listed | None) -> Remote | None:
    return None if listed is None else Remote(dataset_id, listed.document_id, listed.name)
