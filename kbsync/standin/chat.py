"""Chats: answers are sentences found in the datasets of the workspace, with their citations."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace

from kbsync.standin.apps import Conversation, Ids, Json, wrong_mode
from kbsync.standin.call import Call, failure_of, user_of
from kbsync.standin.checking import check
from kbsync.standin.errors import Answer, invalid_param, not_found
from kbsync.standin.events import Story, streamed
from kbsync.standin.payloads import (
    ChatPayload,
    ConversationsPayload,
    MessagesPayload,
    RetrievalModel,
)
from kbsync.standin.retrieve import Found, found
from kbsync.standin.split import STOP_WORDS, words
from kbsync.standin.store import Dataset
from kbsync.standin.views import DEFAULT_RETRIEVAL

NOTHING = "There is nothing about this in the knowledge base."
CITED = 3


def ask(call: Call) -> Answer:
    """``POST /chat-messages``, blocking or as a stream."""
    app, data = call.application, call.json()
    if not app.chats:
        raise wrong_mode(app)
    user = user_of(data)
    wish = check(ChatPayload, data, call.behaviour)
    conversation = _conversation(call, wish.conversation_id, user, wish.query)
    ids = Ids()
    text, resources = _answered(call, wish.query)
    end: Json = {"metadata": _metadata(resources)}
    message = _message(call, ids, conversation, wish.query, text, resources)
    conversation.messages.append(message)
    failure = failure_of(call)
    story = Story(
        call,
        ids,
        {"sys.query": wish.query, "sys.user_id": user},
        re.findall(r"\S+\s*", text),
        {"answer": text, "files": []},
        failure,
        conversation.id,
        end,
    )
    if wish.response_mode == "streaming":
        return streamed(story, lambda _: None)
    if failure:
        raise invalid_param(failure)
    return Answer(
        {
            "event": "message",
            "task_id": ids.task,
            "id": ids.message,
            "message_id": ids.message,
            "conversation_id": conversation.id,
            "mode": app.mode,
            "answer": text,
            **end,
            "created_at": message["created_at"],
        }
    )


def stop(call: Call) -> Answer:
    """``POST /chat-messages/{task}/stop``: any task, any user."""
    user_of(call.json())
    call.world.apps.stopped.add(call.parameters["task_id"])
    return Answer({"result": "success"})


def conversations(call: Call) -> Answer:
    """``GET /conversations``."""
    app = call.application
    if not app.chats:
        raise wrong_mode(app)
    wish = check(ConversationsPayload, dict(call.query), call.behaviour)
    rows = call.world.apps.of(app, call.query.get("user", ""))
    if wish.last_id:
        at = next((at for at, one in enumerate(rows) if one.id == wish.last_id), None)
        if at is None:
            raise not_found("Last Conversation Not Exists.")
        rows = rows[at + 1 :]
    data = [
        {
            "id": one.id,
            "name": one.name,
            "inputs": {},
            "status": "normal",
            "introduction": "",
            "created_at": one.created_at,
            "updated_at": one.updated_at,
        }
        for one in rows[: wish.limit]
    ]
    return Answer({"limit": wish.limit, "has_more": len(rows) > wish.limit, "data": data})


def messages(call: Call) -> Answer:
    """``GET /messages``: the last ones, oldest first."""
    app = call.application
    if not app.chats:
        raise wrong_mode(app)
    wish = check(MessagesPayload, dict(call.query), call.behaviour)
    rows = call.world.apps.conversation(
        wish.conversation_id, app, call.query.get("user", "")
    ).messages
    if wish.first_id:
        at = next((at for at, row in enumerate(rows) if row["id"] == wish.first_id), None)
        if at is None:
            raise not_found("First Message Not Exists.")
        rows = rows[:at]
    shown = rows[-wish.limit :]
    return Answer({"limit": wish.limit, "has_more": len(rows) > wish.limit, "data": shown})


def _conversation(call: Call, identity: str, user: str, query: str) -> Conversation:
    memory, now = call.world.apps, int(call.world.epoch())
    if identity:
        conversation = memory.conversation(identity, call.application, user)
        del memory.conversations[identity]  # and in again at the end: the last used one
        conversation.updated_at = now
    else:
        conversation = Conversation(
            str(uuid.uuid4()), call.application.id, user, query[:40], now, now
        )
    memory.conversations[conversation.id] = conversation
    return conversation


def _answered(call: Call, query: str) -> tuple[str, list[Json]]:
    """The sentences that fit a question best, and the passages they are from."""
    wanted = {word for word in words(query) if word.lower() not in STOP_WORDS}
    model = RetrievalModel.model_validate(DEFAULT_RETRIEVAL | {"top_k": CITED})
    hits: list[tuple[Dataset, Found]] = []
    for dataset in call.store.find(Dataset, "workspace = ?", call.workspace):
        hits += [(dataset, hit) for hit in found(replace(call, found=dataset), query, model)]
    hits = sorted(hits, key=lambda hit: -hit[1][2])[:CITED]
    if not hits:
        return NOTHING, []
    # The longest of those that share most words: a heading shares as many as what is below it.
    best = max(
        _sentences(hits[0][1][0].content),
        key=lambda sentence: (len(wanted & set(words(sentence))), len(sentence)),
        default=NOTHING,
    )
    return best, [_resource(at, *hit) for at, hit in enumerate(hits, 1)]


def _sentences(text: str) -> list[str]:
    # A line that goes on in lower case was wrapped.
    parts = re.split(r"\n(?![a-z])|(?<=[.!?;])\s", text)
    return [" ".join(part.split()) for part in parts if part.strip()]


def _resource(position: int, dataset: Dataset, hit: Found) -> Json:
    segment, document, score = hit
    return {
        "position": position,
        "dataset_id": dataset.id,
        "dataset_name": dataset.name,
        "document_id": document.id,
        "document_name": document.name,
        "data_source_type": "upload_file",
        "segment_id": segment.id,
        "retriever_from": "api",
        "score": score,
        "segment_position": segment.position,
        "content": segment.content,
        "doc_metadata": document.values,
    }


def _metadata(resources: list[Json]) -> Json:
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "currency": "USD"}
    return {"annotation_reply": None, "retriever_resources": resources, "usage": usage}


def _message(
    call: Call, ids: Ids, conversation: Conversation, query: str, text: str, resources: list[Json]
) -> Json:
    return {
        "id": ids.message,
        "conversation_id": conversation.id,
        "parent_message_id": "00000000-0000-0000-0000-000000000000",
        "inputs": {},
        "query": query,
        "answer": text,
        "feedback": None,
        "retriever_resources": resources,
        "created_at": int(call.world.epoch()),
        "agent_thoughts": [],
        "message_files": [],
        "status": "normal",
        "error": None,
    }
