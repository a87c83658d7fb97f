"""Where the demo happens: a temporary place with a server, a configuration and a ledger."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from kbsync import scan
from kbsync.assembly import connect, looking, opened
from kbsync.commands.terminal import Tally, follower
from kbsync.config import Settings, load
from kbsync.engine import Event, Happened, Survey
from kbsync.errors import ConfigError, KbsyncError
from kbsync.ledger import Trouble
from kbsync.log import printable
from kbsync.model import Hit, Problem, Put, Record, Stamp
from kbsync.oneshot import Limits, Outcome, Run
from kbsync.standin import StandIn, StoredDocument, running

#: More bytes than this are no demo: the server keeps a copy, and the end compares both.
MOST_BYTES = 2**30

#: A large file keeps the server busy for so long, which does one thing at a time.
_STALL_SECONDS = 600.0

#: Not shown one by one: a folder may hold many of them.
_TOLD_BY_REASON = frozenset({Happened.SKIPPED, Happened.FAILED})


@dataclass(frozen=True, slots=True)
class Synced:
    """What one run did: requests by kind, files seen, what stayed unknown; times in seconds."""

    began: float
    tally: Tally
    calls: Counter[str]
    seconds: float
    present: int
    problems: Sequence[Problem]

    def count(self, *kinds: Happened) -> int:
        """How often these happened."""
        return self.tally.total(*kinds)


@dataclass(frozen=True, slots=True)
class Answer:
    """A passage found by a search, and the file that its document came from."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """A folder, and everything that keeps it equal to a dataset of the embedded server."""

    root: Path
    config: Path
    settings: Settings
    standin: StandIn

    @property
    def name(self) -> str:
        """The name of the one configured folder."""
        return self.settings.folders[0].name

    def sync(self) -> Synced:
        """Do what `kbsync reconcile` does, and show it in the same way.

        Raises:
            KbsyncError: it did not come to its end.
        """
        self.standin.forget_requests()
        surveys: list[Survey] = []
        began = time.time()
        with follower(as_json=False, quiet=False) as watching:

            def surveyed(survey: Survey) -> None:
                _refuse_too_much(survey)
                surveys.append(survey)
                watching.surveyed(survey)

            def happened(event: Event) -> None:
                if event.happened in _TOLD_BY_REASON:
                    watching.tally.add(event)
                else:
                    watching.event(event)

            started = time.monotonic()
            with opened(self.settings, happened) as engine:
                workers = self.settings.server.max_connections
                run = Run(engine, [self.name], workers=workers, limits=Limits(stall=_STALL_SECONDS))
                run.survey(hash_all=False, allow_delete=False, each=surveyed)
                outcome = run.work()
            seconds = time.monotonic() - started
        _check_end(outcome)
        return Synced(
            began,
            watching.tally,
            Counter(request.kind for request in self.standin.requests),
            seconds,
            sum(survey.present for survey in surveys),
            outcome.problems,
        )

    def records(self) -> list[Record]:
        """Every row of the ledger."""
        with looking(self.settings) as engine:
            return list(engine.ledger.everything(self.name).values())

    def not_in(self) -> list[Trouble]:
        """Files that are not on the server, and why."""
        with looking(self.settings) as engine:
            return engine.ledger.troubles(self.name) + engine.ledger.skipped(self.name)

    def documents(self) -> list[StoredDocument]:
        """Everything in the dataset, as the server has it."""
        dataset_id = self._dataset_id()
        return self.standin.documents(dataset_id) if dataset_id else []

    def search(self, question: str) -> list[Answer]:
        """Ask the server, and say which files its answers came from."""
        dataset_id = self._dataset_id()
        if dataset_id is None:
            return []
        with closing(connect(self.settings)) as backend:
            hits: Sequence[Hit] = backend.search(dataset_id, question)
        paths = {
            record.live.document_id: record.key.path for record in self.records() if record.live
        }
        return [Answer(paths.get(hit.document_id, ""), hit.text) for hit in hits]

    def _dataset_id(self) -> str | None:
        with looking(self.settings) as engine:
            row = engine.ledger.folder(self.name)
        return None if row is None else row.dataset_id


def _check_end(outcome: Outcome) -> None:
    if outcome.interrupted:
        raise KeyboardInterrupt
    reasons = [*outcome.denied.values(), *(hold.reason for hold in outcome.holds)]
    if outcome.unavailable:
        reasons.append(outcome.unavailable)
    if outcome.timed_out:
        reasons.append("indexing made no progress")
    if reasons:
        raise KbsyncError(f"the demo failed: {reasons[0]}")


def _refuse_too_much(survey: Survey) -> None:
    total = sum(change.seen.stamp.size for change in survey.plan.changes if isinstance(change, Put))
    if total > MOST_BYTES:
        raise KbsyncError(
            f"{total / 2**30:.1f} GiB of documents are too many for a demo; it takes"
            f" {MOST_BYTES / 2**30:.0f} GiB: name a folder below it"
        )


# Making it


@contextmanager
def temporary(*, keep: bool, outside: Path | None = None) -> Iterator[Path]:
    """A directory that is gone at the end unless it is to be kept; never within `outside`."""
    if outside is not None and Path(tempfile.gettempdir()).resolve().is_relative_to(outside):
        raise ConfigError(
            f"{printable(str(outside))} holds the directory for temporary files, and the demo"
            " writes nothing into your folder: set TMPDIR to a directory elsewhere"
        )
    directory = Path(tempfile.mkdtemp(prefix="kbsync-demo-"))
    try:
        yield directory
    except BaseException:
        if keep:
            click.echo(f"kept: {directory}", err=True)
        raise
    finally:
        if not keep:
            shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def a_place(directory: Path, root: Path, name: str, behave: str, *, pace: float) -> Iterator[Place]:
    """A server that runs, and a configuration in `directory` that binds `root` to it."""
    standin = StandIn(directory / "standin.db", behave=behave, pace=pace, workers=3)
    with closing(standin), running(standin) as url, _no_proxy():
        config = directory / "kbsync.toml"
        _write(config, url, standin, root, name)
        yield Place(root, config, load(config, environ=_foreign_variables()), standin)


def _write(config: Path, url: str, standin: StandIn, root: Path, name: str) -> None:
    text = (
        f"ledger = {_toml(config.parent / 'ledger.db')}\n"
        'instance = "demo"\n'
        "\n[server]\n"
        f'base_url = "{url}"\n'
        f'api_key = "{standin.key}"\n'
        'timeout = "10m"\n'
        f'\n[app]\napi_key = "{standin.app_key}"\n'
        "\n[[folders]]\n"
        f'name = "{name}"\n'
        f"path = {_toml(root)}\n"
        f'dataset = "{name.title()}"\n'
        "create_dataset = true\n"
        'indexing_technique = "economy"\n'
    )
    config.touch(mode=0o600)
    config.write_text(text, encoding="utf-8")


def _toml(path: Path) -> str:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ConfigError(
            f"{printable(str(path))}: a name that is not UTF-8 cannot be configured; name a"
            " directory above it"
        ) from None
    return json.dumps(str(path), ensure_ascii=False).replace("\x7f", "\\u007f")


def _foreign_variables() -> dict[str, str]:
    """The environment without settings of the user's own kbsync, which is not to be touched."""
    return {name: value for name, value in os.environ.items() if not name.startswith("KBSYNC_")}


@contextmanager
def _no_proxy() -> Iterator[None]:
    """Reach the server in this process without a proxy that the environment may name."""
    names = ("NO_PROXY", "no_proxy")
    before = {name: os.environ[name] for name in names if name in os.environ}
    os.environ |= dict.fromkeys(names, "*")
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]
        os.environ |= before


def wait_until_trusted(root: Path) -> None:
    """Wait until every file is old enough (2 s) for its metadata to tell whether it changed."""
    newest = max(path.stat().st_ctime_ns for path in root.rglob("*"))
    if _racy(newest):
        click.echo("(The copies are new; a file's date is trusted after two seconds.)")
    while _racy(newest):
        time.sleep(0.05)


def _racy(changed_ns: int) -> bool:
    return scan.racy(Stamp(0, changed_ns, changed_ns, 0, 0), time.time_ns())
