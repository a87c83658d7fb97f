"""Match files that left their place with files that arrived: a renamed file keeps its document.

The content's hash is the judge: what a file system says of inodes and times only says whom to ask.
No clock, no I/O: `to_hash` names the files whose content must be known, `match` decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from kbsync.model import Key, Move, Record, Seen, Stamp, State, Version

_Fingerprint = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Left:
    """A row whose file is not at its place any more.

    `content` is what its newest document holds, None when that is not known; `gone` says that
    nothing is at its place now, rather than another file.
    """

    record: Record
    content: Version | None
    gone: bool

    @property
    def dataset_id(self) -> str | None:
        """Where its newest document lives."""
        newest = self.record.newest
        return newest[0].dataset_id if newest else None


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file to be sent, the row of its place, and where and how it would be indexed.

    `dataset_ids` are those that its document may be in.
    """

    seen: Seen
    record: Record | None
    content: Version | None
    dataset_ids: frozenset[str]
    recipe: str


def can_leave(record: Record) -> bool:
    """Whether a row has documents that may be taken elsewhere: nobody works on them now.

    Documents whose deletion was begun may not be there any more.
    """
    return bool(record.documents) and record.state is not State.SENDING and not record.doomed


def can_receive(record: Record | None) -> bool:
    """Whether a row's documents may be replaced by others: nobody works on it, none is unknown."""
    return record is None or (record.state is not State.SENDING and record.intent is None)


def is_replaced(seen: Seen, record: Record) -> bool:
    """Whether another file is at a row's place: the one before may have been moved away."""
    stamp = record.stamp
    return stamp is not None and (stamp.device, stamp.inode) != (
        seen.stamp.device,
        seen.stamp.inode,
    )


def to_hash(left: Collection[Left], arrived: Iterable[Arrived]) -> set[Key]:
    """Files whose content decides: those that may have come from elsewhere by what a stat tells.

    A row whose place has another file now is asked for only on strong grounds, an equal inode,
    size and time; then that other file is asked for as well, because it may be a copy.
    """
    strong = _by_fingerprint(left)
    sizes = {_size(one) for one in left if one.gone and one.content is not None}
    keys: set[Key] = set()
    for one in arrived:
        same = strong.get(_fingerprint(one.seen.stamp), [])
        if same or (one.seen.stamp.size, _kind(one.seen.key)) in sizes:
            keys.add(one.seen.key)
        keys.update(other.record.key for other in same if not other.gone)
    return keys


def match(
    left: Collection[Left], arrived: Collection[Arrived], sha256: Mapping[Key, str]
) -> list[Move]:
    """Which arrived file came from which row, each at most once.

    Among equal contents any is right; the same file name is preferred. `sha256` holds what could
    be read of the files that `to_hash` named.
    """
    taken: dict[Key, Left] = {}
    used: set[Key] = set()
    for candidates in (_by_inode(left), _by_content(left)):
        for one in arrived:
            if one.seen.key in taken or not _is_foreign(one, sha256):
                continue
            found = _best(candidates(one), one, sha256, used)
            if found is not None:
                taken[one.seen.key] = found
                used.add(found.record.key)
    moves = [
        Move(taken[one.seen.key].record.key, one.seen) for one in arrived if one.seen.key in taken
    ]
    rest = [one for one in arrived if one.seen.key not in taken and one.content is None]
    return moves + list(_edited([one for one in left if one.record.key not in used], rest))


class _by_inode:  # noqa: N801 - reads as the two ways to look for candidates
    """Candidates whose inode, size and modification time are the file's."""

    def __init__(self, left: Iterable[Left]) -> None:
        self._left = _by_fingerprint(left)

    def __call__(self, one: Arrived) -> Iterable[Left]:
        return self._left.get(_fingerprint(one.seen.stamp), [])


class _by_content:  # noqa: N801
    """Candidates of the file's size: it may have been copied over a file system's border, say."""

    def __init__(self, left: Iterable[Left]) -> None:
        self._left: dict[tuple[int, str] | None, list[Left]] = defaultdict(list)
        for one in left:
            self._left[_size(one)].append(one)

    def __call__(self, one: Arrived) -> Iterable[Left]:
        return self._left.get((one.seen.stamp.size, _kind(one.seen.key)), [])


def _is_foreign(one: Arrived, sha256: Mapping[Key, str]) -> bool:
    """Whether the file's content is known, and is not what its own row has already."""
    known = sha256.get(one.seen.key)
    return known is not None and one.content != Version(known, one.recipe)


def _best(
    candidates: Iterable[Left], one: Arrived, sha256: Mapping[Key, str], used: Collection[Key]
) -> Left | None:
    wanted = Version(sha256[one.seen.key], one.recipe)
    best: Left | None = None
    for other in candidates:
        key = other.record.key
        if key in used or other.content != wanted or other.dataset_id not in one.dataset_ids:
            continue
        if _kind(key) != _kind(one.seen.key):
            continue
        if not other.gone and sha256.get(key, wanted.sha256) == wanted.sha256:
            continue  # a copy: the content is still at its place, too
        if _name(key) == _name(one.seen.key):
            return other
        best = best or other
    return best


def _edited(left: Iterable[Left], arrived: Iterable[Arrived]) -> Iterator[Move]:
    """Files moved and edited at once: only the inode tells, so their names must be akin, too.

    File systems give a deleted file's inode to the next new one.
    """
    by_inode: dict[tuple[str, int, int], Left] = {}
    for other in left:
        stamp = other.record.stamp
        if other.gone and stamp is not None and other.record.shelved is None:
            by_inode[other.record.key.folder, stamp.device, stamp.inode] = other
    for one in arrived:
        stamp, key = one.seen.stamp, one.seen.key
        found = by_inode.get((key.folder, stamp.device, stamp.inode))
        if found is None or found.dataset_id not in one.dataset_ids:
            continue
        if _is_akin(found.record.key, key):
            del by_inode[key.folder, stamp.device, stamp.inode]
            yield Move(found.record.key, one.seen, edited=True)


def _is_akin(old: Key, new: Key) -> bool:
    """The same name in another directory, or in the same one a name that goes on where it ended."""
    if _name(old) == _name(new):
        return True
    same_directory = old.path.rpartition("/")[0] == new.path.rpartition("/")[0]
    stems = sorted((_stem(old), _stem(new)), key=len)
    return same_directory and _kind(old) == _kind(new) and stems[1].startswith(stems[0])


def _by_fingerprint(left: Iterable[Left]) -> dict[_Fingerprint, list[Left]]:
    found: dict[_Fingerprint, list[Left]] = defaultdict(list)
    for one in left:
        if one.record.stamp is not None and one.content is not None:
            found[_fingerprint(one.record.stamp)].append(one)
    return found


def _fingerprint(stamp: Stamp) -> _Fingerprint:
    return stamp.device, stamp.inode, stamp.size, stamp.mtime_ns


def _size(one: Left) -> tuple[int, str] | None:
    return one.record.stamp and (one.record.stamp.size, _kind(one.record.key))


def _name(key: Key) -> str:
    return key.path.rpartition("/")[2]


def _stem(key: Key) -> str:
    return _name(key).rpartition(".")[0].casefold()


def _kind(key: Key) -> str:
    """The extension: it tells the server how to read a file, so with another it is another one."""
    stem, _, extension = _name(key).rpartition(".")
    return extension.lower() if stem else ""


def came_from(move: Move) -> str:
    """The old place as people read it: with its folder where that is another one."""
    folder, path = move.old
    return path if folder == move.seen.key.folder else f"{folder}/{path}"
