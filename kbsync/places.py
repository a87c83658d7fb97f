"""PURE: which dataset each file of a folder goes to: one for all, or one for each directory."""

from __future__ import annotations

import re
import unicodedata

#: A dataset's name as Dify allows it.
LONGEST_NAME = 40

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_LEVELS = {f"dir{level}": level for level in range(1, 10)}


def check(template: str) -> None:
    """Raise ValueError for a placeholder that there is not."""
    for found in _PLACEHOLDER.findall(template):
        if found not in _LEVELS:
            raise ValueError(
                f'"{template}": there is no {{{found}}}; there are {{dir1}} to {{dir9}}, the'
                " directories that a file is in, from the folder's root on"
            )


class Places:
    """The datasets of a folder, by its setting: a name, a UUID, or a name with `{dir1}` in it."""

    def __init__(self, template: str) -> None:
        self.template = template
        #: Whether all files go to one dataset.
        self.is_one = _PLACEHOLDER.search(template) is None

    def dataset_of(self, path: str) -> str:
        """The name of the dataset that a file goes to; of one that is `refused`, "" or too long."""
        if self.is_one:
            return self.template
        directories = path.split("/")[:-1]
        if any(_LEVELS[place] > len(directories) for place in _PLACEHOLDER.findall(self.template)):
            return ""
        filled = _PLACEHOLDER.sub(lambda found: directories[_LEVELS[found[1]] - 1], self.template)
        readable = filled.encode("utf-8", "replace").decode()
        return unicodedata.normalize("NFC", " ".join(readable.split()))

    def refusal(self, path: str) -> str | None:
        """Why there is no dataset for a file; None where there is."""
        if self.is_one:
            return None
        name = self.dataset_of(path)
        if not name:
            return f'it is in no directory that dataset = "{self.template}" could name'
        if len(name) > LONGEST_NAME:
            return f"its dataset's name would have {len(name)} characters; {LONGEST_NAME} may be"
        return None
