"""Text recognition (OCR) for PDF files that are pictures of pages: ocrmypdf, where it is."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

from kbsync.errors import FileError

PROGRAM = "ocrmypdf"


def is_there() -> bool:
    """Whether the program is installed."""
    return shutil.which(PROGRAM) is not None


def split(body: bytes, languages: str, most: int) -> Iterator[bytes]:  # noqa: ARG001 - it is one
    """The file with the text that was recognised; `languages` as "eng+deu".

    Raises FileError with what the program said.
    """
    command = [PROGRAM, "--quiet", "--skip-text", "--jobs", "1", "--language", languages, "-", "-"]
    done = subprocess.run(command, input=body, capture_output=True, check=False)  # noqa: S603 - no shell, and a name of ours
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["nothing"]
        raise FileError(f"{PROGRAM} could not read it ({done.returncode}): {said[-1]}")
    yield done.stdout
