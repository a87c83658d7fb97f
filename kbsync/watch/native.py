"""Events of the kernel to marks, and a watch on every directory that can send them.

watchdog reads the kernel's queue (`InotifyFD`), and this is what it calls. Its observer stands
above that and is not used: it hides the watches that could not be set, keeps reporting what was
moved out, sets every watch anew at each overflow, and passes each event through two more threads.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
import threading
from collections.abc import Callable, Collection, Iterator
from itertools import count

from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchDescriptor,
)

from kbsync.filters import Excluded, Filters
from kbsync.watch.tree import Directory, Tree

# Overflows are counted and told here, once a storm; watchdog would tell each of them.
logging.getLogger("watchdog.observers.inotify_c").setLevel(logging.ERROR)

_CREATED, _DELETED = InotifyConstants.IN_CREATE, InotifyConstants.IN_DELETE
_MOVED_FROM, _MOVED_TO = InotifyConstants.IN_MOVED_FROM, InotifyConstants.IN_MOVED_TO
_FILE_CHANGED = InotifyConstants.IN_CLOSE_WRITE | _DELETED | _MOVED_FROM | _MOVED_TO
_MASK = Mask(
    _FILE_CHANGED
    | _CREATED
    | InotifyConstants.IN_ONLYDIR
    | InotifyConstants.IN_DONT_FOLLOW
    | InotifyConstants.IN_EXCL_UNLINK
)
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
#: A directory that left its place and came to no other for so long, in seconds, has left the root.
_DRIFT_SECONDS = 1.0
_STOP_SECONDS = 10.0


class Native:
    """The watches below one root, from `arm` to `disarm`; to be thrown away then.

    `mark(path, deep)` is called from the thread that reads events. `overflowed_at` is when the
    kernel last dropped events, None for never; `failure` is what went wrong while an event was
    handled: from then on, only a new one is complete. `refused` are directories that cannot be
    watched now, with the reason.

    Args:
        root: the root, without links.
        filters: directories that they exclude are not watched.
        skipped: directories, relative to the root, that are left to others.
        mark: told of everything that may have changed.
        clock: seconds that never go back.

    Raises:
        OSError: no instance can be had.
    """

    def __init__(
        self,
        root: str,
        filters: Filters,
        skipped: Collection[str],
        mark: Callable[[str, bool], None],
        clock: Callable[[], float],
    ) -> None:
        self.overflows = 0
        self.overflowed_at: float | None = None
        self.failure: Exception | None = None
        self.refused: dict[str, str] = {}
        self._root = root
        self._filters = filters
        self._skipped = frozenset(skipped)
        self._mark = mark
        self._clock = clock
        self._lock = threading.RLock()
        self._tree = Tree()
        self._adrift: list[tuple[float, Directory]] = []
        self._callbacks = count(1)
        self._reader = InotifyFD()

    def arm(self, name: str) -> None:
        """Watch the whole tree; the thread that reads events gets this name.

        Raises:
            OSError: the root cannot be watched, or ENOSPC: there are not enough watches.
        """
        self._reader.name = name
        self._reader.start()
        with self._lock:
            number = self._add("")
            if number is None:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), self._root)
            root = self._entered(number, "")
        self._grow_below(root)

    def disarm(self) -> None:
        """Give all watches back, and wait for the thread."""
        self._reader.stop()
        if self._reader.ident is not None:
            self._reader.join(_STOP_SECONDS)

    @property
    def alive(self) -> bool:
        """Whether events are being read, and the root is still the directory that was armed."""
        return self._reader.is_alive() and self._tree.is_rooted

    @property
    def watches(self) -> int:
        """How many directories are watched."""
        return len(self._tree)

    def tidy(self) -> list[str]:
        """Give back what was moved out of the root, and try what was refused once more.

        Returns the directories that can be watched now, and could not before.
        """
        try:
            with self._lock:
                self._give_back()
                return [path for path in list(self.refused) if self._retry(path)]
        except OSError as error:
            self.failure = error
            return []

    # What watchdog calls, from the thread that reads.

    def on_event(self, event: InotifyEvent) -> None:
        """Something happened in a watched directory."""
        try:
            with self._lock:
                marks = self._marks(event)
            for path, deep in marks:
                self._mark(path, deep)
        except Exception as error:  # noqa: BLE001 - would end the thread; kept for the next check
            self.failure = error

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """A watched directory is gone, or its file system."""
        with self._lock:
            self._tree.forget(wd)

    def on_queue_overflow(self) -> None:
        """The kernel dropped events: everything is in doubt, and new directories are unwatched."""
        self.overflows += 1
        first = self.overflowed_at is None
        self.overflowed_at = self._clock()
        if first:
            try:
                self._mark("", True)
            except Exception as error:  # noqa: BLE001 - as in on_event
                self.failure = error

    # What an event means.

    def _marks(self, event: InotifyEvent) -> list[tuple[str, bool]]:
        directory = self._tree.get(event.wd)
        base = None if directory is None else self._tree.path(directory)
        if directory is None or base is None or not event.name:
            return []
        name = os.fsdecode(event.name)
        path = f"{base}/{name}" if base else name
        if event.mask & InotifyConstants.IN_ISDIR:
            return self._of_directory(event, directory, name, path)
        changed = event.mask & _FILE_CHANGED or self._appeared_whole(path)
        if changed and name in self._filters.steering:
            return self._of_all(base)
        return [(path, False)] if changed and not self._excluded(path, is_dir=False) else []

    def _of_directory(
        self, event: InotifyEvent, above: Directory, name: str, path: str
    ) -> list[tuple[str, bool]]:
        """A directory came or went; where it is now is asked of the disk, not of the event."""
        if event.is_moved_from and (left := above.child(name)) is not None:
            self._tree.detach(left)
            self._adrift.append((self._clock(), left))
        if not event.is_delete:
            self._grow(above, name, known_too=event.is_moved_to)
        moved = event.is_moved_from or event.is_moved_to
        if name in self._filters.steering:
            return self._of_all(path.rpartition("/")[0])
        return [(path, True)] if moved or not self._excluded(path, is_dir=True) else []

    def _of_all(self, directory: str) -> list[tuple[str, bool]]:
        """What is wanted of a directory may be something else now."""
        return [] if self._excluded(directory, is_dir=True) else [(directory, True)]

    def _appeared_whole(self, path: str) -> bool:
        """Whether a new name is a link to a file that exists; one being written is closed later."""
        try:
            status = os.lstat(f"{self._root}/{path}")
        except OSError:
            return False
        if not stat.S_ISREG(status.st_mode):
            return True
        return status.st_nlink > 1 or status.st_ctime_ns > status.st_mtime_ns

    def _excluded(self, path: str, *, is_dir: bool) -> bool:
        return isinstance(self._filters.admits(path, is_dir), Excluded)

    # Watches.

    def _grow(self, above: Directory, name: str, *, known_too: bool = False) -> None:
        """Watch a directory and all below it; below one that was watched before only if asked."""
        directory, is_new = self._watch(above, name)
        if directory is not None and (is_new or known_too):
            self._grow_below(directory, known_too=known_too)

    def _grow_below(self, directory: Directory, *, known_too: bool = False) -> None:
        pending = [directory]
        while pending:
            above = pending.pop()
            for name in self._directories_in(above):
                found, is_new = self._watch(above, name)
                if found is not None and (is_new or known_too):
                    pending.append(found)

    def _watch(self, above: Directory, name: str) -> tuple[Directory | None, bool]:
        """Watch one directory, which is known by its number if it was watched somewhere else."""
        with self._lock:
            base = self._tree.path(above)
            if base is None:
                return None, False
            path = f"{base}/{name}" if base else name
            if path in self._skipped or self._excluded(path, is_dir=True):
                return None, False
            number = self._add(path)
            if number is None:
                return None, False
            is_new = self._tree.get(number[0]) is None
            directory = self._entered(number, name)
            displaced = self._tree.place(directory, above, name)
            if displaced is not None:
                self._adrift.append((self._clock(), displaced))
            return directory, is_new

    def _add(self, path: str) -> tuple[WatchDescriptor, CallbackId] | None:
        """Set one watch, or note why not; the kernel gives the old number if there was one."""
        callback = CallbackId(next(self._callbacks))
        place = os.fsencode(f"{self._root}/{path}" if path else self._root)
        try:
            number = self._reader.add_callback(place, _MASK, self, callback)
        except OSError as error:
            if error.errno == errno.ENOSPC or not path:
                raise
            if error.errno not in _GONE:
                self.refused[path] = error.strerror or str(error)
            return None
        if number < 0:  # watchdog takes "permission denied" for a watch
            self._reader.remove_callbacks([(number, callback)])
            self.refused[path] = os.strerror(errno.EACCES)
            return None
        return number, callback

    def _entered(self, added: tuple[WatchDescriptor, CallbackId], name: str) -> Directory:
        number, callback = added
        known = self._tree.get(number)
        if known is None:
            known = Directory(number, callback, name)
            self._tree.add(known)
        elif known.callback != callback:
            self._reader.remove_callbacks([(number, callback)])
        return known

    def _directories_in(self, directory: Directory) -> Iterator[str]:
        with self._lock:
            path = self._tree.path(directory)
        if path is None:
            return
        try:
            with os.scandir(f"{self._root}/{path}") as entries:
                yield from [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError as error:
            if error.errno not in _GONE:
                self.refused[path] = error.strerror or str(error)

    def _retry(self, path: str) -> bool:
        """Watch what was refused; returns whether that is done now."""
        del self.refused[path]
        above = self._tree.root
        *names, last = path.split("/")
        for name in names:
            above = above.child(name) if above is not None else None
        if above is not None and path:
            self._grow(above, last, known_too=True)
        elif above is not None:
            self._grow_below(above, known_too=True)
        return path not in self.refused

    def _give_back(self) -> None:
        """Stop watching what was moved out; what found another place is not adrift any more."""
        now = self._clock()
        drifting = [
            (since, directory)
            for since, directory in self._adrift
            if directory.above is None and self._tree.get(directory.number) is directory
        ]
        self._adrift = [each for each in drifting if now - each[0] < _DRIFT_SECONDS]
        for since, directory in drifting:
            if now - since >= _DRIFT_SECONDS:
                self._unwatch(directory)

    def _unwatch(self, directory: Directory) -> None:
        given_back = []
        for each in directory.all():
            if self._tree.get(each.number) is each:
                self._tree.forget(each.number)
                given_back.append((WatchDescriptor(each.number), CallbackId(each.callback)))
        self._reader.remove_callbacks(given_back)
