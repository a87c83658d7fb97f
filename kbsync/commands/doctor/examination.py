"""From one check to the next: what each needs of the ones before it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from kbsync.assembly import checking, connect, connect_app, looking, reading
from kbsync.backend.interface import Backend
from kbsync.commands.doctor.configuration import configuration, key
from kbsync.commands.doctor.datasets import DATASET_CHECKS, model, named, owner, resolved
from kbsync.commands.doctor.findings import (
    Finding,
    Result,
    attempted,
    fail,
    ok,
    skip,
    skipped,
    tried,
)
from kbsync.commands.doctor.folders import (
    WALK_CHECKS,
    Walk,
    folder_conversion,
    folder_limit,
    folder_mount,
    folder_root,
    walked,
    watches,
)
from kbsync.commands.doctor.hooks import told
from kbsync.commands.doctor.ledger import LEDGER_CHECKS, fit
from kbsync.commands.doctor.machine import acting_as
from kbsync.commands.doctor.server import GREETING_CHECKS, PATIENCE, greeted, proxy_of, reached
from kbsync.config import FolderSettings, Settings
from kbsync.engine.checking import Verdict
from kbsync.errors import LedgerError, Missing
from kbsync.log import printable, scrubbed
from kbsync.model import Dataset
from kbsync.places import Places


def examined(explicit: Path | None, *, hooks: bool, user: str | None) -> Iterator[Finding]:
    """Every finding as it is made, without the key and without anything that harms a terminal.

    With `hooks`, each of them is sent a test message; with `user`, the folders are looked at with
    that user's rights. Raises ConfigError when it cannot be taken on.
    """
    with acting_as(user):
        pass
    settings, found = configuration(explicit)
    if settings is None:
        yield from (_shown(finding, ()) for finding in found)
        return
    secrets = settings.secrets
    yield from (_shown(finding, secrets) for finding in [*found, *_machine(settings, explicit)])
    for finding in _others(settings, user):
        yield _shown(finding, secrets)
    for finding in told(settings) if hooks else ():
        yield _shown(finding, secrets)


def _shown(finding: Finding, secrets: Sequence[str]) -> Finding:
    def clean(text: str) -> str:
        return printable(scrubbed(text, secrets))

    return replace(
        finding,
        subject=clean(finding.subject),
        finding=clean(finding.finding),
        remedy=finding.remedy and clean(finding.remedy),
    )


def _machine(settings: Settings, explicit: Path | None) -> Iterator[Finding]:
    yield from tried("key", "-", partial(key, settings, explicit))
    for name, check in LEDGER_CHECKS.items():
        yield from tried(name, str(settings.ledger), partial(check, settings.ledger))
    yield from tried("ledger fit", str(settings.ledger), partial(fit, settings))


def _others(settings: Settings, user: str | None) -> Iterator[Finding]:
    """The server, then each folder with its dataset, then what all folders need together."""
    if user is not None:
        _import_all()
    backend = yield from _server(settings)
    try:
        limit = None if backend is None else (yield from _app(settings))
        watched = []
        for folder in settings.folders:
            with acting_as(user):
                walk = yield from _folder(folder, limit)
            yield from _dataset(backend, settings, folder)
            if walk is not None and folder.watch in {"auto", "native"}:
                watched.append(walk)
        yield from tried("watches", "kbsync run", partial(watches, watched))
        if settings.checks and backend is None:
            yield skip("answers", "-", "not asked")
        elif settings.checks:
            yield from tried("answers", "-", partial(_answers, settings))
    finally:
        if backend is not None:
            backend.close()


def _import_all() -> None:
    """What looking at folders needs: another user may not read the program's own files."""
    import kbsync.convert.registry
    import kbsync.scan
    import kbsync.watch.modes  # noqa: F401 - imported to be there


def _server(settings: Settings) -> Generator[Finding, None, Backend | None]:
    """Ask the server without the key, then with it; gives the backend when that went well."""
    url = settings.server.url
    greeting = attempted("server", url, partial(greeted, settings.server))
    if isinstance(greeting, Finding):
        yield greeting
        yield from skipped([*GREETING_CHECKS, "api"], url, "not asked")
        return None
    yield reached(url, greeting, proxy_of(settings.server))
    for name, check in GREETING_CHECKS.items():
        yield from tried(name, url, partial(check, url, greeting))
    backend = attempted("api", url, partial(connect, _impatient(settings)))
    if isinstance(backend, Finding):
        yield backend
        return None
    proven = settings.server.api_style == "auto" and backend.lists
    yield ok("api", url, f"speaks the {backend.style} API{' and takes the key' * proven}")
    return backend


