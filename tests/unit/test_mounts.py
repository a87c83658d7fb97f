"""The mount table: what lies where, what is remote, and which parts of a tree send no events."""

from __future__ import annotations

from pathlib import Path

import pytest

from kbsync.mounts import Mount, mount_of, parse_mountinfo, read_mountinfo
from kbsync.watch import plan_watch
from kbsync.watch.modes import plan_for


def line(number: int, parent: int, point: str, kind: str, *, optional: str = "shared:1") -> str:
    options = f"rw,relatime {optional} -" if optional else "rw,relatime -"
    place = point.replace(" ", r"\040")
    return f"{number} {parent} 8:1 / {place} {options} {kind} /dev/source rw,data=ordered"


def table(*lines: tuple[int, int, str, str]) -> list[Mount]:
    return parse_mountinfo("\n".join(line(*each) for each in lines) + "\n")


LOCAL = (1, 0, "/", "ext4")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (line(36, 35, "/mnt", "ext4"), Mount(36, 35, "/mnt", "ext4")),
        (line(36, 35, "/mnt", "ext4", optional=""), Mount(36, 35, "/mnt", "ext4")),
        (
            line(36, 35, "/mnt", "nfs4", optional="shared:1 master:2 propagate_from:3"),
            Mount(36, 35, "/mnt", "nfs4"),
        ),
        (line(1, 2, r"/two\040words", "ext4"), Mount(1, 2, "/two words", "ext4")),
        (line(1, 2, r"/tab\011line\012end", "ext4"), Mount(1, 2, "/tab\tline\nend", "ext4")),
        (line(1, 2, r"/back\134slash\043hash", "ext4"), Mount(1, 2, "/back\\slash#hash", "ext4")),
        (line(1, 2, r"/not\134040octal", "ext4"), Mount(1, 2, r"/not\040octal", "ext4")),
        (line(1, 2, "/caf\udce9", "ext4"), Mount(1, 2, "/caf\udce9", "ext4")),
        (line(1, 2, "/carriage\rreturn", "ext4"), Mount(1, 2, "/carriage\rreturn", "ext4")),
        (line(1, 2, "/-", "fuse.sshfs"), Mount(1, 2, "/-", "fuse.sshfs")),
        (
            "42 32 0:37 /srv/docs /mnt rw shared:9 - ext4 /dev/vda rw",
            Mount(42, 32, "/mnt", "ext4"),
        ),
    ],
)
def test_a_line_of_the_table(text: str, expected: Mount) -> None:
    """A line gives number, parent, place and type, with blanks and the like as octal numbers."""
    assert parse_mountinfo(text) == [expected]


@pytest.mark.parametrize("text", ["", "\n", "36 35 8:1 / /mnt rw", "x y - z", "a b c d e f - g"])
def test_what_is_no_line_is_passed_over(text: str) -> None:
    """A line of another form is no reason to watch nothing."""
    assert parse_mountinfo(f"{text}\n{line(1, 0, '/', 'ext4')}") == [Mount(*LOCAL)]


def test_the_table_of_this_system_is_read() -> None:
    """The present table has a mount for every path."""
    mounts = parse_mountinfo(read_mountinfo())
    assert mount_of("/", mounts) is not None
    assert mount_of(str(Path.cwd()), mounts) is not None


@pytest.mark.parametrize(
    "kind",
    [
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse", "fuse.sshfs", "fuse.rclone"),
        *("afs", "ceph", "glusterfs", "lustre", "gpfs", "vboxsf", "vmhgfs", "drvfs", "autofs"),
        "virtiofs",
    ],
)
def test_file_systems_that_send_no_events(kind: str) -> None:
    """Where others can change files without this kernel, there are no events for it."""
    assert Mount(1, 0, "/", kind).is_silent


@pytest.mark.parametrize(
    "kind",
    ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuseblk", "nfsd", "vfat", "bcachefs"],
)
def test_file_systems_that_send_events(kind: str) -> None:
    """A local file system sends an event for each change."""
    mount = Mount(1, 0, "/", kind)
    assert not mount.is_silent
    assert not mount.is_remote


@pytest.mark.parametrize(
    ("kind", "remote"),
    [
        *((kind, True) for kind in ("nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse")),
        *((kind, True) for kind in ("fuse.sshfs", "davfs", "fuse.davfs2", "fuse.rclone", "vboxsf")),
        *((kind, False) for kind in ("virtiofs", "fuse.mergerfs", "fuse.fuse-overlayfs", "autofs")),
    ],
)
def test_file_systems_of_other_machines(kind: str, remote: bool) -> None:
    """Not all that is silent is remote: a program of this machine keeps locks as a disk does."""
    assert Mount(1, 0, "/", kind).is_remote is remote


@pytest.mark.parametrize(
    ("mounts", "path", "kind"),
    [
        ([LOCAL], "/srv/docs", "ext4"),
        ([LOCAL, (2, 1, "/srv", "nfs4")], "/srv", "nfs4"),
        ([LOCAL, (2, 1, "/srv", "nfs4")], "/srvx", "ext4"),
        ([LOCAL, (2, 1, "/srv", "nfs4"), (3, 2, "/srv/a", "xfs")], "/srv/a/b", "xfs"),
        # one over the other at the same place: the later is seen
        ([LOCAL, (2, 1, "/srv", "nfs4"), (3, 2, "/srv", "xfs")], "/srv/a", "xfs"),
        # the automounter's own mount, and what it mounted on it
        ([LOCAL, (2, 1, "/srv", "autofs"), (3, 2, "/srv", "cifs")], "/srv/a", "cifs"),
        ([LOCAL, (2, 1, "/srv", "autofs"), (3, 2, "/srv/a", "nfs4")], "/srv/a/x", "nfs4"),
        # a later mount above hides a deeper one
        ([LOCAL, (2, 1, "/srv/a", "nfs4"), (3, 1, "/srv", "xfs")], "/srv/a/b", "xfs"),
        # listed in another order than they were mounted
        ([(3, 2, "/srv/a", "cifs"), (2, 1, "/srv", "xfs"), LOCAL], "/srv/a", "cifs"),
        # a bind mount has the type of what it shows
        ([LOCAL, (2, 1, "/mnt", "nfs4"), (3, 1, "/srv", "nfs4")], "/srv", "nfs4"),
    ],
)
def test_the_mount_of_a_path(mounts: list[tuple[int, int, str, str]], path: str, kind: str) -> None:
    """A path lies on the mount that the kernel would come to."""
    mount = mount_of(path, table(*mounts))
    assert mount is not None
    assert mount.kind == kind


