"""What a report does not say: keys, addresses, and the names of folders and files."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from kbsync.config import Settings
from kbsync.log import printable, scrubbed

#: Whatever looks like a path or an address; those that are masked already begin with "<".
_PATH = re.compile(r"(?<![<\w])[^\s\"'`<>]*/[^\s\"'`]*[^\s\"'`.,;:)\]]")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}$")


class Mask:
    """Replaces what names this site; the same name is always replaced by the same word."""

    def __init__(self, settings: Settings | None) -> None:
        self._secrets = () if settings is None else settings.secrets
        known = dict(_known(settings)) if settings is not None else {}
        known |= {os.uname().nodename: "<host>", str(Path.home()): "<home>"}
        self._known = sorted(known.items(), key=lambda pair: len(pair[0]), reverse=True)

    def path(self, path: str) -> str:
        """A file's name as a word that keeps its type and its depth."""
        if not path:
            return ""
        suffix = _SUFFIX.search(path)
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
        return f"<file {digest}, depth {path.count('/')}>{suffix[0] if suffix else ''}"

    def text(self, text: str) -> str:
        """A free text without what is known, and without anything that looks like a path."""
        text = printable(scrubbed(text, self._secrets))
        for name, word in self._known:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", word, text)
        return _PATH.sub(lambda found: self.path(found[0]), text)


def _known(settings: Settings) -> Iterator[tuple[str, str]]:
    host = urlsplit(settings.server.url).netloc
    yield settings.server.url, "<server>"
    yield host, "<server>"
    yield settings.instance, "<instance>"
    yield str(settings.ledger), "<ledger>"
    for number, hook in enumerate(settings.hooks, 1):
        yield hook.name, f"<hook {number}>"
        if address := urlsplit(hook.target).hostname:
            yield address, f"<hook {number}>"
    for number, folder in enumerate(settings.folders, 1):
        yield str(folder.path), f"<root {number}>"
        yield folder.name, f"<folder {number}>"
        yield folder.dataset, f"<dataset {number}>"
