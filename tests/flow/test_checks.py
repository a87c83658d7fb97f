"""Smoke questions: by doctor, by the service when it has come to rest, in status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from kbsync.assembly import checking, opened
from kbsync.config import load
from kbsync.service.checker import Checker
from kbsync.standin import Fault

from .place import Place, Said, a_place

QUESTION = "How long is a voucher valid?"


@pytest.fixture(params=["dataset", "app"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with a_place(tmp_path) as made:
        made.write("wifi.md", "# Guest Wi-Fi\n\nA voucher is valid for 36 hours.\n")
        of_folder = 'folder = "docs"\n' if request.param == "dataset" else ""
        with made.config.open("a") as file:
            file.write(
                f'[app]\napi_key = "{made.standin.app_key}"\n'
                f'[[checks]]\nquestion = "{QUESTION}"\n{of_folder}'
                'sources = ["docs/wifi.md"]\nwords = ["36 hours"]\n'
            )
        yield made


def answers(said: Said) -> tuple[str, str]:
    """What doctor finds of the only question."""
    rows = [row for row in json.loads(said.out) if row["check"] == "answers"]
    assert len(rows) == 1
    return rows[0]["result"], rows[0]["finding"]


def test_doctor_puts_the_questions(place: Place) -> None:
    """Before the first sync nothing answers; then it does, until the file changes."""
    result, finding = answers(place.kbsync("doctor", "--json"))
    assert result == "fail"
    assert finding.startswith("docs/wifi.md is not among its sources (none); it does not say")
    assert place.kbsync("reconcile").code == 0
    said = place.kbsync("doctor", "--json")
    assert answers(said) == ("ok", "answered as it should be, from the current files")
    assert said.code == 0
    place.write("wifi.md", "# Guest Wi-Fi\n\nA voucher is valid for 48 hours.\n")
    said = place.kbsync("doctor", "--json")
    assert answers(said) == (
        "fail",
        "it rests on docs/wifi.md, which is changed since it was indexed",
    )
    assert said.code == 3


@contextmanager
def checker(place: Place) -> Iterator[Checker]:
    """The service's step over this place, which holds the ledger meanwhile."""
    settings = load(place.config, environ={})
    with ExitStack() as stack:
        engine = stack.enter_context(opened(settings))
        checks = stack.enter_context(checking(settings, engine))
        yield Checker(engine.ledger, checks)


def asked(place: Place) -> int:
    """How many questions the server was asked since the last call of this."""
    calls = place.calls()
    return calls["retrieve"] + calls["ask"]


def test_the_service_asks_when_it_has_come_to_rest_and_not_again(place: Place) -> None:
    """Two looks that see the same, once for each change."""
    assert place.kbsync("reconcile").code == 0
    asked(place)
    with checker(place) as one:
        one.step()
        assert asked(place) == 0
        while one.step() == 0.0:
            continue
        assert asked(place) == 1
        for _ in range(5):
            one.step()
        assert asked(place) == 0


def test_status_shows_the_questions_that_fail(place: Place) -> None:
    """With the reason, as the service last found it."""
    place.write("wifi.md", "# Guest Wi-Fi\n\nA voucher is valid for 48 hours.\n")
    assert place.kbsync("reconcile").code == 0
    with checker(place) as one:
        one.step()
        while one.step() == 0.0:
            continue
    said = place.kbsync("status")
    assert said.line("check ") == f"check    \"{QUESTION}\": it does not say '36 hours'"
    assert [row["passed"] for row in place.kbsync("status", "--json").json["checks"]] == [False]


def test_a_server_that_is_away_fails_the_check_and_nothing_else(place: Place) -> None:
    """The step goes on."""
    assert place.kbsync("reconcile").code == 0
    with checker(place) as one:
        place.standin.faults.add(Fault("outage"))
        one.step()
        while one.step() == 0.0:
            continue
    assert "check    " in place.kbsync("status", "--offline").out


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ('question = "x"\nfolder = "docs"\n', "a check needs sources, or words, or both"),
        ('question = "x"\nfolder = "nope"\nwords = ["y"]\n', 'names the folder "nope"'),
        ('question = "x"\nfolder = "docs"\nsources = ["wifi.md"]\n', "FOLDER/relative/path"),
        ('question = "x"\nwords = ["y"]\n', "asks the application, and there is no key"),
        ('question = "x"\nfolder = "docs"\nwords = "y"\n', "must be a list of texts"),
        (f'question = "{"x" * 251}"\nfolder = "docs"\nwords = ["y"]\n', "shorten the question"),
    ],
)
def test_checks_that_cannot_work_are_refused(tmp_path: Path, section: str, words: str) -> None:
    """At the start, with the place and the reason."""
    with a_place(tmp_path) as place:
        with place.config.open("a") as file:
            file.write(f"[[checks]]\n{section}")
        said = place.kbsync("status")
    assert words in said.err
    assert said.code == 2
