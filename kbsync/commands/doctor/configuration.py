"""The configuration and the key."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from kbsync.commands.doctor.findings import (
    Finding,
    fail,
    ok,
    parted,
    warn,
)
from kbsync.config import Settings, find, load
from kbsync.config.keys import CREDENTIAL, ENV_KEY, ENV_KEY_FILE, has_credential
from kbsync.errors import ConfigError
from kbsync.plurals import counted


def configuration(explicit: Path | None) -> tuple[Settings | None, list[Finding]]:
    """Which file it is, and a finding for each line that is wrong or doubtful in it."""
    check, file = "configuration", "-"
    try:
        file = str(find(explicit))
        settings = load(explicit)
    except ConfigError as error:
        return None, [_wrong(file, line) for line in str(error).splitlines()]
    found = f"is valid; {counted(len(settings.folders), 'folder')}"
    return settings, [
        ok(check, file, found),
        *(
            warn(check, file, *parted(warning, "change it"))
            for warning in settings.warnings
            if not _is_about_key(warning)
        ),
    ]


def _wrong(file: str, line: str) -> Finding:
    if file == "-":
        return fail("configuration", file, *parted(line, "give another --config"))
    variable = re.match(r"KBSYNC_\w+", line)
    remedy = f"correct the variable {variable[0]}" if variable else f"correct it in {file}"
    return fail("configuration", file, line.removeprefix(f"{file}: "), remedy)


def key(settings: Settings, explicit: Path | None) -> list[Finding]:
    """Where the key comes from and who else can read it; never the key."""
    source, file = _key_source(settings, find(explicit), os.environ)
    doubts = [warning for warning in settings.warnings if _is_about_key(warning)]
    if doubts:
        return [
            warn("key", source, *parted(doubt.removeprefix(f"{source} "), "change it"))
            for doubt in doubts
        ]
    found = "has a key" if file is None else f"has a key (mode {_mode(file)})"
    return [ok("key", source, found)]


def _is_about_key(warning: str) -> bool:
    return "API key" in warning


def _key_source(
    settings: Settings, config: Path, environ: Mapping[str, str]
) -> tuple[str, Path | None]:
    """The place that counts, in the order of `kbsync.config.keys`."""
    variables = {name.upper() for name in environ}
    if ENV_KEY in variables:
        return ENV_KEY, None
    if ENV_KEY_FILE not in variables and has_credential(environ):
        return f"systemd credential {CREDENTIAL}", None
    if settings.server.api_key_file is not None:
        file = settings.server.api_key_file
        return (f"{ENV_KEY_FILE} = {file}" if ENV_KEY_FILE in variables else str(file)), file
    return str(config), config


def _mode(file: Path) -> str:
    return f"{stat.S_IMODE(file.stat().st_mode):03o}"
