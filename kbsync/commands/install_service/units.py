"""The units as this machine needs them: its program, configuration, keys and mounts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from kbsync.commands.doctor.denials import PRIVATE
from kbsync.config import Settings
from kbsync.config.hook import workflow_credential
from kbsync.config.keys import APP_KEY, DATASET_KEY
from kbsync.config.settings import TOKEN_CREDENTIAL

SERVICE: Final = ("kbsync.service",)
TIMER: Final = ("kbsync-reconcile.service", "kbsync-reconcile.timer")
#: Where the sandbox lets the service write.
STATE: Final = Path("/var/lib/kbsync")


@dataclass(frozen=True, slots=True)
class Place:
    """What differs from machine to machine; `user` None is one that systemd makes up."""

    program: Path
    config: Path
    user: str | None = None
    group: str | None = None


def units(names: tuple[str, ...], place: Place, settings: Settings) -> Mapping[str, str]:
    """The text of each of these units."""
    return {name: _fitted(_packaged(name), place, settings) for name in names}


def _packaged(name: str) -> str:
    """A unit as it is published: in the wheel, or in the checkout that this runs from."""
    package = resources.files("kbsync")
    unit = package / "units" / name
    return (unit if unit.is_file() else package / ".." / "systemd" / name).read_text()


def _fitted(text: str, place: Place, settings: Settings) -> str:
    text = text.replace("/usr/local/bin/kbsync", quoted(str(place.program)))
    text = text.replace("/etc/kbsync/config.toml", quoted(str(place.config)))
    mounts = "".join(
        f"RequiresMountsFor={quoted(str(folder.path))}\n" for folder in settings.folders
    )
    text = text.replace("#RequiresMountsFor=/srv/docs\n", mounts)
    hidden = "".join(
        f"BindReadOnlyPaths={quoted(str(folder.path))}\n"
        for folder in settings.folders
        if any(folder.path.is_relative_to(private) for private in PRIVATE)
    )
    text = text.replace("PrivateTmp=yes\n", f"PrivateTmp=yes\n{hidden}")
    credentials = _credentials(settings)
    text = re.sub(r"(#?LoadCredential=.*\n)+", lambda _: credentials, text)
    if place.user is not None:
        text = text.replace("DynamicUser=yes\n", f"User={place.user}\n")
    if place.group is not None:
        text = text.replace("#SupplementaryGroups=docs\n", f"SupplementaryGroups={place.group}\n")
    return text


def _credentials(settings: Settings) -> str:
    """The lines that hand over the files of keys and of the token, as far as there are such."""
    files = {
        DATASET_KEY.credential: settings.server.api_key_file,
        APP_KEY.credential: settings.app.api_key_file,
    }
    if settings.http.token_file is not None:
        files[TOKEN_CREDENTIAL] = settings.http.token_file.path
    for hook in settings.hooks:
        if hook.workflow is not None:
            files[workflow_credential(hook.workflow.path)] = hook.workflow.path
    return "".join(
        f"LoadCredential={credential}:{_percent(str(file))}\n"
        for credential, file in files.items()
        if file is not None
    )


def quoted(path: str) -> str:
    """A path as units write it: specifiers doubled, in quotes where it must be."""
    path = _percent(path)
    if re.fullmatch(r"[\w./%@:+-]+", path):
        return path
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$") + '"'


def _percent(path: str) -> str:
    return path.replace("%", "%%")
