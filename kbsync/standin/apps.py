"""The applications of a stand-in and what they remember: conversations, runs, tasks to stop.

Unlike datasets they are kept in memory only: a stand-in that starts again has forgotten them.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from kbsync.standin.errors import RefusedError, not_found, refused

Json = dict[str, object]

WRONG_MODE = "Please check if your app mode matches the right API route."


@dataclass(frozen=True, slots=True)
class Application:
    """An application with its key; `mode` is "advanced-chat" (a chatflow) or "workflow"."""

    id: str
    name: str
    mode: str
    workspace: str

    @property
    def chats(self) -> bool:
        """Whether it is asked rather than run."""
        return self.mode != "workflow"


@dataclass(slots=True)
class Conversation:
    """What one user asked one application; messages as ``GET /messages`` shows them."""

    id: str
    app: str
    user: str
    name: str
    created_at: int
    updated_at: int
    messages: list[Json] = field(default_factory=list)


@dataclass(slots=True)
class Memory:
    """All that applications remember."""

    conversations: dict[str, Conversation] = field(default_factory=dict)
    runs: dict[str, Json] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)

    def conversation(self, identity: str, app: Application, user: str) -> Conversation:
        """A user's conversation; others' are unknown to him."""
        found = self.conversations.get(identity)
        if found is None or found.app != app.id or found.user != user:
            raise not_found("Conversation Not Exists.")
        return found

    def of(self, app: Application, user: str) -> list[Conversation]:
        """A user's conversations, the last used first."""
        mine = [
            one for one in self.conversations.values() if one.app == app.id and one.user == user
        ]
        return mine[::-1]


@dataclass(frozen=True, slots=True)
class Ids:
    """What one answer or run is known by."""

    task: str = field(default_factory=lambda: str(uuid.uuid4()))
    run: str = field(default_factory=lambda: str(uuid.uuid4()))
    message: str = field(default_factory=lambda: str(uuid.uuid4()))


def wrong_mode(app: Application) -> RefusedError:
    """The refusal of a call that is not for this kind of application."""
    code = "not_workflow_app" if app.chats else "not_chat_app"
    return refused(400, code, WRONG_MODE)
