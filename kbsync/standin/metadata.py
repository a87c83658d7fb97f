"""Metadata fields of a dataset and the values that documents have for them."""

from __future__ import annotations

import json
import uuid

from kbsync.standin.call import Call
from kbsync.standin.checking import check
from kbsync.standin.errors import Answer, invalid_param, not_found
from kbsync.standin.payloads import (
    DocumentMetadataOperation,
    MetadataArgs,
    MetadataOperationData,
    MetadataUpdatePayload,
    StrictMetadataOperationData,
)
from kbsync.standin.store import Dataset, Document, Field
from kbsync.standin.views import BUILT_IN_FIELDS, built_in_values

BUSY = "Another document metadata operation is running, please wait a moment."


def list_fields(call: Call) -> Answer:
    """``GET metadata``: the fields with how many documents have a value, built-ins left out."""
    if call.found is None or call.found.workspace != call.workspace:
        return Answer({"doc_metadata": [], "built_in_field_enabled": False})
    rows = [
        {
            "id": field.id,
            "name": field.name,
            "type": field.type,
            "count": call.store.count("binding", "field = ?", field.id),
        }
        for field in call.store.find(Field, "dataset = ? ORDER BY rowid", call.dataset.id)
    ]
    return Answer({"doc_metadata": rows, "built_in_field_enabled": call.dataset.built_in})


def create_field(call: Call) -> Answer:
    """``POST metadata``: 201."""
    wish = check(MetadataArgs, call.json(), call.behaviour)
    _check_name(call, wish.name)
    field = Field(str(uuid.uuid4()), call.dataset.id, wish.type, wish.name)
    call.store.save(field)
    return Answer(_shown(field), 201)


def rename_field(call: Call) -> Answer:
    """``PATCH metadata/{id}``; old servers answer an unknown id with nulls."""
    wish = check(MetadataUpdatePayload, call.json(), call.behaviour)
    field = _field(call)
    if field is None:
        if call.behaviour.unknown_field_rename == "nulls":
            return Answer({"id": None, "type": None, "name": None})
        raise invalid_param(
            "1 validation error for DatasetMetadataResponse\n"
            "  Input should be a valid dictionary or object to extract fields from "
            "[type=model_attributes_type, input_value=None, input_type=NoneType]\n"
            "    For further information visit "
            f"https://errors.pydantic.dev/{call.behaviour.pydantic}/v/model_attributes_type"
        )
    _check_name(call, wish.name)
    for document in _bound(call, field):
        values = document.values
        values[wish.name] = values.pop(field.name, None)
        _set_values(call, document, values)
    field.name = wish.name
    call.store.save(field)
    return Answer(_shown(field))


def delete_field(call: Call) -> Answer:
    """``DELETE metadata/{id}``: the same answer for unknown ids."""
    field = _field(call)
    if field is not None:
        for document in _bound(call, field):
            values = document.values
            values.pop(field.name, None)
            _set_values(call, document, values)
        call.store.run("DELETE FROM binding WHERE field = ?", field.id)
        call.store.run("DELETE FROM field WHERE id = ?", field.id)
    return call.world.deleted()


def list_built_in(_call: Call) -> Answer:
    """``GET metadata/built-in``."""
    fields = [{"name": name, "type": kind} for name, kind in BUILT_IN_FIELDS.items()]
    return Answer({"fields": fields})


def switch_built_in(call: Call) -> Answer:
    """``POST metadata/built-in/{enable|disable}``: any other action is ignored."""
    action = call.parameters["action"]
    dataset = call.dataset
    if action in ("enable", "disable") and dataset.built_in != (action == "enable"):
        dataset.built_in = action == "enable"
        call.store.save(dataset)
        for document in call.store.find(Document, "dataset = ?", dataset.id):
            values = {n: v for n, v in document.values.items() if n not in BUILT_IN_FIELDS}
            if dataset.built_in:
                values |= built_in_values(document)
            _set_values(call, document, values)
    return Answer({"result": "success"})


def set_values(call: Call) -> Answer:
    """``POST documents/metadata``; old servers answer success whatever became of it."""
    swallowed = call.behaviour.metadata_errors_swallowed
    model = MetadataOperationData if swallowed else StrictMetadataOperationData
    wish = check(model, call.json(), call.behaviour)
    if call.world.faults.take("metadata-busy", "POST", call.path):
        if swallowed:
            return Answer({"result": "success"})
        raise invalid_param(BUSY)
    if not swallowed:
        for operation in wish.operation_data:
            _check_operation(call, operation)
    for operation in wish.operation_data:
        document = _operated(call, operation)
        if document is not None:
            _apply(call, document, operation)
    return Answer({"result": "success"})


def _apply(call: Call, document: Document, operation: DocumentMetadataOperation) -> None:
    values = document.values if operation.partial_update else {}
    if not operation.partial_update:
        call.store.run("DELETE FROM binding WHERE document = ?", document.id)
        if call.dataset.built_in:
            values |= built_in_values(document)
    for detail in operation.metadata_list:
        field = call.store.get(Field, detail.id.lower())
        by_field = call.behaviour.metadata_by_field_name and field is not None
        values[field.name if by_field and field else detail.name] = detail.value
        call.store.run(
            "INSERT OR IGNORE INTO binding (document, field) VALUES (?, ?)",
            document.id,
            detail.id.lower(),
        )
    _set_values(call, document, values)


def _check_operation(call: Call, operation: DocumentMetadataOperation) -> None:
    if _operated(call, operation) is None:
        raise not_found("Document not found.")
    for detail in operation.metadata_list:
        field = call.store.get(Field, detail.id.lower())
        if field is None or field.dataset != call.dataset.id:
            raise not_found("Metadata not found.")


def _operated(call: Call, operation: DocumentMetadataOperation) -> Document | None:
    document = call.store.get(Document, operation.document_id.lower())
    return document if document and document.dataset == call.dataset.id else None


def _set_values(call: Call, document: Document, values: dict[str, str | float | None]) -> None:
    document.metadata = json.dumps(values)
    document.updated_at = int(call.world.epoch())
    call.store.save(document)


def _bound(call: Call, field: Field) -> list[Document]:
    where = "id IN (SELECT document FROM binding WHERE field = ?)"
    return call.store.find(Document, where, field.id)


def _field(call: Call) -> Field | None:
    field = call.store.get(Field, call.parameters["metadata_id"].lower())
    dataset: Dataset = call.dataset
    return field if field and field.dataset == dataset.id else None


def _check_name(call: Call, name: str) -> None:
    if len(name) > 255:
        raise invalid_param("Metadata name cannot exceed 255 characters.")
    if call.store.find(Field, "dataset = ? AND name = ?", call.dataset.id, name):
        raise invalid_param("Metadata name already exists.")
    if name in BUILT_IN_FIELDS:
        raise invalid_param("Metadata name already exists in Built-in fields.")


def _shown(field: Field) -> dict[str, str]:
    return {"id": field.id, "type": field.type, "name": field.name}
