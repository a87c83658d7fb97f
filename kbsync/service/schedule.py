"""When folders are scanned without being asked to; jobs only request, they never work."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

from kbsync.config import FolderSettings

#: A folder without a schedule of its own is scanned this often, whatever its watching says.
RESCAN_SECONDS = 3600.0


class Schedule:
    """Calls `ask(folder, reason)` at each folder's times, from a thread of its own."""

    def __init__(self, folders: Sequence[FolderSettings], ask: Callable[[str, str], None]) -> None:
        # A late run is made up for once (both default otherwise: dropped after a second).
        self._scheduler = BackgroundScheduler(
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        self._folders = folders
        for folder in folders:
            self._scheduler.add_job(
                ask, _trigger(folder), args=(folder.name, "schedule"), id=folder.name
            )

    def restart(self) -> None:
        """Count every time from now on: the scheduler waits by a clock that has been set since."""
        for folder in self._folders:
            self._scheduler.reschedule_job(folder.name, trigger=_trigger(folder))

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def stop(self) -> None:
        """End and wait for a job under way: it is only a mark in a set."""
        self._scheduler.shutdown(wait=True)

    @property
    def running(self) -> bool:
        """Whether times are still kept."""
        return bool(self._scheduler.running)

    def next_scan(self, folder: str) -> datetime | None:
        """When the folder is scanned next, as an aware time."""
        job = self._scheduler.get_job(folder)
        when = None if job is None else job.next_run_time
        return when if isinstance(when, datetime) else None


def _trigger(folder: FolderSettings) -> BaseTrigger:
    if folder.schedule is not None:
        return _Cron.from_crontab(folder.schedule)
    return _Every(folder.every or RESCAN_SECONDS)


# The scheduler asks a trigger for each time between the last one and now, and those can be many
# millions after a clock was set forward. These two know only times that are yet to come.


class _Every(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Again after so many seconds, more or less by a tenth, so that not all folders meet."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:  # noqa: ARG002 - a trigger of APScheduler
        return now + timedelta(seconds=self._seconds * random.uniform(0.9, 1.1))  # noqa: S311


class _Cron(CronTrigger):  # type: ignore[misc]
    """The times of a cron expression."""

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:  # noqa: ARG002 - a trigger of APScheduler
        found: datetime | None = super().get_next_fire_time(None, now + timedelta(microseconds=1))
        return found
