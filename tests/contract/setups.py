"""How the state before a row is made: one small function per ``setup`` word of the record.

All of them go through the service API alone, so that those in ``ANYWHERE`` run on any server. The
others need a server of their own, prepared as ``own_servers.py`` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .contents import PLAIN, content
from .place import Place

FIELDS = {"source_path": "string", "size": "number", "mtime": "time", "sha256": "string"}
SHA256 = "a" * 64

Words = dict[str, str]
Setup = Callable[[Place], Words]


def nothing(place: Place) -> Words:
    """No dataset at all."""
    return {}


def dataset(place: Place) -> Words:
    """An empty dataset."""
    name = place.words["stem"]
    made = place.dataset(name, indexing_technique="economy")
    return {"dataset": made, "DATASET": made.upper(), "name": name, "NAME": name.upper()}


def bare(place: Place) -> Words:
    """An empty dataset without an indexing technique."""
    return {"dataset": place.dataset(place.words["stem"])}


def first(place: Place) -> Words:
    """A dataset that got its technique from its first document."""
    words = bare(place)
    place.upload(words["dataset"], "a.md", b"# aa\nbody\n")
    return words


def gone_dataset(place: Place) -> Words:
    """A dataset that was deleted."""
    words = dataset(place)
    place.remove_datasets()
    return words


def two_datasets(place: Place) -> Words:
    """A dataset with a document, and another one."""
    words = document(place)
    name = f"{words['name']}-other"
    other = place.dataset(name, indexing_technique="economy")
    return words | {"other_dataset": other, "other_name": name}


def document(place: Place, name: str = "plain.md", body: bytes | None = None) -> Words:
    """A dataset with one completed document."""
    words = dataset(place)
    made, batch = place.upload(words["dataset"], name, body)
    return words | {"document": made, "batch": batch, "document_name": name}


def long_name(place: Place) -> Words:
    """A document whose name of 300 characters was cut."""
    return document(place, "n" * 297 + ".md")


def errored(place: Place) -> Words:
    """A document whose indexing ended in an error."""
    return document(place, "bad.pdf", b"this is no pdf. ")


def recovered(place: Place) -> Words:
    """A document that was in error and was made again from a good file."""
    words = errored(place)
    made, batch = place.upload(
        words["dataset"], words["document_name"], content({"kind": "text-pdf"})
    )
    return words | {"document": made, "batch": batch}


def note(place: Place) -> Words:
    """A document that was created from text."""
    words = dataset(place)
    made, batch = place.note(words["dataset"], "note.md")
    return words | {"document": made, "batch": batch}


def note_on_volcanoes(place: Place) -> Words:
    """One document that mentions volcanoes, one that does not."""
    words = dataset(place)
    text = b"Plain text about volcanoes and magma.\n\nSecond paragraph about glaciers."
    place.upload(words["dataset"], "a.md")
    made, _ = place.upload(words["dataset"], "b.txt", text)
    return words | {"document": made}


def updated(place: Place) -> Words:
    """A document that was updated once."""
    words = document(place)
    place.update(words["dataset"], words["document"], "plain.md", PLAIN.encode() + b"v2\n")
    return words


def superseded(place: Place) -> Words:
    """A document that was created again under its name."""
    words = document(place)
    _, batch = place.upload(words["dataset"], words["document_name"])
    return words | {"old_batch": words["batch"], "batch": batch}


def disabled(place: Place) -> Words:
    """A document that is disabled."""
    words = document(place, "dis.md")
    place.switch(words["dataset"], words["document"], "disable")
    return words


def archived(place: Place) -> Words:
    """A document that is archived."""
    words = document(place, "arc.md")
    place.switch(words["dataset"], words["document"], "archive")
    return words


def gone_document(place: Place) -> Words:
    """A document that was deleted."""
    words = document(place)
    answer = place.call("DELETE", f"/datasets/{words['dataset']}/documents/{words['document']}")
    assert answer.status_code in (200, 204), answer.text
    return words


def two_documents(place: Place) -> Words:
    """Two documents; ``{document}`` is not the one named r2.md."""
    words = document(place, "r1.md")
    place.upload(words["dataset"], "r2.md")
    return words


def two_names(place: Place) -> Words:
    """Two documents of the same name."""
    words = two_documents(place)
    place.update(words["dataset"], words["document"], "r2.md", PLAIN.encode())
    return words | {"document_name": "r2.md"}


def three_documents(place: Place) -> Words:
    """Three documents, c.md the newest."""
    words = dataset(place)
    for name in ("a.md", "b.md", "c.md"):
        place.upload(words["dataset"], name)
    return words


def one_disabled(place: Place) -> Words:
    """Two documents about turbines with a value each, m2.md disabled."""
    words = only_valued(place)
    words["m2"], _ = place.upload(words["dataset"], "m2.md")
    value = {"id": words["sha256"], "name": "sha256", "value": SHA256}
    place.set_metadata(words["dataset"], words["m2"], value)
    place.switch(words["dataset"], words["m2"], "disable")
    return words


def patched(place: Place) -> Words:
    """A dataset that was told to retrieve by keyword."""
    words = document(place)
    model = {
        "search_method": "keyword_search",
        "reranking_enable": False,
        "top_k": 3,
        "score_threshold_enabled": False,
    }
    answer = place.call("PATCH", f"/datasets/{words['dataset']}", json={"retrieval_model": model})
    assert answer.status_code == 200, answer.text
    return words


def listing(place: Place) -> Words:
    """125 documents, doc000.md to doc124.md; ``{document}`` is the last one."""
    words = dataset(place)
    batch = ""
    for number in range(125):
        body = f"# Doc {number}\nbody {number}\n".encode()
        made, batch = place.upload(words["dataset"], f"doc{number:03}.md", body, finish=False)
        words["document"] = made
    place.finished(words["dataset"], batch)
    return words


def fields(place: Place) -> Words:
    """Three documents without metadata, and four metadata fields."""
    words = dataset(place)
    for name, kind in FIELDS.items():
        words[name] = place.field(words["dataset"], name, kind)
    for name in ("m1", "m2", "m3"):
        words[name], words[f"{name}_batch"] = place.upload(words["dataset"], f"{name}.md")
    words |= {"batch": words["m1_batch"], "document": words["m1"], "document_name": "m1.md"}
    return words


def valued(place: Place) -> Words:
    """As ``fields``; the document m1.md has three values."""
    words = fields(place)
    place.set_metadata(
        words["dataset"],
        words["m1"],
        {"id": words["source_path"], "name": "source_path", "value": "docs/a/m1.md"},
        {"id": words["size"], "name": "size", "value": 124},
        {"id": words["sha256"], "name": "sha256", "value": SHA256},
    )
    return words


def only_valued(place: Place) -> Words:
    """As ``valued``, with m1.md as the only document."""
    words = valued(place)
    for name in ("m2", "m3"):
        place.call("DELETE", f"/datasets/{words['dataset']}/documents/{words[name]}")
    return words


def field_deleted(place: Place) -> Words:
    """As ``valued``, without the field ``size``."""
    words = valued(place)
    place.call("DELETE", f"/datasets/{words['dataset']}/metadata/{words['size']}")
    return words


def built_in(place: Place) -> Words:
    """As ``fields``, with the built-in fields switched on."""
    words = fields(place)
    place.call("POST", f"/datasets/{words['dataset']}/metadata/built-in/enable")
    return words


def valued_built_in(place: Place) -> Words:
    """As ``valued``, with the built-in fields switched on."""
    words = valued(place)
    place.call("POST", f"/datasets/{words['dataset']}/metadata/built-in/enable")
    return words


def busy(place: Place) -> Words:
    """An empty dataset on a server whose worker is busy."""
    words = dataset(place)
    _occupy_the_worker(place)
    return words


def waiting(place: Place) -> Words:
    """A document that was updated while the worker was busy."""
    words = document(place, "w.md")
    _occupy_the_worker(place)
    new = PLAIN.encode() + b"v2"
    place.update(words["dataset"], words["document"], "w.md", new, finish=False)
    return words


def waiting_fields(place: Place) -> Words:
    """As ``waiting``, with metadata fields."""
    words = waiting(place)
    return words | {name: place.field(words["dataset"], name, k) for name, k in FIELDS.items()}


def indexing(place: Place) -> Words:
    """A document that a worker is at."""
    words = dataset(place)
    made, batch = place.upload(words["dataset"], "slow.md", finish=False)
    return words | {"document": made, "batch": batch, "document_name": "slow.md"}


def stuck(place: Place) -> Words:
    """A document whose worker is about to be killed."""
    return indexing(place)


def indexing_archived(place: Place) -> Words:
    """A document that was archived while a worker was at it."""
    words = indexing(place)
    place.switch(words["dataset"], words["document"], "archive", settle=False)
    return words


def just_disabled(place: Place) -> Words:
    """A document that was disabled while the worker was busy."""
    words = document(place)
    _occupy_the_worker(place)
    place.switch(words["dataset"], words["document"], "disable", settle=False)
    return words


def four_datasets(place: Place) -> Words:
    """Four datasets, three of them with "contract" in the name."""
    for name in ("contract-noidx", "contract-ds", "Contract-DS", "知识库 ü 😀"):
        place.dataset(name, indexing_technique="economy")
    return {}


def four_of_five(place: Place) -> Words:
    """A dataset where four of the five requests allowed in a minute are used up."""
    words = {"dataset": place.words["limited_dataset"]}
    for number in range(4):
        words["document"], _ = place.upload(words["dataset"], f"r{number}.md")
    return words


def limited(place: Place) -> Words:
    """A dataset with five documents whose five requests a minute are used up."""
    words = four_of_five(place)
    words["document"], words["batch"] = place.upload(words["dataset"], "r4.md")
    return words


def _occupy_the_worker(place: Place) -> None:
    blocker = place.dataset(indexing_technique="economy")
    place.upload(blocker, "slow.md", finish=False)


ANYWHERE: Mapping[str, Setup] = {
    "none": nothing,
    "dataset": dataset,
    "bare": bare,
    "first": first,
    "gone-dataset": gone_dataset,
    "two-datasets": two_datasets,
    "document": document,
    "long-name": long_name,
    "errored": errored,
    "recovered": recovered,
    "note": note,
    "note-on-volcanoes": note_on_volcanoes,
    "updated": updated,
    "superseded": superseded,
    "disabled": disabled,
    "archived": archived,
    "gone-document": gone_document,
    "two-documents": two_documents,
    "two-names": two_names,
    "three-documents": three_documents,
    "one-disabled": one_disabled,
    "patched": patched,
    "listing": listing,
    "fields": fields,
    "valued": valued,
    "only-valued": only_valued,
    "field-deleted": field_deleted,
    "built-in": built_in,
    "valued-built-in": valued_built_in,
}
