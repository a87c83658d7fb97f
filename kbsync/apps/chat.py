"""Asking an application, and what was asked before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from kbsync.apps.events import Source, chat_events
from kbsync.apps.reading import asked_of, conversation_of, reply_of
from kbsync.apps.values import Asked, Attachment, ChatEvent, Conversation, Ended, Reply
from kbsync.errors import Denied, Missing
from kbsync.transport import Call, NoSuchRoute, Transport
from kbsync.transport.fields import rows, table

#: Nobody waits longer for an answer that nobody reads.
ANSWER_SECONDS = 120.0

#: The most rows that a server gives at once.
PAGE = 100


class Chat:
    """The chat endpoints; conversations belong to a `user`, a name of the caller's choice."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def ask(
        self,
        question: str,
        *,
        user: str,
        conversation_id: str = "",
        inputs: Mapping[str, object] | None = None,
        files: Sequence[Attachment] = (),
    ) -> Reply:
        """Ask and wait for the whole answer; agents answer only in a stream.

        An `Unavailable` with `ambiguous` set means that the question may have been answered.
        """
        call = _question(question, user, conversation_id, inputs, files, "blocking")
        return reply_of(table(self._transport.call(call)))

    def answer(self, question: str, *, user: str) -> Reply:
        """Ask and wait two minutes at most for the whole answer.

        It comes as a stream: agents give no other.
        """
        call = _question(question, user, "", None, (), "streaming")
        with self._transport.stream(call, quiet=ANSWER_SECONDS, longest=ANSWER_SECONDS) as stream:
            for event in chat_events(stream, Source(call.told, self._transport.host)):
                if isinstance(event, Ended):
                    return event.reply
        raise AssertionError  # the events end with `Ended`, or raise

    @contextmanager
    def asking(
        self,
        question: str,
        *,
        user: str,
        conversation_id: str = "",
        inputs: Mapping[str, object] | None = None,
        files: Sequence[Attachment] = (),
    ) -> Iterator[Iterator[ChatEvent]]:
        """Ask and get the answer as it comes; leaving early does not stop it at the server."""
        call = _question(question, user, conversation_id, inputs, files, "streaming")
        with self._transport.stream(call) as stream:
            yield chat_events(stream, Source(call.told, self._transport.host))

    def stop_asking(self, task_id: str, user: str) -> None:
        """Stop an answer; a task that is over, or that nobody knows, is a success."""
        path = f"/chat-messages/{task_id}/stop"
        self._transport.call(Call("stop", "POST", path, json={"user": user}, repeatable=True))

    def conversations(self, user: str, *, limit: int = 20, after: str = "") -> list[Conversation]:
        """A user's conversations, the last used first; `after` is an id to go on from.

        Raises Denied where there is no such list, as in the older guide's form.
        """
        params: dict[str, str | int] = {"user": user, "limit": min(limit, PAGE)}
        if after:
            params["last_id"] = after
        call = Call("conversations", "GET", "/conversations", params=params, repeatable=True)
        try:
            return [conversation_of(row) for row in rows(self._transport.call(call))]
        except (Missing, NoSuchRoute):
            if after:
                raise
            raise Denied(f"{self._transport.host} does not list conversations") from None

    def messages(
        self, conversation_id: str, user: str, *, limit: int = 20, before: str = ""
    ) -> list[Asked]:
        """What was asked last, oldest first; `before` is a message's id to go back from.

        Raises Missing when the user has no such conversation.
        """
        params: dict[str, str | int] = {
            "conversation_id": conversation_id,
            "user": user,
            "limit": min(limit, PAGE),
        }
        if before:
            params["first_id"] = before
        call = Call("messages", "GET", "/messages", params=params, repeatable=True)
        return [asked_of(row) for row in rows(self._transport.call(call))]


def _question(
    question: str,
    user: str,
    conversation_id: str,
    inputs: Mapping[str, object] | None,
    files: Sequence[Attachment],
    mode: str,
) -> Call:
    body: dict[str, object] = {
        "query": question,
        "inputs": dict(inputs or {}),
        "user": user,
        "response_mode": mode,
        "conversation_id": conversation_id,
    }
    if files:
        body["files"] = [attached(file) for file in files]
    return Call("ask", "POST", "/chat-messages", json=body)


def attached(file: Attachment) -> dict[str, str]:
    """An uploaded file as questions and runs name it."""
    return {"type": "document", "transfer_method": "local_file", "upload_file_id": file.id}
