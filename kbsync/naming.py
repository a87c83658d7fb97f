"""Remote document names: built so that creating the same version twice makes one document.

A name reads `guides › install › README [3fa9c1d2e5b7-77ab0e12].md`: the relative path for people,
then a digest of the file's identity and one of its version, then the extension, which tells the
server the type. The digests alone carry meaning; the readable part may be shortened.

A file that was moved keeps its document, and no server changes a document's name without embedding
it again. So the name tells where the content was created, and the metadata where the file is now:
a document whose `kbsync_path` (and `kbsync_source`) is another file's than its name's digest says
is that other file's. Until the metadata is written, only the ledger knows. A new document whose
name is still borne by one that moved away gets a number: `[3fa9c1d2e5b7-77ab0e12-2]`.

The parts of a file that is too large for one document have names of their own content, such as
`big › Installation [3fa9c1d2e5b7-0e1277ab-part].md`: which part it is, and of how many, changes
when other parts come and go, and a name cannot. That is in the metadata (`kbsync_part`).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

from kbsync.model import Key, Version

#: The longest name that servers keep; they cut a longer one at its first dot (seen live).
MAX_LENGTH = 200

_LONGEST_TITLE = 60
_KEY_DIGITS, _VERSION_DIGITS = 12, 8
_SEPARATOR, _ELLIPSIS = " › ", "…"
_EXTENSION = r"[0-9a-z_+-]{1,16}"
_MARK = re.compile(
    rf"(?P<readable>.*) \[(?P<key>[0-9a-f]{{{_KEY_DIGITS}}})"
    rf"-(?P<version>[0-9a-f]{{{_VERSION_DIGITS}}})(?P<part>-part)?"
    rf"(?:-(?P<number>[1-9][0-9]{{0,5}}))?\]"
    rf"(?:\.(?P<extension>{_EXTENSION}))?",
    re.DOTALL,
)
# Refused by servers up to 1.13; %22 reaches them as a quotation mark.
_ILLEGAL = re.compile(r'%22|[/\\:*?"<>|]')


@dataclass(frozen=True, slots=True)
class Mark:
    """What a document's name says: `extension` is lower case without its dot, None for none.

    The version of one that `is_part` of a file is the part's, not the file's.
    """

    readable: str
    key_digest: str
    version_digest: str
    extension: str | None
    number: int = 1
    is_part: bool = False


def remote_name(
    key: Key,
    version: Version,
    instance: str,
    *,
    extension: str | None = None,
    number: int = 1,
    part: str | None = None,
) -> str:
    """The name of a version's document, at most 200 characters and legal on every server.

    `instance` is who we are among those that share a dataset. `extension` is the type that is
    sent, without its dot, when it is not the file's own; a file without one gets none by itself.
    `number`, from 1, tells documents apart that were all created for this file and version.
    `part` is set for one of several documents of a file, to its title or "": then `version` is
    that of its own content.
    """
    own = _own_extension(key.path)
    shown = own if extension is None else _known_form(extension)
    path = key.path[: -len(own) - 1] if own is not None and own == shown else key.path
    again = f"-{number}" if number > 1 else ""
    kind = "" if part is None else "-part"
    tail = f" [{key_digest(instance, key)}-{version_digest(version)}{kind}{again}]"
    tail += "" if shown is None else f".{shown}"
    if part:
        tail = f"{_SEPARATOR}{_legal(part)[:_LONGEST_TITLE].rstrip()}{tail}"
    return _readable(path, MAX_LENGTH - len(tail)) + tail


def decode(name: str) -> Mark | None:
    """What a name of ours says, or None for the name of a document that is not ours."""
    found = _MARK.fullmatch(name)
    if found is None:
        return None
    number = int(found["number"] or 1)
    return Mark(
        found["readable"],
        found["key"],
        found["version"],
        found["extension"],
        number,
        found["part"] is not None,
    )


def key_digest(instance: str, key: Key) -> str:
    """Identity of a file among all files of all instances: 12 hex digits.

    Not 8: among 100,000 files two would share 32 bits with a probability of 0.69, and the server
    would overwrite one document with the other; 48 bits make that 0.00002.
    """
    return _digest(instance, *key)[:_KEY_DIGITS]


def version_digest(version: Version) -> str:
    """Identity of a content and its processing among the versions of one file: 8 hex digits."""
    return _digest(version.sha256, version.recipe)[:_VERSION_DIGITS]


def source(instance: str, folder: str) -> str:
    """What `kbsync_source` says of a document; a folder's name has no slash."""
    return f"{instance}/{folder}"


def told_path(path: str) -> str:
    """What `kbsync_path` says of a file; bytes that are not UTF-8 become question marks."""
    return path.encode("utf-8", "replace").decode()


def _digest(*parts: str) -> str:
    """SHA-256 of the parts, each after its length, so that no two lists of parts run together."""
    sha256 = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogateescape")
        sha256.update(len(encoded).to_bytes(8, "big") + encoded)
    return sha256.hexdigest()


def _own_extension(path: str) -> str | None:
    stem, _, extension = path.rpartition("/")[2].rpartition(".")
    return _known_form(extension) if stem else None


def _known_form(extension: str) -> str | None:
    lowered = extension.lower()
    return lowered if re.fullmatch(_EXTENSION, lowered) else None


def _readable(path: str, room: int) -> str:
    """The path for people, in at most `room` characters; the file's own name goes last."""
    parts = [_legal(part) for part in path.split("/")]
    whole = _SEPARATOR.join(parts)
    while len(whole) > room and len(parts) > 1:
        del parts[0]
        whole = _SEPARATOR.join([_ELLIPSIS, *parts])
    return whole if len(whole) <= room else _shortened(parts[-1], room)


def _shortened(name: str, room: int) -> str:
    end = room // 3
    start = room - end - len(_ELLIPSIS)
    return name[:start].rstrip() + _ELLIPSIS + name[-end:].lstrip()


def _legal(part: str) -> str:
    visible = "".join(_shown(character) for character in part)
    composed = unicodedata.normalize("NFC", visible)
    legal = _ILLEGAL.sub("_", composed)
    return " ".join(legal.split()).strip(" .") or "_"


def _shown(character: str) -> str:
    """A character as it may stand in a name: invisible ones go, broken ones are marked."""
    match unicodedata.category(character):
        case "Cf":  # zero-width and bidirectional controls, soft hyphens, byte order marks
            return ""
        case "Cs":  # a byte that is not UTF-8
            return "\N{REPLACEMENT CHARACTER}"
        case "Cc" | "Zl" | "Zp":
            return " "
        case _:
            return character
