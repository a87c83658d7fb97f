"""The kept files that are made of the code."""

from __future__ import annotations

import pytest

from tools.share import FILES, PROJECT, printed


@pytest.mark.parametrize("name", FILES)
def test_what_is_made_of_the_code_is_current(name: str) -> None:
    """Manual page and completions are what the commands print now; else: make generated."""
    assert (PROJECT / name).read_text() == printed(FILES[name]), "run `make generated`"
