"""A ledger and a configuration that do not belong together."""

from __future__ import annotations

from kbsync.config import Settings
from kbsync.errors import ConfigError
from kbsync.ledger import Abandoned, Ledger


def refuse_misfit(ledger: Ledger, settings: Settings) -> None:
    """Raise ConfigError when the ledger's documents bear another instance's or folder's name."""
    known = ledger.published("instance") or settings.instance
    if known != settings.instance and ledger.has_documents():
        raise ConfigError(
            f"instance = {settings.instance!r}, but the ledger {settings.ledger} belongs to"
            f" {known!r}, and its documents are marked so; set instance = {known!r}"
        )
    roots = {str(folder.path): folder.name for folder in settings.folders}
    for old in abandoned(ledger, settings):
        new = roots.get(old.root)
        if new is not None and ledger.with_document(new) == 0:
            raise ConfigError(
                f"folder {new!r} has the path {old.root}, which the ledger knows as folder"
                f" {old.name!r}, and its {old.documents} documents are marked so: they would be"
                f" there twice; set name = {old.name!r}"
            )


def abandoned(ledger: Ledger, settings: Settings) -> list[Abandoned]:
    """Folders that the configuration has no more, and whose documents go on answering."""
    return ledger.abandoned([folder.name for folder in settings.folders])
