"""What goes in: ignore files, changed filters and rules, from the command line to the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from .place import Place, a_place

RULE = {"mode": "custom", "rules": {"segmentation": {"separator": "\n", "max_tokens": 60}}}


def synced(place: Place, *paths: str) -> None:
    for path in paths:
        place.write(path, f"a document about otters and their rivers, named {path}")
    assert place.kbsync("reconcile").code == 0
    assert set(place.live()) == set(paths)
    place.standin.forget_requests()


def replaced(place: Place) -> dict[str, str]:
    planned = place.kbsync("plan", "--json").json["changes"]
    return {row["path"]: row["reason"] for row in planned if row["action"] == "replace"}


def test_an_ignore_file_takes_documents_out(tmp_path: Path) -> None:
    """A new ignore file counts at the next look, and lifting it brings the documents back."""
    with a_place(tmp_path) as place:
        synced(place, "a.md", "IT/b.md", "IT/old/c.md")

        place.write("IT/.kbsyncignore", "old/\n")
        reason = 'excluded by IT/.kbsyncignore line 1 "old/"'
        assert reason in place.kbsync("plan").line("docs/IT/old/c.md")
        assert place.kbsync("reconcile").code == 0
        assert set(place.live()) == {"a.md", "IT/b.md"}

        (place.root / "IT/.kbsyncignore").unlink()
        assert place.kbsync("reconcile").code == 0
        assert set(place.live()) == {"a.md", "IT/b.md", "IT/old/c.md"}


def test_a_changed_filter_meets_the_holds(tmp_path: Path) -> None:
    """What a filter no longer admits is held like any other deletion, and says why it would go."""
    with a_place(tmp_path) as place:
        synced(place, *(f"drafts/{number}.md" for number in range(12)), "a.md")
        place.configure(exclude=["drafts/"])

        planned = place.kbsync("plan")
        assert planned.code == 4
        assert 'excluded by exclude "drafts/"' in planned.line("docs/drafts/7.md")
        assert place.kbsync("reconcile").code == 4
        assert len(place.documents()) == 13

        assert place.kbsync("reconcile", "--allow-delete").code == 0
        assert set(place.live()) == {"a.md"}


def test_a_broken_ignore_file_stops_its_directory(tmp_path: Path) -> None:
    """Nothing below it is deleted or sent, nor deleted what may have been moved there."""
    with a_place(tmp_path) as place:
        synced(place, "a.md", "IT/b.md", "z.md")
        place.write("IT/.kbsyncignore", "[a-\n")
        place.write("IT/new.md", "not to be sent before it is known to be wanted")
        (place.root / "IT/b.md").unlink()
        (place.root / "a.md").unlink()
        place.write("z.md", "an edit of what lies elsewhere, about toads")

        assert "line 1: the pattern '[a-'" in place.kbsync("plan").line("docs/IT ")
        assert "held     docs: " in place.kbsync("reconcile").out
        assert set(place.live()) == {"a.md", "IT/b.md", "z.md"}
        assert b"toads" in place.live()["z.md"].body

        place.write("IT/.kbsyncignore", "[a-z].txt\n")
        assert place.kbsync("reconcile").code == 0
        assert set(place.live()) == {"IT/new.md", "z.md"}


def test_a_rule_is_for_exactly_its_files(tmp_path: Path) -> None:
    """A changed rule indexes the files under it again, plan says which, and others stay."""
    with a_place(tmp_path) as place:
        synced(place, "a.md", "contracts/b.md", "contracts/x/c.md", "d.txt")

        place.configure(rules=[{"match": ["contracts/", "!c.md"], "process_rule": RULE}])
        assert replaced(place) == {"contracts/b.md": "settings changed"}
        assert place.kbsync("reconcile").code == 0
        calls = place.calls()
        assert (calls["create"], calls["delete"]) == (1, 1)
        assert place.live()["contracts/b.md"].process_rule["mode"] == "custom"
        assert place.live()["contracts/x/c.md"].process_rule["mode"] == "automatic"
        told = place.kbsync("explain", "docs/contracts/b.md").line("indexed by")
        assert told.endswith("rule 1 of the folder")

        place.configure(
            rules=[
                {"match": ["contracts/", "!c.md"], "process_rule": RULE},
                {"match": ["contracts/"], "doc_language": "German"},
            ]
        )
        assert replaced(place).keys() == {"contracts/b.md", "contracts/x/c.md"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"exclude": ["a["]},
            "exclude: the pattern 'a[' cannot be used: a bracket is not closed",
        ),
        (
            {"rules": [{"match": ["/"], "doc_language": "German"}]},
            "rules[0].match: the pattern '/' cannot be used: it matches nothing",
        ),
        (
            {"rules": [{"match": ["*.md"]}]},
            "a rule needs a process_rule, or a doc_language",
        ),
        ({"exclude_if_present": ["a/b"]}, "must be a list of file names"),
        ({"min_size": "20MiB"}, "min_size must not be larger than max_size"),
    ],
)
def test_a_wrong_setting_is_named(
    tmp_path: Path, settings: dict[str, object], message: str
) -> None:
    """A pattern or rule that cannot be used is told with the file, the folder and the key."""
    with a_place(tmp_path) as place:
        place.configure(**settings)

        said = place.kbsync("plan")

        assert said.code == 2
        assert str(place.config) in said.line(message)


def test_explain_names_what_decided(tmp_path: Path) -> None:
    """The file, the line and the pattern, also for a path that is not there."""
    with a_place(tmp_path) as place:
        place.configure(exclude=["*.csv"])
        place.write("IT/.kbsyncignore", "# ours\nold/\n")

        said = place.kbsync("explain", str(place.root / "IT/old/gone.md"))
        assert said.line("rule:").endswith('excluded by IT/.kbsyncignore line 2 "old/"')
        said = place.kbsync("explain", "docs/never.csv")
        assert said.line("rule:").endswith('excluded by exclude "*.csv"')
        assert said.line("configuration:").endswith(str(place.config))
        said = place.kbsync("explain", "docs/new/never.md")
        assert said.line("rule:").endswith("admitted by type .md")