@pytest.mark.parametrize(
    ("below", "mode", "polled"),
    [
        ([], "native", ()),
        ([(2, 1, "/srv/docs", "nfs4")], "poll", ()),
        ([(2, 1, "/srv", "cifs")], "poll", ()),
        ([(2, 1, "/srv/docs/share", "cifs")], "native", ("share",)),
        ([(2, 1, "/srv/docs/a b/share", "fuse.sshfs")], "native", ("a b/share",)),
        ([(2, 1, "/srv/docs/disk", "xfs")], "native", ()),
        ([(2, 1, "/srv/docs2", "nfs4")], "native", ()),
        # local inside remote is looked at with it; remote inside remote is not looked at twice
        ([(2, 1, "/srv/docs/n", "nfs4"), (3, 2, "/srv/docs/n/t", "xfs")], "native", ("n",)),
        ([(2, 1, "/srv/docs/n", "nfs4"), (3, 2, "/srv/docs/n/m", "nfs4")], "native", ("n",)),
        # remote inside local inside the root
        ([(2, 1, "/srv/docs/d", "xfs"), (3, 2, "/srv/docs/d/n", "nfs4")], "native", ("d/n",)),
        ([(2, 1, "/srv/docs/b", "9p"), (3, 1, "/srv/docs/a", "9p")], "native", ("a", "b")),
        # hidden by a local file system over it
        ([(2, 1, "/srv/docs/n", "nfs4"), (3, 2, "/srv/docs/n", "xfs")], "native", ()),
        # a local file system on top of a remote one is watched
        ([(2, 1, "/srv", "nfs4"), (3, 2, "/srv/docs", "xfs")], "native", ()),
    ],
)
def test_automatic(
    below: list[tuple[int, int, str, str]], mode: str, polled: tuple[str, ...]
) -> None:
    """What sends no events is polled, also below a root that does; the rest is watched."""
    plan = plan_for("/srv/docs", "auto", table(LOCAL, *below))
    assert (plan.mode, plan.polled) == (mode, polled)
    assert (plan.note is not None) == (mode == "poll" or polled != ())


def test_forced_modes() -> None:
    """What is asked for is done, whatever the file system is."""
    mounts = table(LOCAL, (2, 1, "/srv", "nfs4"), (3, 2, "/srv/docs/share", "cifs"))
    assert plan_for("/srv/docs", "native", mounts).mode == "native"
    assert plan_for("/srv/docs", "native", mounts).polled == ()
    assert plan_for("/opt", "poll", mounts).mode == "poll"
    assert plan_for("/opt", "off", mounts).mode == "off"


def test_the_layers_of_a_container() -> None:
    """An overlay is watched, and it is said what is not seen there."""
    plan = plan_for("/data", "auto", table((1, 0, "/", "overlay")))
    assert plan.mode == "native"
    assert plan.note is not None
    assert "lower layers" in plan.note


def test_a_whole_system_as_root() -> None:
    """The root directory can be the folder, too."""
    plan = plan_for("/", "auto", table(LOCAL, (2, 1, "/mnt/n", "nfs4")))
    assert plan.polled == ("mnt/n",)


def test_without_a_table() -> None:
    """Where there is no mount table, everything is watched."""
    assert plan_for("/srv/docs", "auto", []).mode == "native"


@pytest.mark.parametrize(
    ("after", "same"),
    [
        ([(9, 1, "/mnt/usb", "vfat")], True),
        ([(9, 1, "/srv/docs/usb", "vfat")], False),
        ([(9, 1, "/srv/docs/n", "nfs4")], False),
        ([(9, 1, "/srv", "xfs")], False),
    ],
)
def test_a_plan_changes_with_its_mounts(after: list[tuple[int, int, str, str]], same: bool) -> None:
    """A mount at, above or below the root makes another plan; one elsewhere does not."""
    before = plan_for("/srv/docs", "auto", table(LOCAL))
    assert (plan_for("/srv/docs", "auto", table(LOCAL, *after)) == before) is same


def test_a_remote_mount_that_comes_and_goes_under_its_number() -> None:
    """Mounting a polled file system again sets no watch anew."""
    plans = {
        plan_for("/srv/docs", "auto", table(LOCAL, (number, 1, "/srv/docs/n", "nfs4")))
        for number in (2, 3)
    }
    assert len(plans) == 1


def test_a_link_to_a_remote_mount(tmp_path: Path) -> None:
    """A root that is a link is judged by where it leads."""
    (tmp_path / "share").mkdir()
    (tmp_path / "docs").symlink_to("share")
    text = "\n".join([line(*LOCAL), line(2, 1, f"{tmp_path.resolve()}/share", "cifs")])
    assert plan_watch(str(tmp_path / "docs"), "auto", text).mode == "poll"
