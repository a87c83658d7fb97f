"""One folder's watching: armed, looked after, armed again, or polled where that is impossible."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kbsync.filters import Excluded, Filters
from kbsync.log import FOLDER, get_logger
from kbsync.mounts import parse_mountinfo, read_mountinfo
from kbsync.watch.limits import count_directories, explained, is_limit, limits
from kbsync.watch.marks import Mark
from kbsync.watch.modes import WatchMode, WatchPlan, plan_for, resolved
from kbsync.watch.native import Native

#: No overflow for so long, in seconds, and the storm is over.
_CALM_SECONDS = 2.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
#: A limit may have been raised, or others may have given watches back, in seconds.
_LIMIT_PAUSE = 900.0


@dataclass(frozen=True, slots=True)
class WatchStatus:
    """How a folder is watched now.

    `healthy` is False while watching itself is broken; a root that is missing, or a limit that
    makes it poll, is a `problem` and no ill health: a restart would change nothing. `lost_events`
    counts overflows of the kernel's queue, `rearmed` how often watches were set anew, `polled` are
    the parts that are polled below a natively watched root, `note` is what else should be known.
    """

    mode: Literal["native", "poll", "off", "mixed"]
    healthy: bool
    problem: str | None
    lost_events: int
    rearmed: int
    watches: int
    polled: tuple[str, ...]
    note: str | None = None


class Watch:
    """Marks what may have changed in one folder; `start`, `check` and `stop` by one thread.

    Args:
        folder: the name in each mark.
        root: the directory, which may be missing.
        filters: what they exclude is neither watched nor marked.
        mode: "auto" goes by the mount table; "native" and "poll" are done wherever they can be.
        mark: takes the marks, from any thread.
        poll_interval: seconds between two marks of what is polled.
        clock: seconds that never go back.
        mountinfo: gives the text of the mount table.
    """

    def __init__(
        self,
        folder: str,
        root: str,
        filters: Filters,
        mode: WatchMode,
        mark: Callable[[Mark], None],
        *,
        poll_interval: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        mountinfo: Callable[[], str] = read_mountinfo,
    ) -> None:
        self.folder = folder
        self._root = root
        self._filters = filters
        self._mode: WatchMode = mode
        self._deliver = mark
        self._poll_interval = poll_interval
        self._clock = clock
        self._mountinfo = mountinfo
        self._table = ""
        self._real = root
        self._plan = WatchPlan("off")
        self._native: Native | None = None
        self._identity: tuple[int, int] | None = None
        self._problem: str | None = None
        self._healthy = True
        self._limits: tuple[int | None, int | None] | None = None
        self._retry_at = self._pause = 0.0
        self._poll_at = 0.0
        self._lost = self._rearmed = 0

    def start(self) -> None:
        """Set all watches; what cannot be watched is polled, and `status` says why."""
        self._look_at_mounts()
        self._poll_at = self._clock() + self._poll_interval
        if self._plan.mode == "native":
            self._arm()
        self._tell_mode()

    def check(self) -> None:
        """Look after everything: to be called every few seconds."""
        if self._plan.mode == "off":
            return
        if self._mountinfo() != self._table and self._look_at_mounts():
            self._arm_again("the mounts have changed")
        elif self._native is not None:
            self._check_native(self._native)
        elif self._plan.mode == "native" and self._is_back():
            self._arm_again("the root is back")
        elif self._plan.mode == "native" and self._is_time():
            self._arm_again(self._problem or "")
        self.poll()

    def stop(self) -> None:
        """Give all watches back, and wait for the threads."""
        self._disarm()
        self._plan = WatchPlan("off")

    @property
    def status(self) -> WatchStatus:
        """How it goes."""
        native, plan = self._native, self._plan
        mode: Literal["native", "poll", "off", "mixed"] = plan.mode
        if plan.mode == "native" and self._limits is not None:
            mode = "poll"
        elif plan.mode == "native" and plan.polled:
            mode = "mixed"
        ailment = _ailment(native) if native else None
        return WatchStatus(
            mode=mode,
            healthy=self._healthy and ailment is None,
            problem=self._problem or ailment or (_refusals(native) if native else None),
            lost_events=self._lost + (native.overflows if native else 0),
            rearmed=self._rearmed,
            watches=native.watches if native else 0,
            polled=plan.polled,
            note=plan.note,
        )

    def _look_at_mounts(self) -> bool:
        """Plan by the present mounts; returns whether the plan is another one."""
        self._table = self._mountinfo()
        mounts = parse_mountinfo(self._table)
        if self._native is None:
            self._real = resolved(self._root, mounts)
        before, self._plan = self._plan, plan_for(self._real, self._mode, mounts)
        return before != self._plan

    # Native watching.

    def _arm(self) -> bool:
        """Set all watches; returns whether that succeeded, and `_problem` says why not."""
        native = self._identity = None
        self._healthy, self._limits = True, None
        try:
            self._real = resolved(self._root, parse_mountinfo(self._table))
            self._identity = _identity(self._real)
            native = Native(
                self._real, self._filters, self._plan.polled, self._mark_below, self._clock
            )
            native.arm(f"kbsync-watch-{self.folder}")
        except (OSError, RuntimeError) as error:  # RuntimeError: no thread can be started
            if native is not None:
                native.disarm()
            self._cannot(error)
            return False
        self._native, self._problem = native, None
        return True

    def _cannot(self, error: OSError | RuntimeError) -> None:
        self._healthy = isinstance(error, OSError)
        if isinstance(error, OSError) and is_limit(error):
            needed = count_directories(self._real, self._filters, self._plan.polled)
            text = explained(error, needed)
            self._problem = f"{text}. Polled every {self._poll_interval:g} s until then"
            self._limits = limits()
            self._retry_at = self._clock() + _LIMIT_PAUSE
            return
        self._problem = f"{self._root} cannot be watched: {_told(error)}"
        self._back_off()

    def _back_off(self) -> None:
        """Put the next try off, each time longer, until nothing was wrong for a long time."""
        now = self._clock()
        if now - self._retry_at >= _LONGEST_PAUSE:
            self._pause = 0.0
        self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
        self._retry_at = now + self._pause

    def _is_time(self) -> bool:
        raised = self._limits is not None and self._limits != limits()
        return raised or self._clock() >= self._retry_at

    def _is_back(self) -> bool:
        return self._identity is None and self._identity_now() is not None

    def _arm_again(self, reason: str, *, may_recur: bool = False) -> None:
        """Set all watches anew, then mark everything: what happened in between is unknown."""
        was_armed = self._native is not None
        self._disarm()
        if self._plan.mode != "native":
            self._problem, self._limits = None, None
            self._tell_mode()
        elif self._arm():
            self._rearmed += 1
            if may_recur:
                self._back_off()
            else:
                self._pause = 0.0
            get_logger().info("watching again", **{FOLDER: self.folder}, reason=reason)
        elif was_armed:
            self._tell_mode()
        else:
            return  # as it was
        self._mark_below("", True)

    def _disarm(self) -> None:
        native, self._native = self._native, None
        if native is not None:
            native.disarm()
            self._lost += native.overflows

    def _check_native(self, native: Native) -> None:
        if self._identity_now() != self._identity:
            self._arm_again("the root is another directory, or gone")
        elif (doubt := self._doubt(native)) is None:
            for path in native.tidy():
                self._mark_below(path, True)
        elif self._clock() >= self._retry_at:
            self._arm_again(doubt, may_recur=True)

    def _doubt(self, native: Native) -> str | None:
        """Why not everything may be watched any more, as far as that is over; else None."""
        if (ailment := _ailment(native)) is not None or native.overflowed_at is None:
            return ailment
        is_over = self._clock() - native.overflowed_at >= _CALM_SECONDS
        return f"the kernel lost events ({native.overflows} overflows)" if is_over else None

    def _identity_now(self) -> tuple[int, int] | None:
        try:
            return _identity(self._root)
        except OSError:
            return None

    # Polling.

    def poll(self) -> None:
        """Mark what is polled, when it is time: to be called more often than `poll_interval`."""
        if self._clock() < self._poll_at:
            return
        self._poll_at = self._clock() + self._poll_interval
        native = self._native
        if self._plan.mode == "poll" or (self._plan.mode == "native" and self._limits is not None):
            self._mark_below("", True)
            return
        if native is not None and (native.overflowed_at is not None or _ailment(native)):
            self._mark_below("", True)  # nothing can be relied on until the watches are set anew
        for path in self._plan.polled:
            if not isinstance(self._filters.admits(path, is_dir=True), Excluded):
                self._mark_below(path, True)

    def _mark_below(self, path: str, deep: bool) -> None:
        self._deliver(Mark(self.folder, path, deep))

    def _tell_mode(self) -> None:
        status, log = self.status, get_logger()
        fields = {FOLDER: self.folder, "mode": status.mode, "watches": status.watches}
        if status.note:
            fields["note"] = status.note
        if status.problem:
            log.warning("watching", **fields, reason=status.problem)
        else:
            log.info("watching", **fields)


def _identity(root: str) -> tuple[int, int]:
    status = Path(root).stat()
    return status.st_dev, status.st_ino


def _told(error: OSError | RuntimeError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _ailment(native: Native) -> str | None:
    """Why watching is not complete any more; None when it is."""
    if native.failure is not None:
        return f"an event could not be handled: {native.failure!r}"
    return None if native.alive else "the thread that reads events has ended"


def _refusals(native: Native) -> str | None:
    refused = dict(native.refused)
    if not refused:
        return None
    path, reason = next(iter(refused.items()))
    others = f" and {len(refused) - 1:,} others" if len(refused) > 1 else ""
    return f"{path}{others} cannot be watched: {reason}"
