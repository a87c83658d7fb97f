"""The comparison with the record sees what it is there to see."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from .compare import differences
from .record import Answer

SHAPES = {"page": {"data": "list", "data[]": "map", "data[].id": "text", "data[].size": "int|null"}}
PAGE = Answer(200, "page", rows=1, values={"data[0].id": "a"})


def lines(answer: Answer, got: httpx.Response, *, exact: bool = True) -> list[str]:
    return list(differences(answer, got, {}, SHAPES, exact=exact))


def page(*rows: Any, **more: Any) -> httpx.Response:
    return httpx.Response(200, json={"data": list(rows), **more})


def test_an_equal_answer_has_no_difference() -> None:
    """Same status, keys, kinds, number of rows and values: nothing to say."""
    assert lines(PAGE, page({"id": "a", "size": 1})) == []
    assert lines(PAGE, page({"id": "a", "size": None})) == []


@pytest.mark.parametrize(
    ("got", "line"),
    [
        (httpx.Response(404, text="no"), "status: expected 200, got 404 no"),
        (httpx.Response(200, text="<p>"), "body: expected page, got '<p>'"),
        (httpx.Response(200, json=204), "body: expected page, got '204'"),
        (page({"id": "a"}), "key data[].size: missing"),
        (page({"id": "a", "size": "1"}), "key data[].size: expected int|null, got text"),
        (page({"id": "a", "size": 1, "new": 1}), "key data[].new: not in the record"),
        (page({"id": "b", "size": 1}), 'data[0].id: expected "a", got "b"'),
        (page({"id": "a", "size": 1}, {"id": "b", "size": 1}), "rows: expected 1, got 2"),
    ],
)
def test_a_difference_is_one_line(got: httpx.Response, line: str) -> None:
    """Each kind of difference is told with what was expected."""
    assert lines(PAGE, got) == [line]


def test_more_keys_than_recorded_are_fine_on_a_live_server() -> None:
    """A newer server may say more."""
    assert lines(PAGE, page({"id": "a", "size": 1, "new": 1}, more=1), exact=False) == []


@pytest.mark.parametrize(
    ("recorded", "got", "agrees"),
    [
        ({"not": "a"}, "b", True),
        ({"not": "a"}, "a", False),
        ({"one of": ["a", "b"]}, "b", True),
        ({"one of": ["a", "b"]}, "c", False),
    ],
)
def test_a_value_may_be_given_by_what_it_is_not(recorded: Any, got: str, agrees: bool) -> None:
    """``not`` and ``one of`` stand for values that differ from run to run."""
    answer = Answer(200, "page", values={"data[0].id": recorded})
    assert (lines(answer, page({"id": got, "size": 1})) == []) is agrees


def test_a_row_of_a_list_is_found_by_a_key() -> None:
    """``[id=b]`` is the row with that id; none is a difference."""
    body = page({"id": "a", "size": 1}, {"id": "b", "size": 2})
    assert lines(Answer(200, "page", values={"data[id=b].size": 2}), body) == []
    assert lines(Answer(200, "page", values={"data[id=b].size": 1}), body) != []
    assert lines(Answer(200, "page", values={"data[id=c].size": 1}), body) != []


def test_a_header_that_matters_is_compared() -> None:
    """A header of the record must be there with its value."""
    answer = Answer(200, "page", sends={"X-Kind": "a"})
    assert lines(answer, page()) == ["header X-Kind: expected 'a', got None"]


def test_the_message_of_an_error_is_compared_from_its_beginning() -> None:
    """The tail varies; an empty message is empty."""
    got = httpx.Response(400, json={"code": "x", "message": "No such thing. You have asked..."})
    shapes = {"error": {"code": "text", "message": "text"}}
    for message, count in (("No such thing.", 0), ("Such thing", 1), ("", 1)):
        answer = Answer(400, "error", code="x", message=message)
        assert len(list(differences(answer, got, {}, shapes, exact=True))) == count
