"""Which file or folder a person means by a path."""

from __future__ import annotations

import os

from kbsync.config import Settings
from kbsync.model import Key


def locate(settings: Settings, path: str) -> Key | None:
    """A folder's name, a path on disk in a folder, or FOLDER/relative/path; None is none of them.

    The path of a folder itself is "". Nothing need exist.
    """
    name = path.rstrip("/")
    if settings.folder(name) is not None and not os.path.isfile(path):  # noqa: PTH113 - never raises
        return Key(name, "")
    return _on_disk(settings, path) or _by_name(settings, path)


def _on_disk(settings: Settings, path: str) -> Key | None:
    absolute = os.path.normpath(os.path.join(os.getcwd(), path))  # noqa: PTH109, PTH118 - text, not yet a file
    for folder in settings.folders:
        for root in (str(folder.path), os.path.realpath(folder.path)):
            below = root.rstrip("/") + "/"
            if f"{absolute}/".startswith(below):
                return Key(folder.name, absolute[len(below) :])
    return None


def _by_name(settings: Settings, path: str) -> Key | None:
    name, _, rest = path.partition("/")
    below = os.path.normpath(rest.lstrip("/"))
    if settings.folder(name) is None or below.split("/")[0] == "..":
        return None
    return Key(name, "" if below == "." else below)
