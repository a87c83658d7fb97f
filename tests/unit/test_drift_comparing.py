"""What the comparison of a dataset with the ledger finds, and what it never touches."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbsync.drift import Beside, Comparison, compare
from kbsync.model import Failed, Indexing, Key, Listed, Record, Remote, State, Want

from .test_drift_adopting import GONE, ME, NEW, OLD, A, document

LIVE = replace(document(), document_id="live")
ROW = Record(A, Want.PRESENT, State.COMPLETED, 1, version=OLD, live=Remote("ds", "live", LIVE.name))


def found(
    listed: Collection[Listed],
    row: Record | None = ROW,
    *,
    busy: Collection[Key] = (),
    going: Collection[str] = (),
) -> Comparison:
    records = [] if row is None else [row]
    known = {
        remote.document_id
        for record in records
        for remote in (record.live, record.coming)
        if remote
    } | set(going)
    beside = Beside(records, frozenset(busy), known)
    return compare(listed, beside, instance=ME, folders=["docs"])


TWIN = replace(document(A, NEW), document_id="twin")
FAILED = replace(ROW, state=State.FAILED)
TABLE: list[tuple[str, list[Listed], Record | None, list[str]]] = [
    ("as agreed", [LIVE], ROW, []),
    ("deleted", [], ROW, ["missing live"]),
    ("deleted, and the file failed since", [], FAILED, ["missing live"]),
    ("renamed", [replace(LIVE, name="mine.md")], ROW, ["renamed live"]),
    ("disabled", [replace(LIVE, enabled=False)], ROW, ["disabled live"]),
    ("archived and disabled", [replace(LIVE, archived=True, enabled=False)], ROW,
     ["archived live", "disabled live"]),
    ("in error", [replace(LIVE, progress=Failed("no"))], ROW, ["error live"]),
    ("in error, as the row says", [replace(LIVE, progress=Failed("no"))], FAILED, []),
    ("indexed again by a person", [replace(LIVE, progress=Indexing("parsing"))], ROW, []),
    ("its text removed, in a list", [replace(LIVE, words=0)], ROW, ["empty live"]),
    ("... and looked at", [replace(LIVE, words=None, segments=0)], ROW, ["empty live"]),
    ("a second one", [LIVE, TWIN], ROW, ["doubled twin"]),
    ("another one instead", [TWIN], ROW, ["missing live"]),
    ("one of a row without any", [TWIN], replace(ROW, live=None), ["orphan twin"]),
    ("one without a row", [replace(document(GONE), document_id="gone")], None, ["orphan gone"]),
    ("out of service on purpose", [replace(LIVE, enabled=False)],
     replace(ROW, want=Want.ABSENT, shelved="disabled"), []),
    ("being worked on", [], replace(ROW, state=State.PENDING), []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("listed", "row", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_what_is_found(listed: list[Listed], row: Record | None, expected: list[str]) -> None:
    """Each difference is one finding about one document."""
    told = [f"{one.kind.value} {one.document_id}" for one in found(listed, row).findings]
    assert told == expected


@pytest.mark.parametrize("listed", [[], [TWIN], [LIVE, TWIN], [replace(LIVE, enabled=False)]])
def test_what_is_busy_is_not_judged(listed: list[Listed]) -> None:
    """A file that is worked on, or was while the list was read, has no finding."""
    assert found(listed, busy=[A]).findings == ()


def test_what_is_on_its_way_out() -> None:
    """A replaced document that still waits for its deletion is no second one."""
    assert found([LIVE, TWIN], going=["twin"]).findings == ()


@given(
    st.lists(
        st.tuples(
            st.sampled_from([A, GONE, Key("other", "a.md")]),
            st.sampled_from([ME, "other"]),
            st.sampled_from([None, "plain.md", "like [00ff-00ff].md"]),
            st.booleans(),
            st.booleans(),
        ),
        max_size=10,
    )
)
def test_others_are_never_found(rows: list[tuple[Key, str, str | None, bool, bool]]) -> None:
    """Whatever became of a document that is not ours, it is in no finding, and is counted."""
    listed = [
        document(key, by=by, name=name, enabled=enabled, archived=archived, document_id=str(number))
        for number, (key, by, name, enabled, archived) in enumerate(rows)
    ]
    compared = found([LIVE, *listed])
    theirs = {
        str(number)
        for number, (key, by, name, _, _) in enumerate(rows)
        if by != ME or name is not None or key.folder == "other"
    }
    assert not theirs & {one.document_id for one in compared.findings}
    counted = sum(compared.others.values()) + compared.unknown + compared.unmanaged
    assert counted == len(theirs)
