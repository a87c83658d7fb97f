"""What applications answer, read from JSON; lenient in all that a client does not need."""

from __future__ import annotations

import json
from collections.abc import Mapping

from kbsync.apps.values import (
    AppInfo,
    Asked,
    Citation,
    Conversation,
    Field,
    Json,
    Parameters,
    Reply,
    Run,
)
from kbsync.transport.fields import Row, decimal, inner, number, text


def info_of(row: Row) -> AppInfo:
    """`GET /info`, or the older guide's `GET /apps/{id}`."""
    tags = row.get("tags")
    return AppInfo(
        text(row, "name"),
        text(row, "mode"),
        text(row, "description"),
        tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
    )


def parameters_of(row: Row) -> Parameters:
    """`GET /parameters`; each field is an object whose one key is its kind."""
    form, suggested = row.get("user_input_form"), row.get("suggested_questions")
    mebibytes = number(inner(row, "system_parameters"), "file_size_limit")
    return Parameters(
        text(row, "opening_statement"),
        tuple(one for one in _list(suggested) if isinstance(one, str)),
        tuple(
            Field(
                text(spec, "variable"),
                text(spec, "label"),
                kind,
                spec.get("required") is True,
                number(spec, "max_length"),
            )
            for part in _list(form)
            if isinstance(part, dict)
            for kind, spec in part.items()
            if isinstance(spec, dict)
        ),
        inner(row, "retriever_resource").get("enabled") is True,
        None if mebibytes is None else mebibytes * 2**20,
    )


def reply_of(row: Row) -> Reply:
    """A blocking chat's answer."""
    return Reply(
        text(row, "answer"),
        text(row, "conversation_id"),
        text(row, "message_id") or text(row, "id"),
        citations_of(inner(row, "metadata").get("retriever_resources")),
        tokens_of(row),
    )


def citations_of(told: object) -> tuple[Citation, ...]:
    """`retriever_resources`, in their order."""
    return tuple(
        Citation(
            text(row, "document_id"),
            text(row, "document_name"),
            text(row, "dataset_name"),
            text(row, "content"),
            decimal(row, "score"),
        )
        for row in _list(told)
        if isinstance(row, dict)
    )


def tokens_of(row: Row) -> int | None:
    """What an answer cost."""
    return number(inner(row, "metadata", "usage"), "total_tokens")


def conversation_of(row: Row) -> Conversation:
    """A row of `GET /conversations`."""
    updated = decimal(row, "updated_at")
    return Conversation(
        text(row, "id"),
        text(row, "name"),
        decimal(row, "created_at") if updated is None else updated,
    )


def asked_of(row: Row) -> Asked:
    """A row of `GET /messages`."""
    return Asked(
        text(row, "id"),
        text(row, "query"),
        text(row, "answer"),
        decimal(row, "created_at"),
        citations_of(row.get("retriever_resources")),
        text(row, "error"),
    )


def run_of(row: Row, task_id: str = "") -> Run:
    """A run: the `data` of a blocking answer or a last event, or `GET /workflows/run/{id}`."""
    return Run(
        text(row, "id"),
        text(row, "status"),
        _outputs(row.get("outputs")),
        text(row, "error"),
        decimal(row, "elapsed_time"),
        task_id,
    )


def _outputs(told: object) -> Json:
    """An object; servers up to 1.10 write it as a string (seen live)."""
    if isinstance(told, str):
        try:
            told = json.loads(told)
        except (ValueError, RecursionError):
            return {}
    return told if isinstance(told, Mapping) else {}


def _list(told: object) -> list[object]:
    return told if isinstance(told, list) else []
