"""Random histories end well; one that does not tells how to see it again."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.seams import TRIED

_HISTORIES = 60


def test_histories() -> None:
    """Whatever happens to files, server and process: in the end both sides are equal."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--count", str(_HISTORIES)],
        env={**os.environ, "PYTHONHASHSEED": "0"},  # so that the order of sets is the same again
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    TRIED["histories"] += _HISTORIES
