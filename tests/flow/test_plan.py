"""`kbsync plan` tells what the next run does with each file, and why."""

from __future__ import annotations

import os
from pathlib import Path

from .place import a_place


def test_dry_run_changes_nothing(tmp_path: Path) -> None:
    """`plan` and `reconcile --dry-run` print the same and write neither ledger nor server."""
    with a_place(tmp_path) as place:
        place.write("a.md", "a document about beavers")
        plan = place.kbsync("plan")
        assert plan.code == 0
        assert "+ docs/a.md  (new)" in plan.out
        assert place.kbsync("reconcile", "--dry-run").out == plan.out
        assert not place.ledger.exists()
        assert place.calls() == {}


def test_plan_is_what_reconcile_does(tmp_path: Path) -> None:
    """Each line of the plan is found again in what the next run did."""
    with a_place(tmp_path) as place:
        for name in ("edit", "touch", "delete", "stay"):
            place.write(f"{name}.md", f"the file to {name}, about martens and their dens")
        assert place.kbsync("reconcile").code == 0
        place.write("edit.md", "edited, about martens and their dens")
        os.utime(place.root / "touch.md", ns=(1, 1))
        (place.root / "delete.md").unlink()
        place.write("new.md", "a new one, about owls")
        planned = {
            change["path"]: change["action"]
            for change in place.kbsync("plan", "--json").json["changes"]
            if change["path"] != "stay.md"
        }
        assert planned == {
            "edit.md": "replace",
            "touch.md": "refresh",
            "delete.md": "delete",
            "new.md": "send",
        }
        place.calls()
        said = place.kbsync("reconcile", "--json").json
        done = said["folders"][0]["done"]
        assert (done["sent"], done["deleted"]) == (2, 1)
        calls = place.calls()
        assert (calls["create"], calls["delete"]) == (2, 2)
        place.equal()


def test_what_an_outage_left(tmp_path: Path) -> None:
    """What a run could not send is told by what it is to the dataset: changed, or new."""
    with a_place(tmp_path) as place:
        place.write("edit.md", "a file about martens and their dens")
        assert place.kbsync("reconcile").code == 0
        for name in ("edit", "new"):
            place.write(f"{name}.md", "edited, about martens and their dens")
        place.part_from_server()
        assert place.kbsync("reconcile").code == 5
        plan = place.kbsync("plan")
        assert plan.line("docs/edit.md").startswith("~ docs/edit.md  (left from an earlier run")
        assert plan.line("docs/new.md").startswith("+ docs/new.md  (left from an earlier run")
