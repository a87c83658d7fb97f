"""Mail as it was saved: who, when, what about, and the text."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from html.parser import HTMLParser

from kbsync.convert.texts import as_utf8
from kbsync.errors import FileError

_TOLD = ("From", "To", "Cc", "Date")


def convert(body: bytes, extension: str) -> str:  # noqa: ARG001 - as every family's
    """The subject as a heading, the other headers, the text, and the names of what is attached."""
    mail = message_from_bytes(body, policy=policy.default)
    if not isinstance(mail, EmailMessage) or not mail.keys():
        raise FileError("it is no mail: it has no headers")
    return "\n\n".join(part for part in _parts(mail) if part.strip()) + "\n"


def _parts(mail: EmailMessage) -> Iterator[str]:
    yield f"# {mail['Subject'] or 'Mail without a subject'}"
    yield "  \n".join(f"{name}: {mail[name]}" for name in _TOLD if mail[name])
    found = mail.get_body(("plain", "html"))
    if found is not None:
        text = _content(found)
        yield _without_tags(text) if found.get_content_subtype() == "html" else text.strip()
    names = [name for part in mail.iter_attachments() if (name := part.get_filename())]
    yield "Attached: " + ", ".join(names) if names else ""


def _content(part: MIMEPart) -> str:
    try:
        return str(part.get_content())
    except LookupError:  # an encoding that there is not
        body = part.get_payload(decode=True)
        return as_utf8(body if isinstance(body, bytes) else b"").decode()


def _without_tags(page: str) -> str:
    reader = _Text()
    reader.feed(page)
    reader.close()
    lines = ("".join(reader.found)).splitlines()
    return "\n".join(" ".join(line.split()) for line in lines if line.strip())


class _Text(HTMLParser):
    """The text of a page, with a line for each block."""

    _UNSEEN = frozenset({"head", "script", "style", "title"})
    _BLOCKS = frozenset({"br", "div", "h1", "h2", "h3", "li", "p", "table", "tr", "ul", "ol"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - HTMLParser calls it
        self._unseen += tag in self._UNSEEN
        if tag in self._BLOCKS:
            self.found.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._unseen = max(0, self._unseen - (tag in self._UNSEEN))
        if tag in self._BLOCKS:
            self.found.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.found.append(" ".join(data.split("\n")))
