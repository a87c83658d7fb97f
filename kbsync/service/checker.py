"""The step that puts the smoke questions when the work has come to rest after a change."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

from kbsync.engine.checking import Checks, Verdict
from kbsync.ledger import Ledger
from kbsync.log import get_logger

_REST = 5.0


class Checker:
    """One step: put the next question; or look whether it is time to begin with them again.

    Work rests when two looks in a row see the same. The first time it does, the questions are put
    whether or not anything changed, so that a start proves itself, too.
    """

    def __init__(
        self, ledger: Ledger, checks: Checks, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._ledger = ledger
        self._checks = checks
        self._clock = clock
        self._seen = self._proven = ""
        self._revision: tuple[int, int] | None = None
        self._under_way: Iterator[Verdict] | None = None
        self._verdicts: list[Verdict] = []
        self._failed: dict[str, tuple[str, ...]] = {}
        self._log = get_logger()

    def step(self) -> float:
        """Ask if it is time; returns seconds until the next step."""
        if self._under_way is not None:
            return self._next(self._under_way)
        before = self._seen
        self._look()
        if self._seen != before or self._seen == self._proven:
            return _REST
        self._proven, self._verdicts, self._under_way = before, [], self._checks.run()
        return 0.0

    def _look(self) -> None:
        """Read all rows for their signature, unless nothing was written since."""
        revision = self._ledger.revision()
        if revision != self._revision:
            self._revision, self._seen = revision, self._ledger.signature()

    def _next(self, under_way: Iterator[Verdict]) -> float:
        verdict = next(under_way, None)
        if verdict is not None:
            self._verdicts.append(verdict)
            self._tell(verdict)
            return 0.0
        self._publish(self._verdicts)
        self._under_way = None
        return _REST

    def _tell(self, verdict: Verdict) -> None:
        """One line when a check begins to fail, fails otherwise, or passes again."""
        question = verdict.check.question
        if verdict.problems == self._failed.get(question, ()):
            return
        if verdict.passed:
            del self._failed[question]
            self._log.info("check passes again", question=question)
        else:
            self._failed[question] = verdict.problems
            reason = "; ".join(verdict.problems)
            self._log.warning("check failed", question=question, reason=reason)

    def _publish(self, verdicts: list[Verdict]) -> None:
        """Tell `kbsync status`, which reads the ledger."""
        told = [
            {
                "question": verdict.check.question,
                "passed": verdict.passed,
                "reason": "; ".join(verdict.problems),
                "at": self._clock(),
            }
            for verdict in verdicts
        ]
        self._ledger.publish("checks", json.dumps(told))
        failed = sum(not verdict.passed for verdict in verdicts)
        self._log.info("checked", passed=len(verdicts) - failed, failed=failed)
