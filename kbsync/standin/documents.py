"""Creating and updating documents, from a file or from a text."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping

from kbsync.standin.call import Call, World
from kbsync.standin.checking import check
from kbsync.standin.datasets import EMBEDDING_MODEL, NO_MODEL
from kbsync.standin.errors import Answer, crashed, invalid_param, not_found, refused
from kbsync.standin.payloads import (
    DocumentTextCreatePayload,
    DocumentTextUpdate,
    KnowledgeConfig,
    Mode,
    ProcessRule,
)
from kbsync.standin.store import Dataset, Document, File, Rule
from kbsync.standin.uploads import store_text, store_upload, the_file
from kbsync.standin.views import built_in_values, document_row

AUTOMATIC_RULES = {
    "pre_processing_rules": [
        {"id": "remove_extra_spaces", "enabled": True},
        {"id": "remove_urls_emails", "enabled": False},
    ],
    "segmentation": {"delimiter": "\n", "max_tokens": 500, "chunk_overlap": 50},
}


def create_by_file(call: Call) -> Answer:
    """``POST document/create-by-file``: overwrites an enabled namesake in place."""
    data = _data(call)
    technique = _technique(call, data)
    upload = the_file(call)
    if upload is None:
        raise refused(400, "no_file_uploaded", "Please upload your file.")
    _refuse_external(call.dataset)
    file = store_upload(call, upload, updating=False)
    config = check(KnowledgeConfig, data | {"indexing_technique": technique}, call.behaviour)
    return _create(call, config, file, sends_rule="process_rule" in data)


def create_by_text(call: Call) -> Answer:
    """``POST document/create-by-text``: stored as a .txt file under any name, of any length."""
    data = call.json()
    payload = check(DocumentTextCreatePayload, data, call.behaviour)
    technique = _technique(call, data, inherited=False)
    if "process_rule" not in data and call.behaviour.text_without_rule == "refuse":
        raise crashed()
    file = store_text(call, payload.name, payload.text)
    config = check(KnowledgeConfig, data | {"indexing_technique": technique}, call.behaviour)
    if config.process_rule is None and _latest_rule(call) is None:
        config.process_rule = ProcessRule(mode=Mode.AUTOMATIC)
    return _create(call, config, file, sends_rule=False)


def update_by_file(call: Call) -> Answer:
    """``POST documents/{id}/update-by-file`` and, on new servers, ``PATCH documents/{id}``."""
    data = _data(call)
    upload = the_file(call)
    _refuse_external(call.dataset)
    file = None if upload is None else store_upload(call, upload, updating=True)
    technique = call.dataset.indexing_technique
    config = check(KnowledgeConfig, data | {"indexing_technique": technique}, call.behaviour)
    name = config.name or (file.name if file else None)
    return _update(call, call.parameters["document_id"], config, file, name)


def update_by_text(call: Call) -> Answer:
    """``POST documents/{id}/update-by-text``."""
    data = call.json()
    payload = check(DocumentTextUpdate, data, call.behaviour)
    file = store_text(call, payload.name or "", payload.text) if payload.text else None
    technique = call.dataset.indexing_technique
    config = check(KnowledgeConfig, data | {"indexing_technique": technique}, call.behaviour)
    return _update(call, call.parameters["document_id"], config, file, payload.name)


def new_document(world: World, dataset_id: str, file: File) -> Document:
    """A waiting document for a file, last in its dataset; not yet stored and without a rule."""
    now = round(world.epoch())
    positions = world.store.run(
        "SELECT coalesce(max(position), 0) + 1 FROM document WHERE dataset = ?", dataset_id
    )
    return Document(
        id=str(uuid.uuid4()),
        dataset=dataset_id,
        position=positions[0][0],
        name=file.name,
        file=file.id,
        rule="",
        batch=world.batch(),
        created_from="api",
        created_at=now,
        updated_at=now,
        doc_form="text_model",
        doc_language="English",
    )


def automatic_rule(dataset_id: str) -> Rule:
    """The rule that a document has for which none was given."""
    return Rule(str(uuid.uuid4()), dataset_id, "automatic", json.dumps(AUTOMATIC_RULES))


def _create(call: Call, config: KnowledgeConfig, file: File, *, sends_rule: bool) -> Answer:
    dataset = call.dataset
    if config.original_document_id:
        return _update(call, config.original_document_id, config, file, file.name)
    rules = _checked_rules(config.process_rule)
    inherits = not sends_rule and _latest_rule(call) is not None
    if config.process_rule is None and not inherits:
        raise invalid_param("process_rule is required.")
    _check_form(call, config.doc_form)
    _first_document(call, config)
    document = _namesake(call, file.name) if config.duplicate else None
    if document is None:
        document = new_document(call.world, dataset.id, file)
    document.file = file.id
    document.rule = _rule(call, config.process_rule, rules)
    document.batch = call.world.batch()
    document.created_from = "api"
    document.indexing_status = "waiting"
    document.doc_form, document.doc_language = config.doc_form, config.doc_language
    document.updated_at = int(call.world.epoch())
    return _queued(call, dataset, document)


def _update(
    call: Call, identity: str, config: KnowledgeConfig, file: File | None, name: str | None
) -> Answer:
    rules = _checked_rules(config.process_rule)
    if file is None and config.process_rule is None:
        raise invalid_param("Data source or Process rule is required")
    document = call.store.get(Document, identity.lower())
    if document is None or document.dataset != call.dataset.id:
        raise not_found("Document not found")
    if document.display_status != "available":
        raise invalid_param("Document is not available")
    _check_form(call, config.doc_form)
    if file is not None:
        document.file = file.id
    if config.process_rule is not None:
        document.rule = _rule(call, config.process_rule, rules)
    document.name = name or document.name
    document.doc_form = config.doc_form
    document.created_from = "web"
    document.indexing_status = "waiting"
    document.processing_started_at = document.parsing_completed_at = None
    document.splitting_completed_at = document.completed_at = None
    document.updated_at = int(call.world.epoch())
    call.store.run("DELETE FROM segment WHERE document = ?", document.id)
    return _queued(call, call.dataset, document)


def _queued(call: Call, dataset: Dataset, document: Document) -> Answer:
    if dataset.built_in:
        document.metadata = json.dumps(document.values | built_in_values(document))
    call.store.save(document)
    call.world.indexer.enqueue(document)
    view = document_row(call.world, document)
    return Answer({"document": view, "batch": document.batch})


def _data(call: Call) -> dict[str, object]:
    try:
        data = json.loads(call.form.get("data", "{}"))
    except ValueError as error:
        raise invalid_param(str(error)) from error
    if not isinstance(data, dict):
        raise crashed()
    return data


def _technique(call: Call, data: Mapping[str, object], *, inherited: bool = True) -> object:
    own, wanted = call.dataset.indexing_technique, data.get("indexing_technique")
    if not own and not wanted:
        raise invalid_param("indexing_technique is required.")
    if not own and wanted == "high_quality" and not call.world.embedding_model:
        raise refused(400, "provider_not_initialize", NO_MODEL)
    return (wanted or own) if inherited else wanted


def _refuse_external(dataset: Dataset) -> None:
    if dataset.provider == "external":
        raise invalid_param("External datasets are not supported.")


def _check_form(call: Call, doc_form: str) -> None:
    forms = call.store.run(
        "SELECT doc_form FROM document WHERE dataset = ? LIMIT 1", call.dataset.id
    )
    fixed = call.dataset.chunk_structure or (forms[0][0] if forms else None)
    if fixed and fixed != doc_form:
        raise invalid_param("doc_form is different from the dataset doc_form.")


def _first_document(call: Call, config: KnowledgeConfig) -> None:
    dataset = call.dataset
    if dataset.indexing_technique:
        return
    dataset.indexing_technique = config.indexing_technique
    if config.indexing_technique == "high_quality":
        dataset.embedding_model, dataset.embedding_model_provider = EMBEDDING_MODEL
    if config.retrieval_model is not None:
        shown = config.retrieval_model.model_dump(exclude_none=True)
        dataset.retrieval_model = json.dumps(shown)
    call.store.save(dataset)


def _namesake(call: Call, name: str) -> Document | None:
    found = call.store.find(
        Document, "dataset = ? AND name = ? AND enabled ORDER BY position", call.dataset.id, name
    )
    if not found:
        return None
    return found[0] if call.behaviour.namesake == "first" else found[-1]


def _checked_rules(rule: ProcessRule | None) -> str:
    """The rules as the server stores them, or its refusal of incomplete ones."""
    if rule is None or rule.mode is Mode.AUTOMATIC:
        return json.dumps(AUTOMATIC_RULES)
    if rule.rules is None:
        raise invalid_param("Process rule rules is required")
    if rule.rules.pre_processing_rules is None:
        raise invalid_param("Process rule pre_processing_rules is required")
    segmentation = rule.rules.segmentation
    if segmentation is None and rule.rules.parent_mode != "full-doc":
        raise invalid_param("Process rule segmentation is required")
    if segmentation is not None and not segmentation.separator:
        raise invalid_param("Process rule segmentation separator is required")
    return json.dumps(rule.rules.model_dump())


def _rule(call: Call, wanted: ProcessRule | None, rules: str) -> str:
    latest = _latest_rule(call)
    if wanted is None and latest is not None:
        return latest
    mode = wanted.mode.value if wanted else "automatic"
    rule = Rule(str(uuid.uuid4()), call.dataset.id, mode, rules)
    call.store.save(rule)
    return rule.id


def _latest_rule(call: Call) -> str | None:
    rows = call.store.run(
        "SELECT id FROM rule WHERE dataset = ? ORDER BY rowid DESC LIMIT 1", call.dataset.id
    )
    return str(rows[0][0]) if rows else None
