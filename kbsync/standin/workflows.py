"""Workflows: the one that there is gives back the text that it was given."""

from __future__ import annotations

import json
import re
from functools import partial

from kbsync.standin.apps import Ids, Json, wrong_mode
from kbsync.standin.call import Call, failure_of, user_of
from kbsync.standin.checking import check
from kbsync.standin.errors import Answer, crashed, invalid_param, not_found
from kbsync.standin.events import Story, streamed
from kbsync.standin.payloads import WorkflowPayload

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
COLUMNS = (
    "id",
    "workflow_id",
    "status",
    "inputs",
    "outputs",
    "error",
    "total_steps",
    "total_tokens",
    "created_at",
    "finished_at",
    "elapsed_time",
)


def run(call: Call) -> Answer:
    """``POST /workflows/run``, blocking or as a stream; a failed run is a 200."""
    if call.application.chats:
        raise wrong_mode(call.application)
    data = call.json()
    user = user_of(data)
    wish = check(WorkflowPayload, data, call.behaviour)
    text = wish.inputs.get("text")
    if text is None:
        raise invalid_param("text is required in input form")
    story = Story(
        call,
        Ids(),
        {**wish.inputs, "sys.user_id": user},
        [str(text)],
        {"out": text},
        failure_of(call),
    )
    keep = partial(_keep, story)
    if wish.response_mode == "streaming":
        keep(story.row("running", None))
        return streamed(story, keep)
    keep(story.ended)
    told: Json = {"task_id": story.ids.task, "workflow_run_id": story.ids.run, "data": story.ended}
    return Answer(told)


def status(call: Call) -> Answer:
    """``GET /workflows/run/{id}``; of an unknown one old servers tell nothing but nulls."""
    identity, new = call.parameters["run_id"], call.behaviour.new_fields
    if call.application.chats:
        raise wrong_mode(call.application)
    if call.world.dify and not UUID.fullmatch(identity):
        raise crashed()
    row = call.world.apps.runs.get(identity)
    if row is None:
        if new:
            raise not_found("Workflow run not found.")
        return Answer(dict.fromkeys(COLUMNS))
    shown = {column: row[column] for column in COLUMNS}
    return Answer(shown if new else shown | {"outputs": json.dumps(shown["outputs"])})


def stop(call: Call) -> Answer:
    """``POST /workflows/tasks/{task}/stop``: any task, any user."""
    user_of(call.json())
    call.world.apps.stopped.add(call.parameters["task_id"])
    return Answer({"result": "success"})


def _keep(story: Story, row: Json) -> None:
    """Remember the run; old servers never notice that one was stopped."""
    if row["status"] == "stopped" and not story.call.behaviour.new_fields:
        return
    story.call.world.apps.runs[story.ids.run] = row | {"inputs": json.dumps(story.inputs)}
