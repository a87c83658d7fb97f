"""kbsync, and when it listed which directory: `python -m bench.counted FILE run ...`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from kbsync.cli import main


def count(told: Path) -> None:
    """Run kbsync with the other arguments, and write what it listed to a file, as JSON."""
    listed: list[tuple[float, str]] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in {"os.scandir", "os.listdir"}:
            (place,) = arguments
            is_open = isinstance(place, int)
            path = Path(f"/proc/self/fd/{place}").readlink() if is_open else place
            listed.append((time.monotonic(), str(path)))

    sys.addaudithook(hook)
    try:
        main()
    finally:
        told.write_text(json.dumps(listed))


if __name__ == "__main__":
    count(Path(sys.argv.pop(1)))
