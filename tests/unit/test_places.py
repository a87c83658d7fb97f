"""Which dataset a file goes to."""

from __future__ import annotations

import pytest

from kbsync.places import Places, check


@pytest.mark.parametrize(
    ("template", "path", "name"),
    [
        ("Handbook", "a.md", "Handbook"),
        ("{dir1}", "IT/a.md", "IT"),
        ("{dir1}", "IT/deep/a.md", "IT"),
        ("{dir1}: {dir2}", "IT/deep/a.md", "IT: deep"),
        ("Team {dir1}", "IT  and  HR/a.md", "Team IT and HR"),
        ("{dir1}", "Büro/a.md", "Büro"),
        ("{dir1}", "caf\udce9/a.md", "caf?"),
        ("{dir1}", "{dir2}/x/a.md", "{dir2}"),
    ],
)
def test_names(template: str, path: str, name: str) -> None:
    """Placeholders are the directories that a file is in; a name is one line in one form."""
    assert Places(template).dataset_of(path) == name
    assert Places(template).refusal(path) is None


@pytest.mark.parametrize(
    ("template", "path", "reason"),
    [
        ("{dir1}", "a.md", "in no directory"),
        ("{dir2}", "IT/a.md", "in no directory"),
        ("{dir1}", "x" * 41 + "/a.md", "would have 41 characters; 40 may be"),
    ],
)
def test_no_place(template: str, path: str, reason: str) -> None:
    """A file that no dataset can be named for is refused with the reason."""
    assert reason in (Places(template).refusal(path) or "")


@pytest.mark.parametrize(
    "template",
    ["{dir0}", "Team {dirr1}", "Team {dir1", "Team dir1}", "{}", "{{dir1}}", "{ dir1 }", "}{", "{"],
)
def test_a_wrong_placeholder(template: str) -> None:
    """A brace that means no directory is refused, and not taken for a part of the name."""
    with pytest.raises(ValueError, match="must have braces around nothing but dir1 to dir9"):
        check(template)
