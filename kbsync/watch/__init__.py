"""What may have changed: events and polling to marks, and marks to what has settled."""

from kbsync.watch.dirty import Dirty
from kbsync.watch.marks import Mark
from kbsync.watch.modes import WatchMode, WatchPlan, plan_watch
from kbsync.watch.watch import Watch, WatchStatus

__all__ = ["Dirty", "Mark", "Watch", "WatchMode", "WatchPlan", "WatchStatus", "plan_watch"]
