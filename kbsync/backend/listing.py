"""Reading a dataset's document list, which has pages and moves while it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kbsync.backend.rows import Row, number, rows, table, text
from kbsync.errors import Unavailable
from kbsync.transport import Answer, Transport
from kbsync.transport.client import Call

#: The most rows a page has, whatever is asked for (seen live on 1.10.1 and 1.16.1).
PAGE = 100

_READS = 3


def pages(fetch: Callable[[int], Answer]) -> Iterator[list[Row]]:
    """Pages until a short one: `has_more` is not to be trusted for the last full page."""
    number_of_page = 1
    while True:
        page = rows(fetch(number_of_page))
        yield page
        if len(page) < PAGE:
            return
        number_of_page += 1


def fetch_documents(
    transport: Transport, dataset_id: str, page: int, keyword: str | None = None
) -> Answer:
    """One page of documents, newest first."""
    params: dict[str, str | int] = {"page": page, "limit": PAGE}
    if keyword is not None:
        params["keyword"] = keyword
    path = f"/datasets/{dataset_id}/documents"
    return transport.call(Call("list", "GET", path, params=params, repeatable=True))


def all_documents(
    transport: Transport, dataset_id: str, keyword: str | None = None
) -> dict[str, Row]:
    """Every document by id; raises Unavailable when the list kept shifting while it was read."""
    seen: dict[str, Row] = {}
    for _ in range(_READS):
        totals: set[int | None] = set()
        read: dict[str, Row] = {}

        def fetch(page: int) -> Answer:
            answer = fetch_documents(transport, dataset_id, page, keyword)
            totals.add(number(table(answer), "total"))  # noqa: B023 - used before the next round
            return answer

        for page in pages(fetch):
            read.update((text(row, "id"), row) for row in page)
        seen = seen | read
        if len(totals) == 1 and totals <= {len(read), None}:
            return read
    if len(seen) >= max((total for total in totals if total is not None), default=0):
        return seen
    raise Unavailable(f"the document list of dataset {dataset_id} kept changing while it was read")
