"""Deletions that come one by one: counted together for a while, across restarts."""

from __future__ import annotations

import json

from kbsync import plan
from kbsync.engine.base import Base
from kbsync.engine.values import Survey
from kbsync.model import Drop

#: Deletions within so many seconds count together towards the limits.
_RECENT_SECONDS = 600.0

#: The fact that keeps them, with the time of day of each.
_DROPS = "drops {}"


class Trickling(Base):
    """Remember, so that many small deletions meet the limit of a large one."""

    def count_drops(self, survey: Survey, now: float) -> None:
        """Remember the deletions of a plan that was taken up; approved ones do not count."""
        name = survey.folder.name
        drops = sum(
            isinstance(change, Drop) and change.key.path not in survey.plan.released
            for change in survey.plan.applicable
        )
        if drops:
            elapsed = self.elapsed()
            recent = [*self._recent(name), (elapsed, drops)]
            self.drops[name] = recent
            kept = [(now - (elapsed - at), count) for at, count in recent]
            self.ledger.publish(_DROPS.format(name), json.dumps(kept))

    def recent_drops(self, name: str) -> int:
        """How many deletions of a folder were taken up in the last minutes."""
        return sum(count for _, count in self._recent(name))

    def _recent(self, name: str) -> list[tuple[float, int]]:
        """Deletions of the last minutes, and by the clock that never goes back when they were."""
        elapsed = self.elapsed()
        if name not in self.drops:  # those of the process before
            now = self.clock()
            kept = json.loads(self.ledger.published(_DROPS.format(name)) or "[]")
            self.drops[name] = [
                (elapsed - (now - at), count)
                for at, count in kept
                if not plan.is_over(at, _RECENT_SECONDS, now)
            ]
        since = elapsed - _RECENT_SECONDS
        self.drops[name] = [drop for drop in self.drops[name] if drop[0] >= since]
        return self.drops[name]
