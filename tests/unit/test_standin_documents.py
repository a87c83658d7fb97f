"""Documents of the stand-in over a socket: the parts of a real server that matter to a sync."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from kbsync.standin import BEHAVIOURS, StandIn
from tests.standins import Clock, client_of, upload

KEYWORD = {
    "search_method": "keyword_search",
    "reranking_enable": False,
    "top_k": 5,
    "score_threshold_enabled": False,
}


@dataclass
class Desk:
    """A client of one stand-in with one dataset."""

    standin: StandIn
    http: httpx.Client
    clock: Clock
    dataset: str = field(init=False)

    def __post_init__(self) -> None:
        self.dataset = self.standin.create_dataset("Handbook")

    @property
    def new(self) -> bool:
        return self.standin.world.behaviour.version == "1.16.1"

    def call(self, method: str, path: str, **settings: Any) -> httpx.Response:
        return self.http.request(method, f"/datasets/{self.dataset}{path}", **settings)

    def create(self, name: str, body: bytes = b"text", **data: object) -> httpx.Response:
        return upload(self.http, self.dataset, name, body, **data)

    def made(self, name: str, body: bytes = b"text") -> str:
        """The id of a new document that is indexed."""
        identity: str = self.create(name, body).json()["document"]["id"]
        self.standin.advance()
        return identity

    def rows(self, **query: object) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.listed(**query)["data"]
        return rows

    def listed(self, **query: Any) -> dict[str, Any]:
        page: dict[str, Any] = self.call("GET", "/documents", params=query).json()
        return page

    def status(self, action: str, *documents: str) -> httpx.Response:
        body = {"document_ids": list(documents)}
        return self.call("PATCH", f"/documents/status/{action}", json=body)

    def set_metadata(self, document: str, *values: dict[str, object], **more: object) -> int:
        operation = {"document_id": document, "metadata_list": list(values), **more}
        body = {"operation_data": [operation]}
        return self.call("POST", "/documents/metadata", json=body).status_code

    def found(self, query: str) -> list[str]:
        answer = self.call("POST", "/retrieve", json={"query": query, "retrieval_model": KEYWORD})
        return [record["segment"]["document"]["name"] for record in answer.json()["records"]]


@pytest.fixture(params=sorted(BEHAVIOURS))
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    clock = Clock()
    standin = StandIn(behave=request.param, clock=clock, size_limit=1000)
    with client_of(standin) as http:
        yield Desk(standin, http, clock)


def test_create_answers_waiting_and_the_next_read_sees_it_completed(desk: Desk) -> None:
    """Without a pace a document is queued in its own answer and completed for every read."""
    answer = desk.create("a.md", b"# Pumps\n\nTurbines and rotors.\n").json()
    assert answer["document"]["indexing_status"] == "waiting"
    assert answer["document"]["display_status"] == "queuing"

    [row] = desk.rows()
    detail = desk.call("GET", f"/documents/{row['id']}").json()
    progress = desk.call("GET", f"/documents/{answer['batch']}/indexing-status").json()["data"][0]
    assert row["display_status"] == detail["display_status"] == "available"
    assert (progress["completed_segments"], progress["total_segments"]) == (1, 1)
    assert detail["segment_count"] == 1
    assert row["word_count"] == len("Pumps\nTurbines and rotors.")


def test_the_bytes_and_the_text_are_kept(desk: Desk) -> None:
    """Tests can compare what was uploaded, and what was read from it, with the file."""
    body = "# Überschrift\n\nText ü.\n".encode()
    desk.made("ü › a.md", body)
    [stored] = desk.standin.documents(desk.dataset)
    assert (stored.name, stored.body, stored.text) == ("ü › a.md", body, body.decode())


def test_an_enabled_namesake_is_overwritten_in_place(desk: Desk) -> None:
    """The same name again keeps id, metadata and archived flag; the older batch is gone."""
    field_id = desk.call("POST", "/metadata", json={"type": "string", "name": "path"}).json()["id"]
    first = desk.create("a.md", b"old")
    identity = first.json()["document"]["id"]
    desk.standin.advance()
    desk.set_metadata(identity, {"id": field_id, "name": "path", "value": "docs/a.md"})
    desk.status("archive", identity)

    second = desk.create("a.md", b"new")
    assert second.json()["document"]["id"] == identity
    [stored] = desk.standin.documents(desk.dataset)
    assert (stored.text, stored.archived, stored.metadata) == ("new", True, {"path": "docs/a.md"})
    old_batch = desk.call("GET", f"/documents/{first.json()['batch']}/indexing-status")
    assert old_batch.json()["message"] == "Documents not found."


def test_names_are_compared_exactly_and_duplicates_can_be_asked_for(desk: Desk) -> None:
    """Another case, ``duplicate: false`` and a disabled namesake each make a second document."""
    first = desk.made("a.md")
    assert desk.made("A.md") != first
    assert desk.create("a.md", duplicate=False).json()["document"]["id"] != first
    other = desk.made("b.md")
    desk.status("disable", other)
    assert desk.made("b.md") != other
    assert len(desk.standin.documents(desk.dataset)) == 5


def test_a_bad_extension_is_told_by_update_but_not_by_create(desk: Desk) -> None:
    """Creating under an unknown extension is a 400 without a message, updating a 415."""
    refusal = desk.create("a.exe")
    assert (refusal.status_code, refusal.json()["message"]) == (400, "")
    document = desk.made("a.md")
    update = desk.call(
        "POST", f"/documents/{document}/update-by-file", files={"file": ("a.exe", b"x")}
    )
    assert (update.status_code, update.json()["code"]) == (415, "unsupported_file_type")


def test_a_file_over_the_limit_is_refused_as_the_version_does_it(desk: Desk) -> None:
    """1.16.1 says file_too_large when creating; 1.10.1 cannot be told from a bad extension."""
    assert desk.create("a.md", b"x" * 1000).status_code == 200
    refusal = desk.create("b.md", b"x" * 1001)
    code = (413, "file_too_large") if desk.new else (400, "invalid_param")
    assert (refusal.status_code, refusal.json()["code"]) == code


@pytest.mark.parametrize("character", ":*?<>|")
def test_some_characters_are_refused_by_old_servers_only(desk: Desk, character: str) -> None:
    """Slashes are refused by all, these only before 1.13."""
    assert desk.create(f"a{character}b.md").status_code == (200 if desk.new else 400)
    assert desk.create("a\\b.md").json()["message"] == "Filename contains invalid characters"


def test_a_long_name_is_cut_at_its_first_dot(desk: Desk) -> None:
    """Two names over 200 characters can become the same and overwrite each other."""
    desk.create(f"v1.2.{'n' * 250}.md", b"one")
    desk.create(f"v1.3.{'m' * 250}.md", b"two")
    assert [(d.name, d.text) for d in desk.standin.documents(desk.dataset)] == [("v1.md", "two")]


def test_only_an_available_document_can_be_updated(desk: Desk) -> None:
    """An update is refused until the one before it is indexed; the id and the batch stay."""
    document = desk.made("a.md")
    path = f"/documents/{document}/update-by-file"
    first = desk.call("POST", path, files={"file": ("b.md", b"two")}).json()
    assert (first["document"]["id"], first["document"]["created_from"]) == (document, "web")
    second = desk.call("POST", path, files={"file": ("b.md", b"three")})
    assert second.json()["message"] == "Document is not available"
    [stored] = desk.standin.documents(desk.dataset)
    assert (stored.name, stored.text, stored.batch) == ("b.md", "two", first["batch"])


def test_patch_updates_a_document_on_new_servers_only(desk: Desk) -> None:
    """PATCH on a document is 405 before 1.14."""
    document = desk.made("a.md")
    answer = desk.call("PATCH", f"/documents/{document}", files={"file": ("a.md", b"two")})
    assert answer.status_code == (200 if desk.new else 405)


def test_deleting_answers_as_the_version_does(desk: Desk) -> None:
    """204 without a body, or 200 with 204 in it; the second time it is a 404."""
    document = desk.made("a.md")
    gone = desk.call("DELETE", f"/documents/{document}")
    assert (gone.status_code, gone.content) == ((204, b"") if desk.new else (200, b"204\n"))
    again = desk.call("DELETE", f"/documents/{document}")
    assert (again.status_code, again.json()["message"]) == (404, "Document Not Exists.")


def test_an_archived_document_cannot_be_deleted(desk: Desk) -> None:
    """Archived means immutable until it is un-archived."""
    document = desk.made("a.md")
    desk.status("archive", document)
    assert desk.call("DELETE", f"/documents/{document}").status_code == 403
    desk.standin.advance()
    assert desk.status("un_archive", document).status_code == 200
    assert desk.call("DELETE", f"/documents/{document}").is_success


def test_a_status_change_leaves_a_mark_until_a_worker_takes_it_off(desk: Desk) -> None:
    """Enabling at once after disabling is refused; after a look it works."""
    document = desk.made("a.md")
    desk.status("disable", document)
    refusal = desk.status("enable", document)
    assert "is being indexed, please try again later" in refusal.json()["message"]
    desk.rows()
    assert desk.status("enable", document).status_code == 200


def test_an_unfinished_document_cannot_be_disabled(desk: Desk) -> None:
    """The refusal changes none of the documents."""
    done = desk.made("a.md")
    waiting = desk.create("b.md").json()["document"]["id"]
    assert desk.status("disable", done, waiting).json()["message"].endswith("is not completed.")
    assert all(document.enabled for document in desk.standin.documents(desk.dataset))


def test_pages_hold_at_most_100_rows_and_has_more_compares_with_the_request(desk: Desk) -> None:
    """limit=200 gives 100 rows and has_more false; an exact multiple says more and gives none."""
    for number in range(104):
        desk.create(f"{number}.md")
    page = desk.listed(limit=200)
    assert (len(page["data"]), page["has_more"], page["limit"]) == (100, False, 200)
    assert desk.listed(limit=26, page=4)["has_more"] is True
    assert desk.listed(limit=26, page=5)["data"] == []
    assert len(desk.rows(limit=0)) == (1 if desk.new else 20)
    positions = [row["position"] for row in desk.rows(limit=100)]
    assert positions == sorted(positions, reverse=True)


def test_a_limit_that_is_no_number_is_an_error_on_new_servers(desk: Desk) -> None:
    """Old servers take the default."""
    answer = desk.call("GET", "/documents", params={"limit": "abc"})
    assert answer.status_code == (400 if desk.new else 200)


def test_keyword_is_a_case_sensitive_pattern(desk: Desk) -> None:
    """% and _ are wildcards."""
    for name in ("Alpha.md", "beta.md"):
        desk.create(name)
    assert desk.rows(keyword="alpha") == []
    assert [row["name"] for row in desk.rows(keyword="A_pha")] == ["Alpha.md"]
    assert len(desk.rows(keyword="%")) == 2


def test_status_filters(desk: Desk) -> None:
    """An unknown filter is none at all."""
    desk.made("a.md")
    desk.made("b.pdf", b"no pdf")
    assert [row["name"] for row in desk.rows(status="error")] == ["b.pdf"]
    assert [row["name"] for row in desk.rows(status="available")] == ["a.md"]
    assert len(desk.rows(status="completed")) == 2


def test_metadata_values_are_replaced_unless_the_update_is_partial(desk: Desk) -> None:
    """``partial_update`` keeps the other values; values are typed text in old lists only."""
    ids = {}
    for name, kind in (("path", "string"), ("size", "number")):
        made = desk.call("POST", "/metadata", json={"type": kind, "name": name})
        assert made.status_code == 201
        ids[name] = made.json()["id"]
    document = desk.made("a.md")
    [row] = desk.rows()
    assert row["doc_metadata"] == ([] if desk.new else None)

    path = {"id": ids["path"], "name": "path", "value": "a.md"}
    size = {"id": ids["size"], "name": "size", "value": 124}
    desk.set_metadata(document, path)
    desk.set_metadata(document, size)
    assert desk.standin.documents(desk.dataset)[0].metadata == {"size": 124}
    desk.set_metadata(document, path, partial_update=True)
    [row] = desk.rows()
    shown = {entry["name"]: entry["value"] for entry in row["doc_metadata"]}
    assert (shown["path"], shown["size"]) == ("a.md", 124 if desk.new else "124")
    assert sum(entry["id"] == "built-in" for entry in row["doc_metadata"]) == 5


def test_metadata_of_an_unknown_document_is_an_error_on_new_servers(desk: Desk) -> None:
    """Old servers answer success and do nothing."""
    unknown = "00000000-0000-4000-8000-000000000000"
    assert desk.set_metadata(unknown) == (404 if desk.new else 200)


def test_retrieve_finds_what_is_available(desk: Desk) -> None:
    """Disabled documents drop out, and case counts."""
    document = desk.made("a.md", b"Turbines and rotors")
    desk.made("b.md", b"Glaciers")
    assert desk.found("Turbines") == ["a.md"]
    assert desk.found("turbines") == []
    desk.status("disable", document)
    assert desk.found("Turbines") == []


def test_retrieve_finds_other_scripts(desk: Desk) -> None:
    """A word inside a run of Chinese letters is found."""
    desk.made("a.md", "员工手册说明了休假规定。".encode())
    assert desk.found("休假") == ["a.md"]


def test_an_economy_dataset_needs_an_explicit_keyword_search(desk: Desk) -> None:
    """Without one the server looks for a model that it does not have."""
    assert desk.call("POST", "/retrieve", json={"query": "x"}).status_code == 400
    long = desk.call("POST", "/retrieve", json={"query": "x" * 251, "retrieval_model": KEYWORD})
    assert long.status_code == 400


def test_an_address_without_a_route_is_an_html_page(desk: Desk) -> None:
    """Malformed ids, unknown words and trailing slashes never reach the API."""
    for path in ("/documents/nope", "/documents/", "/nope"):
        answer = desk.call("GET", path)
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html")
    assert desk.http.get("/").status_code == 404


def test_the_key_or_the_dataset_is_looked_at_first(desk: Desk) -> None:
    """A wrong key with an unknown dataset is 404 on old servers, 401 on new ones."""
    unknown = "/datasets/00000000-0000-4000-8000-000000000000"
    wrong = {"Authorization": "Bearer wrong"}
    assert desk.http.get(unknown, headers=wrong).status_code == (401 if desk.new else 404)
    assert desk.call("GET", "", headers=wrong).status_code == 401


def test_another_workspace_sees_nothing(desk: Desk) -> None:
    """The key of another workspace lists no dataset and cannot write into this one."""
    desk.standin.add_workspace("other")
    desk.http.headers["Authorization"] = "Bearer other"
    assert desk.http.get("/datasets").json()["total"] == 0
    assert desk.create("a.md").status_code == (404 if desk.new else 400)


def test_a_first_document_needs_a_rule(desk: Desk) -> None:
    """Later ones inherit it."""
    path = "/document/create-by-file"
    refusal = desk.call("POST", path, files={"file": ("a.md", b"x")})
    assert refusal.json()["message"] == "process_rule is required."
    desk.create("a.md")
    assert desk.call("POST", path, files={"file": ("b.md", b"x")}).status_code == 200


def test_the_original_can_be_downloaded_from_new_servers(desk: Desk) -> None:
    """The address in the answer needs no key."""
    document = desk.made("ü.md", b"bytes")
    answer = desk.call("GET", f"/documents/{document}/download")
    if not desk.new:
        assert answer.status_code == 404
        return
    assert httpx.get(answer.json()["url"]).content == b"bytes"
