"""The ledger: its place, its file, who holds it, whose documents it knows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from kbsync.assembly import abandoned, reading, refuse_misfit
from kbsync.commands.doctor.findings import (
    Finding,
    Result,
    fail,
    ok,
    parted,
    size,
    skip,
    warn,
)
from kbsync.commands.doctor.machine import is_dynamic, name_of, text, user
from kbsync.commands.status_facts import told_of
from kbsync.config import Settings
from kbsync.errors import ConfigError, LedgerError
from kbsync.mounts import Mount, mount_of, parse_mountinfo, read_mountinfo

_LITTLE_SPACE, _NO_SPACE = 200 * 10**6, 20 * 10**6


def ledger_directory(ledger: Path) -> Finding:
    """Whether the ledger can be written where it is."""
    check, place = "ledger directory", _nearest(ledger.parent)
    if not place.is_dir():
        remedy = "set `ledger` to a file in a directory"
        return fail(check, str(ledger.parent), f"{place} is no directory", remedy)
    if not os.access(place, os.W_OK | os.X_OK):
        return fail(
            check,
            str(ledger.parent),
            f"user {user()} cannot write to {place}",
            f"give it to that user (chown {user()} {place}), or set `ledger` to a file elsewhere",
        )
    found = "can be written" if place == ledger.parent else f"will be made; {place} can be written"
    return ok(check, str(ledger.parent), found)


def ledger_file_system(ledger: Path, mountinfo: str | None = None) -> Finding:
    """Whether SQLite's shared memory works there; `mountinfo` is the table, or the present one."""
    mount = mount_of(os.path.realpath(ledger), mounts_of(mountinfo))
    if mount is None:
        return skip("ledger file system", str(ledger), "there is no table of mounts")
    found = f"is on {mount.kind} ({mount.point})"
    if mount.is_remote:
        return fail(
            "ledger file system",
            str(ledger),
            f"{found}, where SQLite can lose or damage it",
            "set `ledger` to a file on a local disk, such as /var/lib/kbsync/ledger.db",
        )
    return ok("ledger file system", str(ledger), found)


def ledger_space(ledger: Path, free: int | None = None) -> Finding:
    """Whether the ledger can grow; `free` bytes, as the disk says if not given."""
    place = _nearest(ledger.parent)
    free = shutil.disk_usage(place).free if free is None else free
    found = f"{size(free)} free"
    if free >= _LITTLE_SPACE:
        return ok("ledger space", str(place), found)
    result = Result.FAIL if free < _NO_SPACE else Result.WARN
    return Finding("ledger space", str(place), result, found, f"free some space on {place}'s disk")


def ledger_opens(ledger: Path) -> Finding:
    """Whether it is a sound ledger of this version, for this user; changes nothing."""
    from kbsync.ledger import Ledger, is_lost

    check = "ledger"
    if not os.access(_nearest(ledger.parent), os.X_OK):
        return skip(check, str(ledger), "its directory is closed to this user")
    if not ledger.exists() and not is_lost(ledger):
        found = "there is none yet; the first `kbsync reconcile` makes it"
        return ok(check, str(ledger), found)
    owner = ledger.stat().st_uid if ledger.exists() else os.geteuid()
    if ledger.exists() and not os.access(ledger, os.R_OK | os.W_OK):
        found = f"belongs to user {name_of(owner)}; user {user()} cannot write it"
        remedy = "look as root: sudo kbsync doctor"
        if not is_dynamic(owner):
            remedy = f"run kbsync as that user: sudo -u {name_of(owner)} kbsync doctor"
        return fail(check, str(ledger), found, remedy)
    try:
        with Ledger.open(ledger, readonly=True) as opened:
            opened.check()
    except LedgerError as error:
        result = Result.WARN if "older kbsync" in str(error) else Result.FAIL
        said = str(error).removeprefix(f"ledger {ledger}: ").removesuffix("; not touched")
        remedy = "set `ledger` to another file"
        return Finding(check, str(ledger), result, *parted(said, remedy))
    if os.geteuid() == 0 and is_dynamic(owner):
        found = f"opens and is sound; it is of a service's own user, {owner}"
        return ok(check, str(ledger), f"{found}: leave reconcile to the service")
    if owner != os.geteuid():
        return warn(
            check,
            str(ledger),
            f"belongs to user {name_of(owner)}, and this is {user()}: what {user()} writes there,"
            " the other may not be able to read",
            f"run kbsync as that user: sudo -u {name_of(owner)} kbsync doctor",
        )
    return ok(check, str(ledger), "opens and is sound")


def ledger_free(ledger: Path) -> Finding:
    """Whether another kbsync is using it, and which."""
    import fcntl

    lock = ledger.with_name(f"{ledger.name}.lock")
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return ok("ledger lock", str(lock), "nobody holds it")
    except PermissionError:
        return skip("ledger lock", str(lock), f"user {user()} may not look at it")
    try:
        # Given back at once: a service that starts in this very moment would be told to wait.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _holder(descriptor, text("/proc/locks"))
        found = f"{holder} is using the ledger; a second kbsync would end with exit code 75"
        remedy = (
            "nothing, if that is the service; else wait for it, or stop it (systemctl stop kbsync)"
        )
        return warn("ledger lock", str(lock), found, remedy)
    finally:
        os.close(descriptor)
    return ok("ledger lock", str(lock), "nobody holds it")


def _holder(descriptor: int, locks: str) -> str:
    """The process that holds a lock on this open file, as /proc/locks names it."""
    inode = os.fstat(descriptor).st_ino
    for line in locks.splitlines():
        fields = line.split()
        if "->" in fields or len(fields) < 6 or not fields[5].endswith(f":{inode}"):  # noqa: PLR2004 - /proc/locks(5)
            continue
        words = text(f"/proc/{fields[4]}/cmdline").rstrip("\0").split("\0")
        if any(words):
            return f"process {fields[4]} ({' '.join(words)[:100]})"
    return "another kbsync"


def fit(settings: Settings) -> list[Finding]:
    """Whether the ledger's documents are those of the folders that are configured."""
    check, file = "ledger fit", str(settings.ledger)
    try:
        with reading(settings) as ledger:
            left = abandoned(ledger, settings)
            refuse_misfit(ledger, settings)
    except ConfigError as error:
        return [fail(check, file, *parted(str(error), "correct the configuration"))]
    except LedgerError:
        return [skip(check, file, "the ledger cannot be read")]
    doubts = [warn(check, file, *parted(told_of(one), "")) for one in left]
    return doubts or [ok(check, file, "is of these folders")]


def mounts_of(mountinfo: str | None) -> list[Mount]:
    """The mounts in this table, or the present ones."""
    return parse_mountinfo(read_mountinfo() if mountinfo is None else mountinfo)


def _nearest(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if os.path.exists(place))  # noqa: PTH110 - never raises


LEDGER_CHECKS: Mapping[str, Callable[[Path], Finding]] = {
    "ledger directory": ledger_directory,
    "ledger file system": ledger_file_system,
    "ledger space": ledger_space,
    "ledger": ledger_opens,
    "ledger lock": ledger_free,
}
