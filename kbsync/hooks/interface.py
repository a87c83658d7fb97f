"""What every way of telling is given, and does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from kbsync.notices import Notice


@dataclass(frozen=True, slots=True)
class Message:
    """What is told; `at` is UTC, `page` the address of the status page, or None.

    `runs` are those that ended, as `kbsync history --runs --json` shows them.

    Without notices it says that all is well: a heartbeat, or a digest.
    """

    title: str
    text: str
    instance: str
    at: str
    page: str | None = None
    notices: Sequence[Notice] = ()
    runs: Sequence[Mapping[str, object]] = ()

    def facts(self) -> dict[str, object]:
        """As JSON; chat servers show `text`."""
        return {
            "title": self.title,
            "text": f"{self.title}\n{self.text}" if self.text else self.title,
            "instance": self.instance,
            "at": self.at,
            "page": self.page,
            "notices": [asdict(notice) for notice in self.notices],
            "runs": [dict(run) for run in self.runs],
        }


class Hook(Protocol):
    """One way to tell."""

    def tell(self, message: Message) -> None:
        """Deliver it within a bounded time; raises Undelivered, soon after `interrupt`, too."""
        ...

    def interrupt(self) -> None:
        """Let nothing be waited for any more, now or later; from any thread."""
        ...
