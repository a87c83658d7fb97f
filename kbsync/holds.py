"""When the deletions of a folder wait for a person. No clock, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kbsync.model import Hold, Problem
from kbsync.plurals import are, counted

#: Below this many deletions at once the percentage rule says nothing: half of three files is no
#: catastrophe, and a hold on it would only teach people to approve without looking.
PERCENT_FLOOR = 10


@dataclass(frozen=True, slots=True)
class Loss:
    """How many documents would go, and how many files there are and were.

    `strangers` are documents among `deletions` whose file was never here; `purges` are out of
    service already; `recent` were taken up a little earlier; `had` counts files of which no
    document is known yet, too.
    """

    deletions: int
    purges: int
    strangers: int
    recent: int
    known: int
    had: int
    present: int


@dataclass(frozen=True, slots=True)
class Limits:
    """How many deletions at once are ordinary: `count`, and `percent` (0 to 100) of a folder."""

    count: int = 100
    percent: float = 50


def hold_of(
    folder: str,
    loss: Loss,
    problems: Sequence[Problem],
    closed: Sequence[Problem],
    moved_root: str | None,
    limits: Limits | None,
) -> Hold | None:
    """The first reason why the deletions of a folder have to wait; None when they need not.

    The arguments are those of `plan_folder`. Without `limits`, only a lost root holds.
    """
    lost = next((problem for problem in problems if problem.path == ""), None)
    if lost is not None:
        reason = f"nothing of the folder can be looked at: {lost.reason}"
        return Hold(folder, "root", loss.known, reason) if loss.known else None
    waiting = loss.deletions + loss.purges
    if not waiting or limits is None:
        return None
    if moved_root is not None:
        return Hold(folder, "device", waiting, moved_root)
    if closed:
        return Hold(folder, "unknown", waiting, _told_closed(closed))
    if loss.present == 0 and loss.had > 1:
        return Hold(folder, "emptied", waiting, f"the folder is empty; it had {loss.had} files")
    if loss.strangers:
        return Hold(folder, "stranger", waiting, _told_strangers(loss.strangers))
    return _beyond(limits, folder, loss)


def _beyond(limits: Limits, folder: str, loss: Loss) -> Hold | None:
    if not loss.deletions:
        return None
    deletions, known = loss.deletions + loss.recent, loss.known + loss.recent
    since = f", {loss.recent} of them in the last minutes" if loss.recent else ""
    if deletions > limits.count:
        told = f"{are(deletions, 'deletion')} more than max_delete_count"
        reason = f"{told} = {limits.count}{since}"
        return Hold(folder, "count", loss.deletions, reason)
    if deletions >= PERCENT_FLOOR and deletions * 100 > limits.percent * known:
        reason = (
            f"{deletions} of {known} documents are more than"
            f" max_delete_percent = {limits.percent:g}{since}"
        )
        return Hold(folder, "percent", loss.deletions, reason)
    return None


def _told_closed(closed: Sequence[Problem]) -> str:
    first = closed[0].path.encode("utf-8", "backslashreplace").decode()
    others = len({one.path for one in closed}) - 1
    more = f", and {counted(others, 'other place')} not either" if others else ""
    return (
        f"{first}/ cannot be looked at ({closed[0].reason}){more}: files that seem to be gone may"
        " be there; let it be readable, or exclude it"
    )


def _told_strangers(count: int) -> str:
    return (
        f"{are(count, 'document')} in the dataset whose file was never seen here: if another"
        " machine fills it under the same instance and folder name, set another instance on one"
        " of them"
    )
