"""What applications answer, as values; times in seconds since the epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AppInfo:
    """An application; `mode` is chat, agent-chat, advanced-chat, workflow or completion."""

    name: str
    mode: str
    description: str = ""
    tags: tuple[str, ...] = ()

    @property
    def chats(self) -> bool:
        """Whether it can be asked; an older server may not say."""
        return self.mode in {"", "chat", "agent-chat", "advanced-chat"}


@dataclass(frozen=True, slots=True)
class Field:
    """One input that an application's form has; `kind` as in text-input, paragraph, select.

    `longest` is how many characters it takes; a server refuses more.
    """

    name: str
    label: str
    kind: str
    required: bool
    longest: int | None = None


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a client is told to show; `cites` is whether answers come with their sources.

    `largest_file` is the size of a document that the server takes, in bytes, where it says so.
    """

    opening: str
    suggested: tuple[str, ...]
    fields: tuple[Field, ...]
    cites: bool
    largest_file: int | None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that was uploaded for a chat or a workflow; `size` in bytes."""

    id: str
    name: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Citation:
    """A passage that an answer rests on."""

    document_id: str
    document_name: str
    dataset_name: str
    text: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer; `stopped` is whether somebody ended it early."""

    text: str
    conversation_id: str
    message_id: str
    citations: tuple[Citation, ...] = ()
    tokens: int | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation of one user."""

    id: str
    name: str
    updated_at: float | None


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a conversation with its answer; `error` is why there is none."""

    message_id: str
    question: str
    answer: str
    created_at: float | None
    citations: tuple[Citation, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A workflow's run; `status`: running, succeeded, failed, stopped, partial-succeeded, paused.

    `seconds` is how long it took. A failed run is told with HTTP 200.
    """

    id: str
    status: str
    outputs: Json = field(default_factory=dict)
    error: str = ""
    seconds: float | None = None
    task_id: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether it came to its end as it should."""
        return self.status in {"succeeded", "partial-succeeded"}

    @property
    def running(self) -> bool:
        """Whether its end is still to come."""
        return self.status in {"running", "paused", ""}


@dataclass(frozen=True, slots=True)
class Began:
    """An answer has begun; it can be stopped by its `task_id`."""

    task_id: str
    conversation_id: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Said:
    """The next piece of an answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """All that was said is withdrawn in favour of this, as moderation does."""

    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The answer is whole."""

    reply: Reply


ChatEvent = Began | Said | Replaced | Ended


@dataclass(frozen=True, slots=True)
class RunBegan:
    """A run has begun; it can be stopped by its `task_id`."""

    task_id: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Step:
    """A node of a workflow is done."""

    title: str
    kind: str
    status: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class RunText:
    """The next piece of text that a workflow writes."""

    text: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run is over."""

    run: Run


RunEvent = RunBegan | Step | RunText | RunEnded
