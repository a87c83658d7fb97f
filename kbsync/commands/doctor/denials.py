"""Why the system does not let us at a path, and what lets us: it is not always the mode."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kbsync.commands.doctor.ledger import mounts_of
from kbsync.commands.doctor.machine import is_dynamic, text, user
from kbsync.mounts import mount_of

#: Has what everybody has, as the user that systemd makes up for a service.
NOBODY: Final = "nobody"
#: What a sandboxed unit has a copy of, empty, when it has `PrivateTmp=`.
PRIVATE: Final = ("/tmp", "/var/tmp")  # noqa: S108 - nothing is put there


@dataclass(frozen=True, slots=True)
class Guards:
    """What beside a path's mode may stand before it, on this machine and for this process."""

    is_root: bool
    selinux: bool
    apparmor: str
    in_unit: bool
    file_system: str


def guards_of(path: Path) -> Guards:
    """What stands before this path."""
    mount = mount_of(str(path), mounts_of(None))
    confined = text("/proc/self/attr/current").strip("\0\n ")
    has_apparmor = text("/sys/module/apparmor/parameters/enabled").startswith("Y")
    return Guards(
        is_root=os.geteuid() == 0,
        selinux=text("/sys/fs/selinux/enforce").strip() == "1",
        apparmor=confined if has_apparmor and confined not in {"", "unconfined"} else "",
        in_unit="INVOCATION_ID" in os.environ,
        file_system=mount.kind if mount else "",
    )


def remedy_for(path: Path, whole: Path, rights: str, *, permitted: bool, guards: Guards) -> str:
    """What to do about a directory that is closed to us.

    Args:
        path: what is closed.
        whole: the folder, all of which must be readable.
        rights: what is needed, as setfacl writes it.
        permitted: whether the mode alone lets us in.
        guards: what else stands before it.
    """
    if guards.is_root and guards.file_system.startswith("nfs"):
        return (
            "the NFS server takes root for nobody (root_squash): run as a user who may read it,"
            " or export it with no_root_squash"
        )
    if permitted or guards.is_root:
        return _beyond_the_mode(whole, guards)
    return letting_in(path, rights)


def letting_in(path: str | Path, rights: str) -> str:
    """The command that gives this process's user these rights, `rX` with all that is below.

    A service whose user systemd makes up has what everybody has, and no entry can name it.
    """
    recursive = "-R " if rights == "rX" else ""
    if user() == NOBODY or is_dynamic(os.geteuid()):
        return (
            "run the service with a group or a user that may: kbsync install-service --group NAME,"
            f" or --user NAME; or let everybody in: chmod {recursive}o+{rights} {path}"
        )
    return f"let that user in: setfacl {recursive}-m u:{user()}:{rights} {path}"


def _beyond_the_mode(whole: Path, guards: Guards) -> str:
    if guards.selinux:
        return (
            "SELinux denies it (ausearch -m avc -ts recent): label the folder for services:"
            f" semanage fcontext -a -t public_content_t '{whole}(/.*)?'; restorecon -R {whole}"
        )
    if guards.apparmor:
        return (
            f"the AppArmor profile {guards.apparmor} denies it (journalctl -k -g apparmor): add"
            f" {whole}/** r, to it"
        )
    if guards.in_unit:
        return (
            "the mode allows it, so the sandbox of the systemd unit denies it: `systemctl edit` the"
            f" unit, and add BindReadOnlyPaths={whole} below [Service]"
        )
    return "the mode allows it: look for what else denies it (a sandbox, a container, the mount)"


def is_permitted(path: Path) -> bool:
    """Whether the mode of a directory lets this process read and enter it; ACLs are not looked at.

    Raises OSError where even that cannot be asked.
    """
    info = path.stat()
    if info.st_uid == os.geteuid():
        needed = stat.S_IRUSR | stat.S_IXUSR
    elif info.st_gid in {os.getegid(), *os.getgroups()}:
        needed = stat.S_IRGRP | stat.S_IXGRP
    else:
        needed = stat.S_IROTH | stat.S_IXOTH
    return info.st_mode & needed == needed


def hidden(path: Path, guards: Guards) -> str | None:
    """What hides a path from us that others may well see, or None."""
    if not guards.in_unit:
        return None
    if any(path.is_relative_to(private) for private in PRIVATE):
        return (
            "a sandboxed unit has a /tmp of its own (PrivateTmp=yes): move the folder elsewhere, or"
            f" add BindReadOnlyPaths={path} below [Service] with `systemctl edit`"
        )
    return None
