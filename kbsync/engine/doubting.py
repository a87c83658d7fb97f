"""Rows whose documents are in doubt: an answer was lost, or nobody has asked for it yet."""

from __future__ import annotations

from dataclasses import replace

from kbsync import naming
from kbsync.engine.base import Base
from kbsync.engine.values import Event, Happened
from kbsync.errors import Denied, Rejected
from kbsync.ledger import Job, Sure
from kbsync.model import Failed, Gone, Intent, Listed, Part, Ready, Remote, Want

_CANNOT_ASK = (
    "an earlier upload had no answer, and this server cannot be asked whether it arrived:"
    " a duplicate may remain"
)


class Doubting(Base):
    """Look at the server before anything is concluded from what the ledger says of documents."""

    def made_sure(self, job: Job) -> Job | None:
        """The job with its documents as the server has them; None when it is not wanted any more.

        In doubt are documents whose deletion was begun, of a file that is wanted again, and what
        became of a create, or of an update in place, whose answer is not known.
        """
        record = job.record
        was_going = record.doomed and record.want is Want.PRESENT
        if record.intent is None and not was_going:
            return job
        found = Sure(record.live, record.coming, record.shelved, record.parts)
        if was_going:
            found = self._what_is_left(found)
        if record.intent is not None:
            found = self._with_what_was_made(job, record.intent, found)
        return self.ledger.made_sure(job, found, self.clock())

    def _what_is_left(self, row: Sure) -> Sure:
        """The row without documents that are gone, and whether the live one is out of service."""
        live, coming = self._if_there(row.live), self._if_there(row.coming)
        parts = tuple(part for part in row.parts if self._if_there(part.remote) is not None)
        row = Sure(live, coming, row.shelved, parts)
        answering = live or next((part.remote for part in parts if part.ready), None)
        if answering is None or not self.backend.has_status:
            return row
        listed = self.backend.document(answering.dataset_id, answering.document_id)
        if listed is None:
            return replace(
                row,
                live=None,
                parts=tuple(part for part in parts if part.remote != answering),
            )
        shelved = row.shelved if listed.enabled else "disabled"
        return replace(row, shelved="archived" if listed.archived else shelved)

    def _if_there(self, remote: Remote | None) -> Remote | None:
        if remote is None:
            return None
        answers = self.backend.progress(remote.dataset_id, [remote])
        return None if isinstance(answers[remote.document_id], Gone) else remote

    def _with_what_was_made(self, job: Job, intent: Intent, row: Sure) -> Sure:
        """The row with the document that the lost call made as the coming one."""
        if not self.backend.lists:
            self.tell(Event(Happened.NOTE, *job.key, _CANNOT_ASK))
            return row
        if _is_part(intent.name):
            return self._with_part(job, intent, row)
        made, strays = self.made(row.live, intent)
        if row.live is not None and row.live.document_id in {
            remote.document_id for remote in (made, *strays) if remote is not None
        }:
            row = replace(row, live=None)  # updated in place: it is not what it was
        if made is None:
            return replace(row, strays=strays)
        self.tell(Event(Happened.SENT, *job.key, "an earlier upload had arrived"))
        return replace(row, coming=made, strays=strays)

    def _with_part(self, job: Job, intent: Intent, row: Sure) -> Sure:
        """The row with the part that the lost call made: what bears its name has its content."""
        known = {part.remote.document_id for part in row.parts}
        made, strays = self.made(None, intent)
        strays = tuple(one for one in strays if one.document_id not in known)
        if made is None or made.document_id in known:
            return replace(row, strays=strays)
        self.tell(Event(Happened.SENT, *job.key, "an earlier upload of a part had arrived"))
        return replace(row, parts=(*row.parts, Part(made)), strays=strays)

    def caught_up(self, job: Job) -> Job:
        """The job of a first version's successor, with what is indexed by now as what answers.

        A row that waits to be sent is not followed, so nobody has asked since. What answers stays
        until the newer one does.
        """
        record = job.record
        ahead = [record.coming] if record.coming is not None else []
        ahead += [part.remote for part in record.parts if part.is_ahead]
        older = record.live is not None or any(p.ready and not p.number for p in record.parts)
        if older or not ahead:
            return job
        try:
            answers = self.backend.progress(ahead[0].dataset_id, ahead)
        except (Denied, Rejected):  # such as of a dataset that was left because it is closed
            return job
        for remote in ahead:
            answer = answers.get(remote.document_id)
            if isinstance(answer, Ready):
                self.ledger.indexed(job.key, remote, answer.segments, self.clock())
        found = self.ledger.record(job.key)
        if found is None or found.generation != record.generation:
            return job
        return Job(found, job.reason)

    def made(self, live: Remote | None, intent: Intent) -> tuple[Remote | None, tuple[Remote, ...]]:
        """The usable document that a create begun under this name made, and others of that name.

        A live document that has the name already may or may not have been made anew: that a
        repetition makes sure of, which does no harm.
        """
        found = sorted(self.backend.find(intent.dataset_id, intent.name), key=_rank, reverse=True)
        fresh = [
            listed
            for listed in found
            if live is None or (live.document_id, live.name) != (listed.document_id, intent.name)
        ]
        remotes = tuple(
            Remote(intent.dataset_id, listed.document_id, intent.name) for listed in fresh
        )
        if not fresh or not _is_usable(fresh[0]):
            return None, remotes
        return remotes[0], remotes[1:]


def _is_part(name: str) -> bool:
    mark = naming.decode(name)
    return mark is not None and mark.is_part


def _rank(listed: Listed) -> tuple[bool, float]:
    return _is_usable(listed), listed.created_at or 0.0


def _is_usable(listed: Listed) -> bool:
    return listed.enabled and not listed.archived and not isinstance(listed.progress, Failed)
