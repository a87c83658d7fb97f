"""Reading a server's lists, which have pages and move while they are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from kbsync.backend.rows import listed_of
from kbsync.errors import Unavailable
from kbsync.model import Listed
from kbsync.transport import Answer, Call, Transport
from kbsync.transport.fields import number, rows, table, text

#: The most rows a page has, whatever is asked for (seen live on 1.10.1 and 1.16.1).
PAGE = 100

_READS = 4
# Wildcards of LIKE, and its escape character: what they mean differs between versions.
_SPECIAL = re.compile(r"[%_\\]+")


def keyword_for(name: str) -> str | None:
    """What to send as `keyword` so that the answer contains this name, among others."""
    plain = max(_SPECIAL.split(name), key=len)
    return plain if plain.strip() == plain and plain else None


def pages(fetch: Callable[[int], Answer]) -> Iterator[Answer]:
    """Pages until a short one: `has_more` is not to be trusted for the last full page."""
    seen: set[str] = set()
    number_of_page = 1
    while True:
        answer = fetch(number_of_page)
        yield answer
        ids = {text(row, "id") for row in rows(answer)}
        # A server that knows no pages would answer the same for ever.
        if len(ids) < PAGE or ids <= seen:
            return
        seen |= ids
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
) -> dict[str, Listed]:
    """Every document that was there when the reading began, and is still, by id.

    Raises Unavailable when the list kept shifting while it was read.
    """
    for _ in range(_READS):
        totals: list[int] = []
        read: dict[str, Listed] = {}
        for page in pages(lambda page: fetch_documents(transport, dataset_id, page, keyword)):
            total = number(table(page), "total")
            totals += [] if total is None else [total]
            read.update((text(row, "id"), listed_of(row)) for row in rows(page))
        if _is_whole(totals, len(read)):
            return read
    raise Unavailable(f"the document list of dataset {dataset_id} kept changing while it was read")


def _is_whole(totals: list[int], read: int) -> bool:
    """Whether nothing was missed: new rows come on top, so only a deletion hides a row."""
    return totals == sorted(totals) and read >= (totals[0] if totals else 0)


def another_page_pays(answer: Answer, page: int, wanted: int) -> bool:
    """Whether to look for `wanted` more documents on the next page rather than one by one."""
    if len(rows(answer)) < PAGE or wanted <= 1:
        return False
    total = number(table(answer), "total")
    return total is None or -(-total // PAGE) - page < wanted
