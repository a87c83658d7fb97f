"""PURE: which dataset each file of a folder goes to: one for all, or one for each directory."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from itertools import count, islice

#: A dataset's name as Dify allows it.
LONGEST_NAME = 40

#: Room for "-2" to "-9999" behind a name.
_NUMBER_LENGTH = 5

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LEVELS = {f"dir{level}": level for level in range(1, 10)}


def check(template: str) -> None:
    """Raise ValueError for a brace that is none of a placeholder that there is."""
    rest = _PLACEHOLDER.sub(lambda found: "" if found[1] in _LEVELS else found[0], template)
    if {"{", "}"} & set(rest):
        raise ValueError(
            "must have braces around nothing but dir1 to dir9, the directories that a file is in,"
            ' from the folder\'s root on, as in "Team {dir1}"; a dataset with a brace in its name'
            " is given by its UUID"
        )


def check_row(template: str) -> None:
    """Raise ValueError for what no number can stand behind: `max_documents` makes such names."""
    if _UUID.fullmatch(template):
        raise ValueError("max_documents needs the dataset's name, not its UUID")
    most = LONGEST_NAME - _NUMBER_LENGTH
    if _PLACEHOLDER.search(template) is None and len(template) > most:
        raise ValueError(
            f'max_documents leaves {most} characters for the name; "{template}" has {len(template)}'
        )


class Places:
    """The datasets of a folder, by its setting: a name, a UUID, or a name with `{dir1}` in it.

    With `max_documents`, what does not fit into `name` goes to `name-2`, and so on.
    """

    def __init__(self, template: str, max_documents: int = 0) -> None:
        self.max_documents = max_documents
        self._template = template
        self._is_fixed = _PLACEHOLDER.search(template) is None
        #: Whether all files go to one dataset.
        self.is_one = self._is_fixed and not max_documents
        #: What tells the setting from others under which files go elsewhere.
        self.setting = f"{template}, and more when it is full" if max_documents else template

    def row_of(self, path: str) -> Iterator[str]:
        """The names of the datasets that a file may be in, the one to fill first in front."""
        name = self.dataset_of(path)
        yield name
        for number in count(2) if self.max_documents else ():
            yield f"{name}-{number}"

    def own(self, path: str, known: Mapping[str, str], there: Collection[str]) -> str | None:
        """The name of the dataset in which a file is already; None when it is in none.

        `known` has the ids of the folder's datasets by name, `there` those of the file's documents.
        """
        # There are no gaps in the row but by a person's doing.
        row = islice(self.row_of(path), len(known))
        return next((name for name in row if known.get(name) in there), None)

    def dataset_of(self, path: str) -> str:
        """The name of the dataset that a file goes to; of one that is `refused`, "" or too long."""
        if self._is_fixed:
            return self._template
        directories = path.split("/")[:-1]
        wanted = _PLACEHOLDER.findall(self._template)
        if any(_LEVELS[place] > len(directories) for place in wanted):
            return ""
        filled = _PLACEHOLDER.sub(lambda found: directories[_LEVELS[found[1]] - 1], self._template)
        readable = filled.encode("utf-8", "replace").decode()
        return unicodedata.normalize("NFC", " ".join(readable.split()))

    def refusal(self, path: str) -> str | None:
        """Why there is no dataset for a file; None where there is."""
        if self._is_fixed:
            return None
        name = self.dataset_of(path)
        most = LONGEST_NAME - (_NUMBER_LENGTH if self.max_documents else 0)
        if not name:
            return f'it is in no directory that dataset = "{self._template}" could name'
        if len(name) > most:
            return f"its dataset's name would have {len(name)} characters; {most} may be"
        return None
