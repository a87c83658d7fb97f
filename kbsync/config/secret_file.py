"""Secrets in files of their own: the status page's token, the key of a hook's workflow."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr, ValidationInfo

from kbsync.config.keys import is_exposed
from kbsync.config.parse import place


class SecretFile(SecretStr):
    """A secret that was read; `path` is the file that the configuration names.

    `is_exposed` says that others can read that file.
    """

    def __init__(self, secret: str, path: Path, *, is_exposed: bool) -> None:
        super().__init__(secret)
        self.path = path
        self.is_exposed = is_exposed


def secret_file(
    value: object, info: ValidationInfo, credential: Callable[[Path], str], allowed: str
) -> SecretFile:
    """The secret of a file, or of the systemd credential that stands for it.

    A unit of systemd hands over what the service itself may not read. The context's "credentials"
    is the directory of what it hands over.

    Args:
        value: the path, as it is written.
        info: whose context knows where paths start, and the credentials.
        credential: the credential's name for a path.
        allowed: what the file must be; the text starts with "must".

    Raises:
        ValueError: no path, the file cannot be read, or it holds anything but one word of ASCII.
    """
    path = place(value, info)
    directory = info.context.get("credentials") if info.context else None
    handed = Path(directory) / credential(path) if isinstance(directory, str) else None
    is_handed = handed is not None and handed.exists()
    try:
        content = (handed if handed is not None and is_handed else path).read_bytes()
        exposed = not is_handed and is_exposed(path)
    except OSError as error:
        raise ValueError(f"{allowed}: {error.strerror}") from None
    secret = content.decode("utf-8-sig", "replace").strip()
    if not re.fullmatch(r"[!-~]+", secret):
        raise ValueError(f"{allowed}: it {'has other characters' if secret else 'is empty'}")
    return SecretFile(secret, path, is_exposed=exposed)
