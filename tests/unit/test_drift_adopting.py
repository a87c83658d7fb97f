"""Whose documents are whose, and how those of one file are arranged."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbsync import naming
from kbsync.drift import Inventory, inventory
from kbsync.model import Failed, Indexing, Key, Listed, Ready, Version

ME = "test"
A, MOVED, GONE = Key("docs", "a.md"), Key("docs", "moved.md"), Key("docs", "gone.md")
OLD, NEW = Version("old", "r"), Version("new", "r")


def document(
    key: Key = A,
    version: Version = OLD,
    *,
    name: str | None = None,
    by: str = ME,
    told: str | None = "",
    source: str | None = None,
    **other: object,
) -> Listed:
    """A document as it was sent by `by`; `told` is the path in its metadata, None for none."""
    metadata: dict[str, str | float | None] = {}
    if told is not None:
        metadata = {
            "kbsync_path": told or key.path,
            "kbsync_source": source or naming.source(by, key.folder),
        }
    listed = Listed(
        document_id=f"{by} {key.path} {version.sha256}",
        name=naming.remote_name(key, version, by) if name is None else name,
        progress=Ready(),
        enabled=True,
        archived=False,
        size=10,
        created_at=100.0,
        metadata=metadata,
        words=100,
    )
    return replace(listed, **other)  # type: ignore[arg-type]  # fields of Listed


def take(*listed: Listed, on_disk: tuple[Key, ...] = (A,)) -> Inventory:
    return inventory(
        listed, instance=ME, folder="docs", folders=["docs"], on_disk=on_disk, in_ledger=()
    )


ATTRIBUTION: list[tuple[str, Listed, str]] = [
    ("a name and metadata of ours", document(), "ours: a.md"),
    ("a name of ours, no metadata yet", document(told=None), "ours: a.md"),
    ("a file that is gone, by its metadata", document(GONE), "ours: gone.md"),
    ("a file that is gone, no metadata", document(GONE, told=None), "unknown"),
    ("a renamed file's, which kept its name", document(GONE, told="moved.md"), "ours: moved.md"),
    ("another instance's", document(by="other"), "others"),
    ("another instance's, no metadata yet", document(by="other", told=None), "unknown"),
    ("a folder that is not ours", document(Key("other", "a.md")), "others"),
    ("ours by name, another's by metadata", document(source="x/docs"), "others"),
    (
        "metadata without a path",
        document(told=None, metadata={"kbsync_source": "test/docs"}),
        "ours: a.md",
    ),
    (
        "metadata that are cleared",
        document(told=None, metadata={"kbsync_source": ""}),
        "ours: a.md",
    ),
    ("a plain name", document(name="a.md"), "unmanaged"),
    ("a name somewhat like ours", document(name="a [0123-4567].md", told=None), "unmanaged"),
]


@pytest.mark.parametrize(
    ("listed", "whose"), [row[1:] for row in ATTRIBUTION], ids=[row[0] for row in ATTRIBUTION]
)
def test_whose_it_is(listed: Listed, whose: str) -> None:
    """A document is ours by the digest in its name or by its metadata, and else is left alone."""
    found = take(listed, on_disk=(A, MOVED))
    told = [f"ours: {one.key.path}" for one in found.adoptable]
    told += ["others"] * sum(found.others.values())
    told += ["unknown"] * found.unknown + ["unmanaged"] * found.unmanaged
    assert told == [whose]


FIRST, SECOND = document(created_at=1.0), document(A, NEW, created_at=2.0)
TWIN = replace(FIRST, document_id="twin", created_at=0.5)
ARRANGED: list[tuple[str, list[Listed], str]] = [
    ("one that answers", [FIRST], "live old"),
    ("one being indexed", [replace(FIRST, progress=Indexing("waiting"))], "coming old"),
    ("one that failed is looked into", [replace(FIRST, progress=Failed("no"))], "coming old"),
    ("one without text is looked into", [replace(FIRST, words=0)], "coming old"),
    ("one that was disabled still is the one", [replace(FIRST, enabled=False)], "live old"),
    ("of two versions the newer is live", [FIRST, SECOND], "live new, coming old"),
    (
        "... unless it is not indexed yet",
        [FIRST, replace(SECOND, progress=Indexing("parsing"))],
        "live old, coming new",
    ),
    ("... or failed", [FIRST, replace(SECOND, progress=Failed("no"))], "live old, coming new"),
    ("... or was disabled", [FIRST, replace(SECOND, enabled=False)], "live old, twin new"),
    ("of twins one stays", [TWIN, FIRST], "live old, twin twin"),
    (
        "a third version goes",
        [
            FIRST,
            SECOND,
            replace(document(A, Version("x", "r")), document_id="third", created_at=0.1),
        ],
        "live new, coming old, twin third",
    ),
]


@pytest.mark.parametrize(
    ("listed", "expected"), [row[1:] for row in ARRANGED], ids=[row[0] for row in ARRANGED]
)
def test_one_files_documents(listed: list[Listed], expected: str) -> None:
    """What answers stays live, what may have the file's content is kept, the rest goes."""
    for order in (listed, listed[::-1]):
        (one,) = take(*order).adoptable
        told = [("live", one.live), ("coming", one.coming), *(("twin", twin) for twin in one.twins)]
        said = [f"{what} {it.document_id.split()[-1]}" for what, it in told if it is not None]
        assert ", ".join(said) == expected


def test_a_renamed_host() -> None:
    """Another instance with most of our files under our folder's name may be ourselves."""
    keys = tuple(Key("docs", f"{number}.md") for number in range(10))
    theirs = [document(key, by="old-host") for key in keys]
    found = take(*theirs, on_disk=keys[:5])
    assert found.namesake is not None
    assert (found.namesake.instance, found.namesake.documents) == ("old-host", 10)
    assert take(*theirs, on_disk=keys[:4]).namesake is None
    assert take(*theirs, document(), on_disk=keys).namesake is None
    elsewhere = [document(Key("other", key.path), by="old-host") for key in keys]
    assert take(*elsewhere, on_disk=keys).namesake is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([A, GONE, MOVED, Key("other", "a.md")]),
            st.sampled_from([OLD, NEW]),
            st.sampled_from([ME, "other"]),
            st.sampled_from([None, "a.md", "moved.md"]),
            st.sampled_from([None, "plain.md", "like [00ff-00ff].md"]),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_nothing_is_lost_and_nothing_of_others_is_taken(
    rows: list[tuple[Key, Version, str, str | None, str | None, bool]],
) -> None:
    """Each document is counted once, and only those with our mark, digest or source are taken."""
    listed = [
        document(
            key, version, by=by, told=told, name=name, document_id=str(number), enabled=enabled
        )
        for number, (key, version, by, told, name, enabled) in enumerate(rows)
    ]
    found = take(*listed, on_disk=(A, MOVED))
    taken = [
        it.document_id
        for one in found.adoptable
        for it in (one.live, one.coming, *one.twins)
        if it is not None
    ]
    assert len(taken) == len(set(taken))
    others = sum(found.others.values()) + found.unknown + found.unmanaged
    elsewhere = sum(
        1 for key, _, by, told, name, _ in rows if by == ME and key.folder == "other" and not name
    )
    assert len(taken) + others == len(listed)
    assert elsewhere <= others
    for document_id in taken:
        _, _, by, _, name, _ = rows[int(document_id)]
        assert (by, name) == (ME, None)
