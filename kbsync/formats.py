"""PURE: types of files: what the server takes, what can be converted, and what is not sent."""

from __future__ import annotations

from collections.abc import Mapping

from kbsync.model import SERVER_TYPES

#: Documents that the server does not take and a converter does.
DOCUMENTS: frozenset[str] = frozenset(
    {"adoc", "eml", "epub", "ipynb", "msg", "odt", "pptx", "rst", "rtf"}
)

#: Text for programs, which is sent as a block of code, with the language that the block tells.
LANGUAGES: Mapping[str, str] = {
    "bash": "bash",
    "bat": "bat",
    "c": "c",
    "cc": "cpp",
    "cfg": "ini",
    "conf": "",
    "cpp": "cpp",
    "cs": "csharp",
    "css": "css",
    "go": "go",
    "h": "c",
    "hpp": "cpp",
    "ini": "ini",
    "java": "java",
    "js": "javascript",
    "json": "json",
    "jsonl": "json",
    "kt": "kotlin",
    "log": "",
    "lua": "lua",
    "php": "php",
    "pl": "perl",
    "ps1": "powershell",
    "py": "python",
    "r": "r",
    "rb": "ruby",
    "rs": "rust",
    "sh": "bash",
    "sql": "sql",
    "swift": "swift",
    "tf": "hcl",
    "toml": "toml",
    "ts": "typescript",
    "tsx": "tsx",
    "vue": "vue",
    "xml": "xml",
    "yaml": "yaml",
    "yml": "yaml",
}

CONVERTIBLE: frozenset[str] = DOCUMENTS | frozenset(LANGUAGES)

MARKDOWN: frozenset[str] = frozenset({"markdown", "md", "mdx"})
PAGES: frozenset[str] = frozenset({"htm", "html"})

#: Types of which a file that is too large is sent in parts.
SPLITTABLE: frozenset[str] = MARKDOWN | {"csv", "pdf", "txt"}

BLANK = "nothing but white space in it: nothing to index"
NO_TEXT = "no text in it: nothing to index"
PICTURES = "no text in it, as of a scan: it needs text recognition (OCR) first"
NO_WORDS = "no text in it, and none in its pictures: nothing to index"

#: The reasons for which a file is skipped rather than failed.
NOTHING: frozenset[str] = frozenset({BLANK, NO_TEXT, NO_WORDS, PICTURES})


def extension_of(path: str) -> str:
    """A file's type, lower case and without its dot; "" for none."""
    stem, _, suffix = path.rpartition("/")[2].rpartition(".")
    return suffix.lower() if stem else ""


def refusals(wanted: frozenset[str], ready: frozenset[str]) -> Mapping[str, str]:
    """Why files are not converted that could be, by their type."""
    away = 'converting it needs more packages: pip install "kbsync[convert]"'
    told = dict.fromkeys(wanted - ready, away)
    for extension in CONVERTIBLE - wanted:
        group = "documents" if extension in DOCUMENTS else "all"
        told[extension] = f'the server does not take it; convert = "{group}" has it converted'
    return told


def taken(types: frozenset[str]) -> str:
    """The types that are sent as they are, for people."""
    return ", ".join(sorted(types & SERVER_TYPES))
