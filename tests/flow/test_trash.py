"""What becomes of the document of a file that is gone: deleted, disabled, archived, kept."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from kbsync.standin import Fault

from .place import Place, a_place
from .test_service import eventually, is_equal, quick, service, stop

VERSIONS = ["1.10.1", "1.16.1"]
TEXT = "a document about otters, long enough to be believed without another question"


def days_pass(place: Place, days: float) -> None:
    """Make everything in the trash so much older."""
    with closing(sqlite3.connect(place.ledger)) as db, db:
        db.execute("UPDATE files SET purge_at = purge_at - ?", (days * 86_400,))


def in_service(place: Place) -> dict[str, bool]:
    """Whether the document of each file answers, by the text that its name begins with."""
    return {
        document.name.split(" [")[0]: document.enabled and not document.archived
        for document in place.documents()
    }


def trash_of(place: Place) -> int:
    status = place.kbsync("status", "--json", "--offline").json
    return int(status["folders"][0]["trash"]["count"])


def two_files(place: Place, **settings: object) -> None:
    place.configure(**settings)
    place.write("gone.md", TEXT)
    place.write("kept.md", TEXT + ", and about voles")
    assert place.kbsync("reconcile").code == 0
    place.calls()


@pytest.mark.parametrize("behave", VERSIONS)
def test_disabled_first_and_purged_later(tmp_path: Path, behave: str) -> None:
    """With trash_days a document stops answering at once and is deleted after these days."""
    with a_place(tmp_path, behave=behave) as place:
        two_files(place, trash_days=30)
        (place.root / "gone.md").unlink()
        line = place.kbsync("plan").line("- docs/gone.md")
        assert "disable: not in the folder any more; purge on 20" in line
        said = place.kbsync("reconcile")
        assert said.code == 0
        assert "purge on 20" in said.line("shelved  docs/gone.md")
        assert in_service(place) == {"gone": False, "kept": True}
        assert trash_of(place) == 1
        told = place.kbsync("explain", "docs/gone.md").out
        assert "out of service (disabled)" in told
        assert "is in service again when the file returns" in told

        days_pass(place, 29)
        assert "gone.md" not in place.kbsync("plan").out
        assert place.kbsync("reconcile").code == 0
        assert len(place.documents()) == 2
        days_pass(place, 1)
        assert "purge" in place.kbsync("plan").line("- docs/gone.md")
        place.calls()
        assert place.kbsync("reconcile").code == 0
        assert place.calls()["delete"] == 1
        place.equal()
        assert trash_of(place) == 0


@pytest.mark.parametrize("behave", VERSIONS)
@pytest.mark.parametrize("policy", [{"trash_days": 30}, {"on_delete": "disable"}])
def test_brought_back(tmp_path: Path, behave: str, policy: dict[str, object]) -> None:
    """A file that returns with the same content gets its document back without indexing."""
    with a_place(tmp_path, behave=behave) as place:
        two_files(place, **policy)
        (place.root / "gone.md").rename(tmp_path / "gone.md")
        assert place.kbsync("reconcile").code == 0
        assert in_service(place) == {"gone": False, "kept": True}
        place.calls()
        (tmp_path / "gone.md").rename(place.root / "gone.md")
        said = place.kbsync("reconcile")
        assert said.code == 0
        assert said.line("returned docs/gone.md")
        calls = place.calls()
        assert (calls["create"], calls["delete"]) == (0, 0)
        assert in_service(place) == {"gone": True, "kept": True}
        place.equal()


@pytest.mark.parametrize("behave", VERSIONS)
def test_archived_and_brought_back(tmp_path: Path, behave: str) -> None:
    """With on_delete = "archive" the document is archived until its file returns."""
    with a_place(tmp_path, behave=behave) as place:
        two_files(place, on_delete="archive")
        (place.root / "gone.md").rename(tmp_path / "gone.md")
        assert place.kbsync("reconcile").code == 0
        assert in_service(place) == {"gone": False, "kept": True}
        (tmp_path / "gone.md").rename(place.root / "gone.md")
        assert place.kbsync("reconcile").code == 0
        place.equal()
        assert in_service(place) == {"gone": True, "kept": True}


@pytest.mark.parametrize("policy", [{"trash_days": 30}, {"on_delete": "archive"}])
def test_other_content_replaces_it(tmp_path: Path, policy: dict[str, object]) -> None:
    """A file that returns with other content is indexed, and then the old document goes."""
    with a_place(tmp_path) as place:
        two_files(place, **policy)
        (place.root / "gone.md").unlink()
        assert place.kbsync("reconcile").code == 0
        place.write("gone.md", "quite another text, about herons and their nests in the reeds")
        assert place.kbsync("reconcile").code == 0
        place.equal()
        assert in_service(place) == {"gone": True, "kept": True}
        assert trash_of(place) == 0


def test_deleted_by_somebody_while_in_the_trash(tmp_path: Path) -> None:
    """A document that is not there any more when its file returns is made again."""
    with a_place(tmp_path) as place:
        two_files(place, trash_days=30)
        (place.root / "gone.md").rename(tmp_path / "gone.md")
        assert place.kbsync("reconcile").code == 0
        live = place.record("gone.md").live
        assert live is not None
        answer = httpx.delete(
            f"{place.base_url}/datasets/{place.dataset_id}/documents/{live.document_id}",
            headers={"Authorization": f"Bearer {place.standin.key}"},
        )
        assert answer.is_success
        (tmp_path / "gone.md").rename(place.root / "gone.md")
        assert place.kbsync("reconcile").code == 0
        place.equal()
        assert in_service(place) == {"gone": True, "kept": True}


def test_the_same_content_under_another_name(tmp_path: Path) -> None:
    """A file that comes back under another name is answered by a document that is in service."""
    with a_place(tmp_path) as place:
        two_files(place, trash_days=30)
        (place.root / "gone.md").rename(tmp_path / "gone.md")
        assert place.kbsync("reconcile").code == 0
        (tmp_path / "gone.md").rename(place.root / "renamed.md")
        assert place.kbsync("reconcile").code == 0
        assert place.kbsync("reconcile").code == 0
        live = place.live()["renamed.md"]
        assert live.enabled
        assert live.indexing_status == "completed"
        assert place.record("renamed.md").shelved is None


def test_nothing_is_purged_from_a_folder_in_doubt(tmp_path: Path) -> None:
    """While a folder is emptied or missing, documents in the trash wait for it, too."""
    with a_place(tmp_path) as place:
        two_files(place, trash_days=1)
        place.write("other.md", TEXT + ", and about newts")
        assert place.kbsync("reconcile").code == 0
        (place.root / "gone.md").unlink()
        assert place.kbsync("reconcile").code == 0
        days_pass(place, 2)
        place.root.rename(tmp_path / "away")
        assert place.kbsync("reconcile").code == 4
        place.root.mkdir()
        assert place.kbsync("reconcile").code == 4
        assert len(place.documents()) == 3
        place.root.rmdir()
        (tmp_path / "away").rename(place.root)
        assert place.kbsync("reconcile").code == 0
        place.equal()


def test_a_crash_right_after_disabling(tmp_path: Path) -> None:
    """A disabling whose answer was lost is made again, and does no harm."""
    with a_place(tmp_path) as place:
        two_files(place, trash_days=1)
        (place.root / "gone.md").unlink()
        place.standin.faults.add(Fault("cut-after", "PATCH"))
        place.kbsync("reconcile")
        assert place.kbsync("reconcile").code == 0
        assert in_service(place) == {"gone": False, "kept": True}
        assert trash_of(place) == 1


def test_a_server_that_cannot_disable(tmp_path: Path) -> None:
    """On the simple dialect the setting is refused by name, before anything is sent."""
    with a_place(tmp_path, dialect="simple") as place:
        place.configure(trash_days=3)
        place.write("a.md", TEXT)
        said = place.kbsync("reconcile")
        assert said.code == 5
        assert "'docs': trash_days needs a server that can disable" in said.err
        assert place.documents() == []
        place.configure(api_style="simple")
        said = place.kbsync("reconcile")
        assert said.code == 2
        assert 'folder "docs": api_style = "simple" cannot disable documents' in said.err


def test_in_the_service(tmp_path: Path) -> None:
    """The running service disables at once, and brings back at once."""
    with a_place(tmp_path) as place:
        quick(place)
        place.configure(on_delete="disable")
        place.write("gone.md", TEXT)
        with service(place) as process:
            eventually(lambda: is_equal(place), "the start", place)
            (place.root / "gone.md").rename(tmp_path / "gone.md")
            eventually(lambda: in_service(place) == {"gone": False}, "disabled", place)
            (tmp_path / "gone.md").rename(place.root / "gone.md")
            eventually(lambda: in_service(place) == {"gone": True}, "back", place)
            assert stop(process) == 0
        assert place.calls()["create"] == 1


@pytest.mark.parametrize(
    "policy", [{"trash_days": 30}, {"on_delete": "disable"}, {"on_delete": "archive"}]
)
@pytest.mark.parametrize("restored", [True, False])
def test_a_file_that_comes_back_after_its_ledger_was_lost(
    tmp_path: Path, policy: dict[str, object], restored: bool
) -> None:
    """Adopted out of the trash, or told of by a backup from before it: it answers again."""
    with a_place(tmp_path) as place:
        two_files(place, **policy)
        away = (place.root / "gone.md").rename(tmp_path / "away.md")
        assert place.kbsync("reconcile").code == 0
        assert in_service(place) == {"gone": False, "kept": True}
        if restored:
            place.ledger.unlink()
        else:
            place.lose_ledger()
        away.rename(place.root / "gone.md")
        place.calls()
        said = place.kbsync("reconcile")
        assert said.code == 0
        assert "returned docs/gone.md" in said.out
        assert in_service(place) == {"gone": True, "kept": True}
        assert place.calls()["create"] == 0
        place.equal()


def test_what_a_person_disabled_is_no_trash(tmp_path: Path) -> None:
    """Where kbsync disables nothing, a disabled document is adopted as it is, and audit tells."""
    with a_place(tmp_path) as place:
        two_files(place)
        document = place.live()["gone.md"]
        place.standin.change_document(document.id, enabled=False)
        place.lose_ledger()
        assert place.kbsync("reconcile").code == 0
        assert in_service(place) == {"gone": False, "kept": True}
        assert "disabled" in place.kbsync("audit").out
