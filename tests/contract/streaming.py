"""The recorded streams of live servers, and what a client makes of bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kbsync.apps import ChatEvent, RunEvent
from kbsync.apps.events import Source, chat_events, run_events
from kbsync.transport.streaming import data_of

SOURCE = Source("POST /chat-messages", "dify.test")


@dataclass(frozen=True)
class Recording:
    """One recorded answer; `wire` is all of it, `body` without HTTP's framing."""

    name: str
    wire: bytes

    @property
    def body(self) -> bytes:
        rest, body = self.wire.partition(b"\r\n\r\n")[2], b""
        while True:
            size, _, rest = rest.partition(b"\r\n")
            if int(size, 16) == 0:
                return body
            body += rest[: int(size, 16)]
            rest = rest[int(size, 16) + 2 :]

    def events(self, chunks: Iterable[bytes]) -> list[ChatEvent | RunEvent]:
        """What these pieces of its body tell."""
        return list(self.read(data_of(chunks)))

    def read(self, stream: Iterable[str]) -> Iterator[ChatEvent | RunEvent]:
        if "chatflow" in self.name:
            return chat_events(stream, SOURCE)
        return run_events(stream, SOURCE)


RECORDINGS = [
    Recording(f"{path.parent.name} {path.stem}", path.read_bytes())
    for path in sorted(Path(__file__).parent.glob("streams/*/*.http"))
]
STREAMS = [one for one in RECORDINGS if b"text/event-stream" in one.wire]
