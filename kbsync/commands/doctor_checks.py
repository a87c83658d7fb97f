"""What `kbsync doctor` looks at on this machine: configuration, key, ledger, folders, watches."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
import time
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from kbsync.config import FolderSettings, Settings, find, load
from kbsync.config.keys import CREDENTIAL, ENV_KEY, ENV_KEY_FILE
from kbsync.errors import ConfigError, LedgerError
from kbsync.log import printable
from kbsync.model import SERVER_TYPES, Problem, Seen, Skipped
from kbsync.mounts import Mount, mount_of, parse_mountinfo, read_mountinfo

#: What a Dify server takes unless its UPLOAD_FILE_SIZE_LIMIT says otherwise.
SERVER_LIMIT = 15 * 2**20

_LITTLE_SPACE, _NO_SPACE = 200 * 10**6, 20 * 10**6
_MANY_WATCHES = 0.8


class Result(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found about its subject, and what to do about it unless all is well."""

    check: str
    subject: str
    result: Result
    finding: str
    remedy: str | None = None


def ok(check: str, subject: str, found: str) -> Finding:
    """All is well."""
    return Finding(check, subject, Result.OK, found)


def warn(check: str, subject: str, found: str, remedy: str) -> Finding:
    """It works, but should be looked at."""
    return Finding(check, subject, Result.WARN, found, remedy)


