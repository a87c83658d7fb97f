"""Who this runs as, and what the system tells of itself."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kbsync.errors import ConfigError

#: The user ids that systemd makes up (source: systemd, UIDS-GIDS.md, "DynamicUser=").
_DYNAMIC = range(61_184, 65_520)


def user() -> str:
    """The name of the user this runs as."""
    return name_of(os.geteuid())


def is_dynamic(uid: int) -> bool:
    """Whether systemd makes up this number, for a service with DynamicUser=."""
    return uid in _DYNAMIC


def name_of(uid: int) -> str:
    """A user's name, or the number where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@contextmanager
def acting_as(name: str | None, group: str | None = None) -> Iterator[None]:
    """Within it this process has the rights of a user, if one is named; only root may do that.

    With `group`, the user is in that one, too.

    Raises:
        ConfigError: there is no such user, or we are not root.
    """
    if name is None:
        yield
        return
    entry, more = _user(name), [_group(group)] if group is not None else []
    before, own = os.getgroups(), os.getegid()
    if os.geteuid() != 0:
        raise ConfigError("only root can look as another user; run it with sudo, or without --user")
    os.setgroups([*os.getgrouplist(name, entry.pw_gid), *more])
    os.setresgid(entry.pw_gid, entry.pw_gid, own)
    os.setresuid(entry.pw_uid, entry.pw_uid, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(own, own, own)
        os.setgroups(before)


def _user(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise ConfigError(f"there is no user {name!r}; name one that is on this machine") from None


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigError(f"there is no group {name!r}; name one that is on this machine") from None


def text(path: str) -> str:
    """What a file of the system says; "" where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
