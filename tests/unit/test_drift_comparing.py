"""What the comparison of a dataset with the ledger finds, and what it never touches."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbsync.drift import Beside, Comparison, Measure, compare
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
    measures: Mapping[str, Measure] | None = None,
) -> Comparison:
    records = [] if row is None else [row]
    known = {
        remote.document_id
        for record in records
        for remote in (record.live, record.coming)
        if remote
    } | set(going)
    beside = Beside(records, frozenset(busy), known, measures or {})
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


MEASURE = Measure(120, 100)


@pytest.mark.parametrize(
    ("words", "size", "told"),
    [
        (120, 100, None),
        (None, None, None),
        (127, 100, "120 characters of its text are 127 now"),
        (127, 101, "100 bytes of its upload are 101 now"),
    ],
)
def test_an_edit_in_dify(words: int | None, size: int | None, told: str | None) -> None:
    """More or less than there was before is an edit; what is not told, or not known, is none."""
    one = replace(LIVE, words=words, size=size)
    assert found([one]).findings == ()
    edits = found([one], measures={"live": MEASURE}).findings
    assert [edit.text for edit in edits] == (
        [] if told is None else [f"its document was edited in Dify: {told}"]
    )


def test_what_is_learned() -> None:
    """How much is in a document is learned once, of one that is as agreed and not busy."""
    one = replace(LIVE, words=120, size=100)
    assert found([one]).measures == {"live": MEASURE}
    assert found([one], measures={"live": MEASURE}).measures == {}
    assert found([replace(one, enabled=False)]).measures == {}
    assert found([one], busy=[A]).measures == {}
    assert found([one], FAILED).measures == {}


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
