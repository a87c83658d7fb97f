"""When folders are scanned without being asked to; jobs only request, they never work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from kbsync.config import FolderSettings

#: A folder without a schedule of its own is scanned this often, whatever its watching says.
RESCAN_SECONDS = 3600.0

_JITTER = 0.1


class Schedule:
    """Calls `ask(folder, reason)` at each folder's times, from a thread of its own."""

    def __init__(self, folders: Sequence[FolderSettings], ask: Callable[[str, str], None]) -> None:
        # A late run is made up for once (both default otherwise: dropped after a second).
        self._scheduler = BackgroundScheduler(
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        for folder in folders:
            self._scheduler.add_job(
                ask, _trigger(folder), args=(folder.name, "schedule"), id=folder.name
            )

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
        return CronTrigger.from_crontab(folder.schedule)
    seconds = folder.every or RESCAN_SECONDS
    return IntervalTrigger(seconds=seconds, jitter=seconds * _JITTER)
