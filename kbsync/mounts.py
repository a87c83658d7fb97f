"""The kernel's table of mounts: on what a path lies, and what that kind can be trusted with."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: Of another machine, or of several: locks and shared memory end at each machine. davfs2 calls
#: itself plain "fuse".
_REMOTE = (
    r"nfs\d*|cifs|smb.*|ncpfs|9p|afs|ceph|glusterfs|lustre|gpfs|beegfs|orangefs|pvfs2|coda|ocfs2|gfs2?"
    r"|davfs|vboxsf|vmhgfs|prl_fs|drvfs|wsl.*|fuse"
    r"|fuse\.(sshfs|davfs.*|rclone|.*s3.*|goofys|geesefs|gcsfuse|blobfuse.*|juicefs|gluster.*|ceph.*"
    r"|smb.*|curlftpfs|gvfs.*|mfs.*|moosefs|lizardfs|hdfs.*|seadrive|onedriver|google-drive.*|nfs.*)"
)
#: Changes made by another machine, the host or a program behind FUSE send no events here. autofs
#: only waits for what is mounted on it, and then that is found instead.
_SILENT = rf"{_REMOTE}|fuse\..+|virtiofs|autofs"
_OCTAL = re.compile(r"\\([0-7]{3})")
_MOUNTINFO = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the table; `point` is where it is mounted, `kind` the file system's type."""

    id: int
    parent: int
    point: str
    kind: str

    @property
    def is_remote(self) -> bool:
        """Whether other machines can work on it at the same time, so that SQLite is not safe."""
        return re.fullmatch(_REMOTE, self.kind) is not None

    @property
    def is_silent(self) -> bool:
        """Whether it sends no events for changes that are made elsewhere."""
        return re.fullmatch(_SILENT, self.kind) is not None


def read_mountinfo() -> str:
    """The table of mounts as this process sees it; empty where there is none."""
    try:
        return os.fsdecode(_MOUNTINFO.read_bytes())
    except OSError:
        return ""


def parse_mountinfo(text: str) -> list[Mount]:
    """PURE: the mounts in a table as proc(5) describes it; other lines are passed over."""
    return [mount for line in text.split("\n") if (mount := _parsed(line)) is not None]


def mount_of(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """PURE: the mount of a path, found as the kernel does: from the top, mount by mount."""
    ids = {mount.id for mount in mounts}
    tops = [mount for mount in mounts if mount.parent not in ids or mount.parent == mount.id]
    here = next((mount for mount in tops if is_within(path, mount.point)), None)
    while here is not None:
        on_it = [
            mount
            for mount in reversed(mounts)
            if mount.parent == here.id and mount is not here and is_within(path, mount.point)
        ]
        if not on_it:
            break
        here = min(on_it, key=lambda mount: len(mount.point))
    return here


def is_within(path: str, directory: str) -> bool:
    """PURE: whether a path is a directory or below it; both absolute."""
    return directory in {"/", path} or path.startswith(f"{directory}/")


def _parsed(line: str) -> Mount | None:
    fields = line.split(" ")
    try:
        kind = fields[fields.index("-", 6) + 1]
        return Mount(int(fields[0]), int(fields[1]), _unescaped(fields[4]), _unescaped(kind))
    except (ValueError, IndexError):
        return None


def _unescaped(field: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), field)
