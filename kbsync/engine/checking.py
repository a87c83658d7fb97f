"""Smoke questions: end-to-end proof that the knowledge base answers from the current files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kbsync.engine.searching import Freshness, Origin, Searching
from kbsync.errors import BackendError
from kbsync.model import Key

if TYPE_CHECKING:
    # It brings the HTTP client along, which most commands do without.
    from kbsync.apps import Reply


@dataclass(frozen=True, slots=True)
class Check:
    """A question, and what its answer must rest on and say.

    It is put to a folder's dataset, or with `folder` None to the application.
    """

    question: str
    folder: str | None
    sources: tuple[Key, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a check; no `problems` means that it passed."""

    check: Check
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the answer was as it should be."""
        return not self.problems


class Checks:
    """Puts the questions; changes nothing in ledger and datasets.

    Args:
        ask: asks the application, for checks without a folder; raises BackendError.
    """

    def __init__(
        self, engine: Searching, checks: Sequence[Check], ask: Callable[[str], Reply]
    ) -> None:
        self._engine = engine
        self._checks = checks
        self._ask = ask

    def __bool__(self) -> bool:
        return bool(self._checks)

    def run(self) -> Iterator[Verdict]:
        """One after the other; one that could not be put has failed, and the error says why."""
        return (Verdict(check, self._problems(check)) for check in self._checks)

    def _problems(self, check: Check) -> tuple[str, ...]:
        try:
            text, origins = self._answer(check)
        except BackendError as error:
            return (str(error),)
        return judged(check, text, origins)

    def _answer(self, check: Check) -> tuple[str, Collection[Origin]]:
        if check.folder is None:
            reply = self._ask(check.question)
            ids = {citation.document_id for citation in reply.citations}
            return reply.text, self._engine.origins(ids).values()
        found = self._engine.search([check.folder], check.question)
        origins = [passage.origin for passage in found if passage.origin is not None]
        return "\n".join(passage.hit.text for passage in found), origins


def judged(check: Check, text: str, origins: Collection[Origin]) -> tuple[str, ...]:
    """What an answer lacks: sources, as they are now, and words, whatever their case."""
    by_key = {origin.key: origin for origin in origins}
    cited = ", ".join(sorted("/".join(key) for key in by_key)) or "none"
    problems = []
    for key in check.sources:
        origin = by_key.get(key)
        if origin is None:
            problems.append(f"{'/'.join(key)} is not among its sources ({cited})")
        elif origin.freshness is not Freshness.CURRENT:
            problems.append(f"it rests on {'/'.join(key)}, which is {origin.freshness.value}")
    flat = " ".join(text.casefold().split())
    problems += [f"it does not say {word!r}" for word in check.words if word.casefold() not in flat]
    return tuple(problems)
