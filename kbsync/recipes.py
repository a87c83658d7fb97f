"""PURE: how each file of a folder is processed, and the fingerprint of that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict

from kbsync.filters import Selection
from kbsync.formats import CONVERTIBLE, extension_of
from kbsync.model import Processing


def recipe(processing: Processing, converter: str = "") -> str:
    """Fingerprint of everything but the file that shapes a document: 12 hex digits."""
    told = json.dumps([asdict(processing), converter], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:12]


class Recipes:
    """The folder's processing, or that of the last rule that selects a file.

    `converter_of` tells what stands for the converter of a type in `converted`.
    """

    def __init__(
        self,
        processing: Processing,
        rules: Sequence[tuple[Selection, Processing]] = (),
        converter_of: Callable[[str], str] = lambda _: "",
        converted: frozenset[str] = CONVERTIBLE,
    ) -> None:
        self._default = processing, recipe(processing)
        self._rules = [(selection, (own, recipe(own))) for selection, own in reversed(rules)]
        self._converter_of = converter_of
        self._types = converted
        self._converted: dict[tuple[str, str], str] = {}

    def processing_of(self, path: str) -> Processing:
        """How the server shall index this file."""
        return self._of(path)[0]

    def recipe_of(self, path: str) -> str:
        """The recipe of this file."""
        processing, plain = self._of(path)
        extension = extension_of(path)
        if extension not in self._types:
            return plain
        known = self._converted.get((plain, extension))
        if known is None:
            known = recipe(processing, self._converter_of(extension))
            self._converted[plain, extension] = known
        return known

    def rule_of(self, path: str) -> int | None:
        """The number of the rule that decides, counted from 0."""
        for number, (selection, _) in enumerate(self._rules, 1):
            if selection.selects(path):
                return len(self._rules) - number
        return None

    def _of(self, path: str) -> tuple[Processing, str]:
        if self._rules:
            for selection, own in self._rules:
                if selection.selects(path):
                    return own
        return self._default
