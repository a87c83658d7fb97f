"""What would keep the service from starting or reading: told before it is installed."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from kbsync.commands.doctor.denials import NOBODY
from kbsync.commands.doctor.findings import Result
from kbsync.commands.doctor.folders import folder_root
from kbsync.commands.doctor.machine import acting_as
from kbsync.commands.install_service.units import STATE, Place
from kbsync.config import Settings


def obstacles(place: Place, settings: Settings) -> Iterator[str]:
    """One line for each, with what to do; nothing about rights unless we are root."""
    yield from _ledger(place, settings)
    yield from _credentials(settings)
    if os.geteuid() == 0:
        with acting_as(place.user or NOBODY, place.group):
            found = [*_files(place, settings), *_folders(settings)]
        yield from found


def _ledger(place: Place, settings: Settings) -> Iterator[str]:
    if not settings.ledger.is_relative_to(STATE):
        yield (
            f"ledger = {settings.ledger} is where the service may not write; set"
            f' ledger = "{STATE}/ledger.db" at the top of {place.config}, so that the service and'
            " `kbsync status` mean the same one"
        )


def _credentials(settings: Settings) -> Iterator[str]:
    """Workflows' keys that systemd could not hand over: it knows them by their files' names."""
    known: dict[str, Path] = {}
    for path in (hook.workflow.path for hook in settings.hooks if hook.workflow is not None):
        if known.setdefault(path.name, path) != path:
            yield f"hooks: {known[path.name]} and {path} need names that differ; rename one of them"
        if not re.fullmatch(r"[A-Za-z0-9._+@-]{1,200}", path.name):
            yield f"hooks: systemd does not take the name of {path}; rename it as in report.key"


def _files(place: Place, settings: Settings) -> Iterator[str]:
    """What the service reads beside its documents; its keys are handed to it."""
    if not os.access(place.program, os.X_OK) or not os.access(sys.prefix, os.R_OK | os.X_OK):
        yield (
            f"{place.program} is where only its owner may look, and the service is another user;"
            " install kbsync into /opt/kbsync, as the README says, and call it from there"
        )
    for setting, file in (
        ("the configuration", place.config),
        ("server.ca_file", settings.server.ca_file),
    ):
        if file is not None and not os.access(file, os.R_OK):
            yield (
                f"{setting}: the service, which is another user, may not read {file}; allow it with"
                f" chgrp and --group, or chmod 644 {file} if it holds no secret"
            )


def _folders(settings: Settings) -> Iterator[str]:
    for folder in settings.folders:
        found = folder_root(folder)
        if found.result is Result.FAIL and folder.path.exists():
            yield f"folder {folder.name!r}: {found.finding}; {found.remedy}"