def _impatient(settings: Settings) -> Settings:
    server = settings.server
    quick = server.model_copy(update={"timeout": min(server.timeout, PATIENCE)})
    return settings.model_copy(update={"server": quick})


def _app(settings: Settings) -> Generator[Finding, None, int | None]:
    """Try the application's key, if there is one; gives the largest document that it tells of."""
    if settings.app.api_key is None:
        return None
    limit = attempted("application", settings.server.url, partial(_largest, settings))
    if isinstance(limit, Finding):
        yield limit
        return None
    yield ok("application", settings.server.url, "takes the application's key")
    return limit or None


def _largest(settings: Settings) -> int:
    """The largest document that the server takes, in bytes; 0 where it does not say."""
    with closing(connect_app(settings)) as app:
        try:
            return app.parameters().largest_file or 0
        except Missing:
            return 0


def _folder(folder: FolderSettings, limit: int | None) -> Generator[Finding, None, Walk | None]:
    """Look at a folder on disk; gives what a walk through it counted."""
    root = list(tried("root", folder.name, partial(folder_root, folder)))
    yield from root
    yield from tried("size limit", folder.name, partial(folder_limit, folder, limit))
    if folder.convert or folder.ocr:
        yield from tried("conversion", folder.name, partial(folder_conversion, folder))
    if root[0].result is Result.FAIL:
        yield from skipped(["mount", *WALK_CHECKS], folder.name, "the root cannot be read")
        return None
    yield from tried("mount", folder.name, partial(folder_mount, folder))
    walk = attempted("files", folder.name, partial(walked, folder, PATIENCE))
    if isinstance(walk, Finding):
        yield walk
        return None
    for name, check in WALK_CHECKS.items():
        yield from tried(name, folder.name, partial(check, folder, walk))
    return walk


def _dataset(
    backend: Backend | None, settings: Settings, folder: FolderSettings
) -> Iterator[Finding]:
    if backend is None:
        yield from skipped(["dataset", *DATASET_CHECKS], folder.name, "the server was not asked")
        return
    known = _known(settings, folder)
    dataset = attempted("dataset", folder.name, partial(resolved, backend, folder, known))
    if isinstance(dataset, Finding):
        yield dataset
        is_to_be_made = dataset.result is Result.OK
        if is_to_be_made:
            yield from tried("model", folder.name, partial(model, backend, folder))
        yet = (
            "there is none yet"
            if Places(folder.dataset, folder.max_documents).is_one
            else "it is looked at when it is filled"
        )
        why = yet if is_to_be_made else "the dataset comes first"
        yield from skipped(DATASET_CHECKS, folder.name, why)
        return
    yield named(folder, dataset)
    if backend.lists and dataset.indexing_technique is None:
        yield from tried("model", folder.name, partial(model, backend, folder))
    for name, check in DATASET_CHECKS.items():
        yield from tried(name, folder.name, partial(check, backend, dataset, folder))
    if backend.lists and dataset.document_count:
        yield from tried("owner", folder.name, partial(_owner, settings, folder, dataset))


def _known(settings: Settings, folder: FolderSettings) -> str | None:
    """The id of the dataset that had the folder's name for it at the last run."""
    try:
        with reading(settings) as ledger:
            return ledger.datasets(folder.name).get(folder.dataset)
    except LedgerError:
        return None


def _owner(settings: Settings, folder: FolderSettings, dataset: Dataset) -> Finding:
    try:
        with looking(settings) as engine, closing(engine):
            return owner(engine, folder, dataset)
    except LedgerError:
        return skip("owner", folder.name, "the ledger comes first")


def _answers(settings: Settings) -> list[Finding]:
    """The smoke questions of the configuration."""
    with looking(settings) as engine, closing(engine), checking(settings, engine) as checks:
        return [_verdict(verdict) for verdict in checks.run()]


def _verdict(verdict: Verdict) -> Finding:
    question = f'"{verdict.check.question}"'
    if verdict.passed:
        return ok("answers", question, "answered as it should be, from the current files")
    remedy = "see whether the files are in (kbsync status), or correct the check"
    return fail("answers", question, "; ".join(verdict.problems), remedy)