def fail(check: str, subject: str, found: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(check, subject, Result.FAIL, found, remedy)


def skip(check: str, subject: str, why: str) -> Finding:
    """It could not be tried."""
    return Finding(check, subject, Result.SKIP, why)


@dataclass(slots=True)
class Walk:
    """What a walk through a folder counted; `unread` is what could not be read, and why."""

    admitted: int = 0
    skipped: int = 0
    directories: int = 0
    more_directories: bool = False
    unread: list[tuple[str, str]] = field(default_factory=list)
    idle_patterns: tuple[str, ...] = ()
    stopped_after: float | None = None


def parted(text: str, otherwise: str) -> tuple[str, str]:
    """One of our messages as what happened and what to do, which follows its last semicolon."""
    happened, semicolon, remedy = text.rpartition("; ")
    return (happened, remedy) if semicolon else (text, otherwise)


def user() -> str:
    """The name of the user this runs as."""
    return _name_of(os.geteuid())


def configuration(explicit: Path | None) -> tuple[Settings | None, list[Finding]]:
    """Which file it is, and a finding for each line that is wrong or doubtful in it."""
    check, file = "configuration", "-"
    try:
        file = str(find(explicit))
        settings = load(explicit)
    except ConfigError as error:
        return None, [_wrong(file, line) for line in str(error).splitlines()]
    count = len(settings.folders)
    found = f"is valid; {count} folder{'' if count == 1 else 's'}"
    return settings, [
        ok(check, file, found),
        *(
            warn(check, file, *parted(warning, "change it"))
            for warning in settings.warnings
            if not _is_about_key(warning)
        ),
    ]


def _wrong(file: str, line: str) -> Finding:
    if file == "-":
        return fail("configuration", file, *parted(line, "give another --config"))
    variable = re.match(r"KBSYNC_\w+", line)
    remedy = f"correct the variable {variable[0]}" if variable else f"correct it in {file}"
    return fail("configuration", file, line.removeprefix(f"{file}: "), remedy)


def key(settings: Settings, explicit: Path | None) -> list[Finding]:
    """Where the key comes from and who else can read it; never the key."""
    source, file = _key_source(settings, find(explicit), os.environ)
    doubts = [warning for warning in settings.warnings if _is_about_key(warning)]
    if doubts:
        return [
            warn("key", source, *parted(doubt.removeprefix(f"{source} "), "change it"))
            for doubt in doubts
        ]
    found = "has a key" if file is None else f"has a key (mode {_mode(file)})"
    return [ok("key", source, found)]


def _is_about_key(warning: str) -> bool:
    return "API key" in warning


def _key_source(
    settings: Settings, config: Path, environ: Mapping[str, str]
) -> tuple[str, Path | None]:
    """The place that counts, in the order of `kbsync.config.keys`."""
    variables = {name.upper() for name in environ}
    if ENV_KEY in variables:
        return ENV_KEY, None
    if settings.server.api_key_file is not None:
        file = settings.server.api_key_file
        return (f"{ENV_KEY_FILE} = {file}" if ENV_KEY_FILE in variables else str(file)), file
    server = tomllib.loads(config.read_text(encoding="utf-8")).get("server", {})
    if "api_key" in server:
        return str(config), config
    return f"systemd credential {CREDENTIAL}", None


def _mode(file: Path) -> str:
    return f"{stat.S_IMODE(file.stat().st_mode):03o}"


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
    mount = mount_of(os.path.realpath(ledger), _mounts(mountinfo))
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
        found = f"belongs to user {_name_of(owner)}; user {user()} cannot write it"
        remedy = f"run kbsync as that user: sudo -u {_name_of(owner)} kbsync doctor"
        return fail(check, str(ledger), found, remedy)
    try:
        with Ledger.open(ledger, readonly=True) as opened:
            opened.check()
    except LedgerError as error:
        result = Result.WARN if "older kbsync" in str(error) else Result.FAIL
        said = str(error).removeprefix(f"ledger {ledger}: ").removesuffix("; not touched")
        remedy = "set `ledger` to another file"
        return Finding(check, str(ledger), result, *parted(said, remedy))
    if owner != os.geteuid():
        return warn(
            check,
            str(ledger),
            f"belongs to user {_name_of(owner)}, and this is {user()}: what {user()} writes there,"
            " the other may not be able to read",
            f"run kbsync as that user: sudo -u {_name_of(owner)} kbsync doctor",
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
        holder = _holder(descriptor, _text("/proc/locks"))
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
        words = _text(f"/proc/{fields[4]}/cmdline").rstrip("\0").split("\0")
        if any(words):
            return f"process {fields[4]} ({' '.join(words)[:100]})"
    return "another kbsync"


def folder_root(folder: FolderSettings) -> Finding:
    """Whether the root is a directory that this user may enter and list."""
    path, name = folder.path, folder.name
    blocked = next((above for above in reversed(path.parents) if _closed(above, os.X_OK)), None)
    if blocked is not None or _closed(path, os.R_OK | os.X_OK):
        shut = blocked or path
        rights = "x" if blocked else "rX"
        return fail(
            "root",
            name,
            f"user {user()} may not {'enter' if blocked else 'read'} the directory {shut}",
            f"let that user in: setfacl {'' if blocked else '-R '}-m u:{user()}:{rights} {shut}",
        )
    if not path.exists():
        found = f"there is no {path}" if not path.is_symlink() else f"{path} is a broken link"
        remedy = f"mount it or make it, or correct `path` of the folder {name!r}"
        return fail("root", name, f"{found}; nothing is deleted meanwhile", remedy)
    if not path.is_dir():
        remedy = f"set `path` of the folder {name!r} to a directory"
        return fail("root", name, f"{path} is not a directory", remedy)
    real = os.path.realpath(path)
    link = "" if real == str(path) else f", which leads to {real},"
    return ok("root", name, f"{path}{link} can be read")


def folder_mount(folder: FolderSettings, mountinfo: str | None = None) -> Finding:
    """Whether changes are seen as they happen; `mountinfo` is the table, or the present one."""
    from kbsync.watch.modes import plan_for, resolved

    mounts = _mounts(mountinfo)
    root = resolved(str(folder.path), mounts)
    mount, plan = mount_of(root, mounts), plan_for(root, "auto", mounts)
    if mount is None:
        return skip("mount", folder.name, "there is no table of mounts")
    found = f"{mount.kind} ({mount.point}): changes are seen as they happen"
    if plan.mode == "native" and not plan.polled:
        return ok("mount", folder.name, found)
    silent = plan.note or ""
    if folder.watch == "native":
        remedy = f'set watch = "poll" or "auto" for the folder {folder.name!r}'
        return warn("mount", folder.name, silent.replace(", so it is polled", ""), remedy)
    return ok("mount", folder.name, silent if plan.mode == "poll" else f"{found}; {silent}")


def walked(folder: FolderSettings, seconds: float) -> Walk:
    """Walk a folder as a run would, for at most about this time; raises ConfigError."""
    from kbsync import scan
    from kbsync.assembly import folder_of

    made, until, walk = folder_of(folder), time.monotonic() + seconds, Walk()
    idle = _Idle(folder.include)
    for item in scan.walk(made.root, made.name, made.filters, max_size=made.max_size):
        _count(walk, made.root, item)
        if isinstance(item, Seen):
            idle.saw(item.key.path)
        if time.monotonic() > until:
            walk.stopped_after = seconds
            break
    walk.idle_patterns = () if walk.stopped_after else idle.patterns
    walk.directories, walk.more_directories = _directories(made.root, seconds)
    return walk


def _count(walk: Walk, root: str, item: Seen | Skipped | Problem) -> None:
    match item:
        case Seen() if os.access(os.path.join(root, item.key.path), os.R_OK):  # noqa: PTH118 - fast
            walk.admitted += 1
        case Seen():
            walk.unread.append((item.key.path, f"permission denied for user {user()}"))
        case Skipped():
            walk.skipped += 1
        case Problem():
            walk.unread.append((item.path, item.reason))
        case _:
            assert_never(item)


class _Idle:
    """The include patterns that have not admitted any file yet."""

    def __init__(self, include: Iterable[str]) -> None:
        from kbsync.filters import Filters

        self._waiting = {
            pattern: Filters((pattern,), (), SERVER_TYPES)
            for pattern in include
            if not pattern.startswith("!")
        }

    @property
    def patterns(self) -> tuple[str, ...]:
        return tuple(self._waiting)

    def saw(self, path: str) -> None:
        from kbsync.filters import Admitted

        matching = [
            pattern
            for pattern, filters in self._waiting.items()
            if isinstance(filters.admits(path), Admitted)
        ]
        for pattern in matching:
            del self._waiting[pattern]


def _directories(root: str, seconds: float) -> tuple[int, bool]:
    """How many directories there are, each of which needs a watch, and whether there are more."""
    until, count = time.monotonic() + seconds, 0
    for _ in os.walk(root):
        count += 1
        if time.monotonic() > until:
            return count, True
    return count, False


def folder_files(folder: FolderSettings, walk: Walk) -> Finding:
    """How many files would be sent, and which cannot be read."""
    check, name = "files", folder.name
    found = f"{walk.admitted} to send, {walk.skipped} skipped, {len(walk.unread)} unreadable"
    if walk.stopped_after is not None:
        found += f" (stopped after {walk.stopped_after:g} s; there are more)"
    if walk.unread:
        path, reason = walk.unread[0]
        where = os.path.join(folder.path, path)  # noqa: PTH118 - may not be UTF-8
        remedy = f"let that user read all of it: setfacl -R -m u:{user()}:rX {folder.path}"
        if "permission" not in reason:
            remedy = "look at that file, and at the disk or mount it is on"
        return warn(check, name, f"{found}; the first is {where}: {reason}", remedy)
    if walk.admitted == 0 and walk.stopped_after is None:
        remedy = "put documents there; `kbsync explain PATH` tells why one of them is not sent"
        return warn(check, name, found, remedy)
    return ok(check, name, found)


def folder_patterns(folder: FolderSettings, walk: Walk) -> Finding:
    """Whether each include pattern admits at least one file."""
    if not folder.include:
        return ok("patterns", folder.name, "every type the server takes is sent")
    if walk.stopped_after is not None:
        return skip("patterns", folder.name, "not all files were looked at")
    if walk.idle_patterns:
        shown = ", ".join(f'"{printable(pattern)}"' for pattern in walk.idle_patterns)
        remedy = f"correct `include` of the folder {folder.name!r}, or leave it if files will come"
        return warn("patterns", folder.name, f"include {shown} admits no file", remedy)
    return ok("patterns", folder.name, "each include pattern admits files")


def folder_limit(folder: FolderSettings) -> Finding:
    """Whether max_size is within what a server takes by default."""
    found = f"max_size is {size(folder.max_size)}"
    if folder.max_size <= SERVER_LIMIT:
        return ok("size limit", folder.name, found)
    return warn(
        "size limit",
        folder.name,
        f"{found}, but a Dify server takes {size(SERVER_LIMIT)} unless it is told otherwise",
        "raise UPLOAD_FILE_SIZE_LIMIT (and nginx's client_max_body_size) on the server,"
        f' or set max_size = "15MiB" for the folder {folder.name!r}',
    )


def watches(walks: Sequence[Walk], limit: int | None = None) -> Finding:
    """Whether `kbsync run` may watch these directories; `limit` as the kernel says if None."""
    check, subject = "watches", "kbsync run"
    if limit is None:
        allowed = _text("/proc/sys/fs/inotify/max_user_watches").strip()
        if not allowed.isdigit():
            return skip(check, subject, "this kernel does not tell max_user_watches")
        limit = int(allowed)
    needed = sum(walk.directories for walk in walks)
    least = "at least " if any(walk.more_directories for walk in walks) else ""
    found = f"needs {least}{needed} of {limit} inotify watches"
    if needed <= limit * _MANY_WATCHES:
        return ok(check, subject, found)
    remedy = (
        f"allow more: echo fs.inotify.max_user_watches={max(524288, needed * 2)}"
        " > /etc/sysctl.d/60-kbsync.conf; sysctl --system"
    )
    return warn(check, subject, found, remedy)


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:  # noqa: PLR2004
            return f"{count:.4g} {unit}"
        count /= 1024
    return f"{count:.4g} GiB"


def _mounts(mountinfo: str | None) -> list[Mount]:
    return parse_mountinfo(read_mountinfo() if mountinfo is None else mountinfo)


def _nearest(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if os.path.exists(place))  # noqa: PTH110 - never raises


def _closed(path: Path, rights: int) -> bool:
    """True when it is there and this user may not; a path below a closed one counts as missing."""
    return path.is_dir() and not os.access(path, rights)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
