"""What goes wrong in other tools that keep a knowledge base equal to a folder, each once.

`COVERED` tells where the failures are tried that other tests have for their own sake; the rest
is tried here.
"""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path

import pytest

from kbsync.standin import Fault

from .place import Place, a_place

_TESTS = Path(__file__).parent.parent

COVERED = {
    "the first page of a list is taken for all": (
        "contract/test_backend_dify.py::test_all_documents",
        "flow/test_adopt.py::test_two_hundred_documents",
    ),
    "a list that breaks off is taken for a short one": (
        "contract/test_backend_dify.py::test_a_list_that_breaks_off",
    ),
    "an unreadable directory is taken for an empty one": (
        "flow/test_reconcile.py::test_an_unreadable_file",
    ),
    "documents made by hand are deleted": (
        "flow/test_reconcile.py::test_unmanaged_documents_are_left_alone",
    ),
    "files of one base name overwrite each other": (
        "flow/test_reconcile.py::test_equal_names_stay_apart",
    ),
    "an upload that was answered counts as indexed": (
        "flow/test_reconcile.py::test_zero_segments_are_a_failure",
    ),
    "what was done is written down at the end": (
        "flow/test_faults.py::test_a_run_is_killed",
        "flow/test_kill.py::test_killed_at_random_moments",
    ),
    "events during a sync are ignored, or start another beside it": (
        "flow/test_service_patterns.py::test_edits_during_a_slow_upload",
    ),
    "a hidden directory above the root makes the watch deaf": (
        "integration/test_watch_events.py::test_hidden_directory_above_the_root",
    ),
    "a file that is written all the time is never sent": (
        "flow/test_service_patterns.py::test_a_file_that_is_never_quiet",
    ),
    "a directory moved out, or in and then edited, is not seen": (
        "flow/test_service.py::test_a_directory_moved_in_and_out",
    ),
    "a link to a directory above is walked round and round": (
        "integration/test_scan_walk.py::test_links",
    ),
    "a file that vanishes ends the whole scan": (
        "integration/test_scan_races.py::test_file_vanishes",
    ),
    "a name that is not UTF-8 ends the whole sync": ("integration/test_scan_walk.py::test_names",),
    "patterns do not mean what git means": ("unit/test_filters.py::test_like_git",),
    "one try for a connection error, or for a 429": (
        "flow/test_service.py::test_the_server_is_away_for_a_while",
        "flow/test_faults.py::test_too_many_requests",
    ),
    "a burst of events loses most of them silently": (
        "flow/test_service_burst.py::test_a_burst_that_overflows_the_queue",
    ),
    "a root that was removed and made again is not seen": (
        "flow/test_service.py::test_the_root_goes_and_comes_back",
    ),
    "an atomic save, or a hard link, is not a change": (
        "flow/test_service_patterns.py::test_every_pattern",
        "integration/test_watch_events.py::test_hard_link",
    ),
    "an API for everybody who can reach it": ("flow/test_web.py::test_a_token_is_demanded",),
}


@pytest.mark.parametrize("failure", COVERED)
def test_it_is_tried_elsewhere(failure: str) -> None:
    """The named tests are there."""
    for place in COVERED[failure]:
        file, _, name = place.partition("::")
        tree = ast.parse((_TESTS / file).read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, place


def filled(place: Place, count: int = 12) -> set[str]:
    """Sync some files; returns the ids of their documents."""
    for number in range(count):
        place.write(f"{number}.md", f"document number {number}, about voles and their burrows")
    said = place.kbsync("reconcile")
    assert said.code == 0, said.out + said.err
    place.calls()
    return {document.id for document in place.documents()}


def test_a_list_that_fails_is_no_empty_dataset(tmp_path: Path) -> None:
    """Without a ledger and without a list nobody knows what is there: nothing is sent or goes."""
    with a_place(tmp_path) as place:
        before = filled(place)
        place.lose_ledger()
        place.standin.faults.add(Fault("proxy-502", "GET", r"documents\?|/documents$", times=None))
        assert place.kbsync("reconcile", "--timeout", "1").code in {3, 5}
        assert {document.id for document in place.documents()} == before
        calls = place.calls()
        assert (calls["create"], calls["delete"]) == (0, 0)
        place.standin.faults.clear()
        assert place.kbsync("reconcile").code == 0
        place.equal()
        assert {document.id for document in place.documents()} == before


def test_equal_paths_in_two_folders(tmp_path: Path) -> None:
    """Two folders that fill one dataset may both have a README.md: neither overwrites, nor goes."""
    with a_place(tmp_path) as place:
        place.write("README.md", "what the first folder is for, about herons")
        (tmp_path / "more").mkdir()
        (tmp_path / "more" / "README.md").write_text("what the second folder is for, about newts")
        with place.config.open("a") as config:
            config.write(
                f'[[folders]]\nname = "more"\npath = "{tmp_path}/more"\ndataset = "KB"\n'
                'indexing_technique = "economy"\n'
            )
        for _ in range(2):
            assert place.kbsync("reconcile").code == 0
            assert sorted(document.text.split(", ")[0] for document in place.documents()) == [
                "what the first folder is for",
                "what the second folder is for",
            ]
        (place.root / "README.md").unlink()
        place.write("stays.md", "the file that stays, about newts")
        assert place.kbsync("reconcile").code == 0
        assert sorted(document.text.split(", ")[0] for document in place.documents()) == [
            "the file that stays",
            "what the second folder is for",
        ]


@pytest.mark.parametrize(
    ("replace", "fault"),
    [("gap_free", Fault("500-before", "POST")), ("in_place", Fault("cut-before", "POST"))],
)
def test_an_upload_that_fails_takes_nothing_away(
    tmp_path: Path, replace: str, fault: Fault
) -> None:
    """Of a changed file whose upload fails, the version before goes on to answer."""
    with a_place(tmp_path) as place:
        place.configure(replace=replace)
        before = filled(place, 3)
        place.write("1.md", "document number 1 once more, about otters and their holts")
        place.standin.faults.add(dataclasses.replace(fault, times=None))
        assert place.kbsync("reconcile", "--timeout", "1").code != 0
        answering = [one for one in place.documents() if one.display_status == "available"]
        assert {document.id for document in answering} == before
        place.standin.faults.clear()
        assert place.kbsync("reconcile").code == 0
        place.equal()
