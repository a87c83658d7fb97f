"""From settings to an engine: the only place that knows all parts by name."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kbsync import formats, plan
from kbsync.backend.interface import Backend
from kbsync.config import FolderSettings, Settings
from kbsync.config.keys import APP_KEY
from kbsync.engine import Event, Folder, Happened
from kbsync.errors import ConfigError, LedgerDamaged, LedgerError
from kbsync.fields import Fields
from kbsync.filters import Filters, Selection
from kbsync.holds import Limits
from kbsync.ledger import Abandoned, Ledger, is_there
from kbsync.model import SERVER_TYPES, Key
from kbsync.places import Places
from kbsync.recipes import Recipes

if TYPE_CHECKING:
    from kbsync.apps import App, Reply
    from kbsync.engine.checking import Checks
    from kbsync.engine.engine import Engine

#: The ledger's fact that names the server which has answered.
_PROVEN = "server"


def folder_of(settings: FolderSettings) -> Folder:
    """A configured folder as the engine needs it."""
    processing, places = settings.processing(), Places(settings.dataset, settings.max_documents)
    ready = _convertible(settings.convert)
    filters = Filters(
        settings.include,
        settings.exclude,
        SERVER_TYPES | ready,
        markers=settings.exclude_if_present,
        caches=settings.exclude_caches,
        min_size=settings.min_size,
        refusals=formats.refusals(settings.convert, ready),
        split_types=ready | _splittable() if settings.split_up_to else frozenset(),
        split_up_to=settings.split_up_to,
        placeless=places.refusal,
    )
    recipes = Recipes(
        processing,
        [(Selection("match", rule.match), rule.processing(processing)) for rule in settings.rules],
        _converter_of,
        formats.CONVERTIBLE | (formats.MARKDOWN if settings.strip_front_matter else frozenset()),
    )
    rules = plan.Rules(
        recipe_of=recipes.recipe_of,
        on_delete=settings.on_delete,
        trash_days=settings.trash_days,
        limits=Limits(settings.max_delete_count, settings.max_delete_percent),
        ocr=bool(settings.ocr) and _recognises(),
    )
    return Folder(
        name=settings.name,
        root=str(settings.path),
        places=places,
        filters=filters,
        rules=rules,
        recipes=recipes,
        fields=Fields(settings.metadata),
        processing=processing,
        max_size=settings.max_size,
        create_dataset=settings.create_dataset,
        in_place=settings.replace == "in_place",
        strip_front_matter=settings.strip_front_matter,
        ocr=settings.ocr,
    )


def _convertible(wanted: frozenset[str]) -> frozenset[str]:
    if not wanted:
        return wanted
    from kbsync.convert.registry import ready  # noqa: PLC0415 - only for folders that convert

    return ready(wanted)


def _splittable() -> frozenset[str]:
    from kbsync.convert.registry import PDF_PAGES, is_ready  # noqa: PLC0415 - as above

    return formats.SPLITTABLE if is_ready(PDF_PAGES) else formats.SPLITTABLE - {"pdf"}


def _recognises() -> bool:
    from kbsync.convert.recognition import is_there  # noqa: PLC0415 - as above

    return is_there()


def _converter_of(extension: str) -> str:
    if extension in formats.MARKDOWN:
        return "without front matter"
    from kbsync.convert.registry import tag  # noqa: PLC0415 - only when such a file is met

    return tag(extension)


def connect(settings: Settings, *, proven: bool = False) -> Backend:
    """The configured server, whose dialect is found out if need be; raises BackendError.

    Of one that is `proven` no message asks whether its address is right.
    """
    from kbsync.backend.registry import open_backend  # noqa: PLC0415 - httpx only when needed

    server = settings.server
    return open_backend(
        server.url,
        server.api_key.get_secret_value(),
        server.api_style,
        max_connections=server.max_connections,
        timeout=server.timeout,
        requests_per_minute=server.budget,
        verify=server.verify,
        proven=proven,
    )


def connect_app(settings: Settings) -> App:
    """The configured application; nothing is asked yet. Raises ConfigError without a key."""
    from kbsync.apps import open_app  # noqa: PLC0415 - httpx only when needed

    server, app = settings.server, settings.app
    if app.api_key is None:
        raise ConfigError(APP_KEY.missing)
    return open_app(
        server.url,
        app.api_key.get_secret_value(),
        app_id=app.id or "",
        timeout=server.timeout,
        verify=server.verify,
    )


@contextmanager
def checking(settings: Settings, engine: Engine) -> Iterator[Checks]:
    """The configured smoke questions, put to the datasets or to the application."""
    from kbsync.engine.checking import Check, Checks  # noqa: PLC0415 - only who asks

    checks = [
        Check(check.question, check.folder, tuple(map(_source, check.sources)), check.words)
        for check in settings.checks
    ]
    if all(check.folder is not None for check in checks):
        yield Checks(engine, checks, _nobody)
        return
    with closing(connect_app(settings)) as app:
        yield Checks(engine, checks, partial(app.answer, user=settings.app.user))


def _source(path: str) -> Key:
    folder, _, below = path.partition("/")
    return Key(folder, below)


def _nobody(question: str) -> Reply:
    raise AssertionError(question)  # no check asks the application


def selected(settings: Settings, names: Sequence[str]) -> list[str]:
    """The folders that are meant: these, or all; raises ConfigError for an unknown one."""
    known = [folder.name for folder in settings.folders]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(f"no folder named {unknown[0]!r}; there are: {', '.join(known)}")
    return [name for name in known if not names or name in names]


@contextmanager
def opened(
    settings: Settings, observer: Callable[[Event], None] = lambda _: None
) -> Iterator[Engine]:
    """An engine over the configured ledger, which this process writes to alone."""
    with (
        open_ledger(settings) as ledger,
        engine_over(ledger, settings, observer) as engine,
    ):
        yield engine


def open_ledger(settings: Settings) -> Ledger:
    """The configured ledger, locked for this process; raises LedgerError, LedgerBusy."""
    ledger = Ledger.open(settings.ledger)
    if ledger.published("service"):  # of a service that was killed
        ledger.publish("service", "")
    return ledger


@contextmanager
def engine_over(
    ledger: Ledger, settings: Settings, observer: Callable[[Event], None]
) -> Iterator[Engine]:
    """An engine that works; raises ConfigError, as `refuse_misfit` does."""
    mended = ledger.take_mended()
    news = [Event(Happened.MENDED, "", "", mended)] if mended else []
    for event in news:
        observer(event)
    _same_instance(ledger, settings)
    engine = _engine(ledger, settings, observer)
    for event in news:
        engine.recorder.note(event)
    try:
        yield engine
    except BaseException:
        with suppress(LedgerError):  # the first error is the one to tell
            engine.recorder.end_run("broke off")
        raise
    else:
        _end_run(engine, observer)
    finally:
        with suppress(LedgerError):
            _remember_server(engine, settings)
        engine.close()


def is_proven(ledger: Ledger, settings: Settings) -> bool:
    """Whether the configured server has answered before, at this address."""
    return ledger.published(_PROVEN) == settings.server.url


def _remember_server(engine: Engine, settings: Settings) -> None:
    answered = any(status < 300 for _, status in engine.traffic.requests)  # noqa: PLR2004 - of the protocol
    if answered and not is_proven(engine.ledger, settings):
        engine.ledger.publish(_PROVEN, settings.server.url)


def _end_run(engine: Engine, observer: Callable[[Event], None]) -> None:
    """If a run's work is in the ledger and only its history is not, that is no failure."""
    try:
        engine.recorder.end_run()
    except LedgerDamaged:
        raise
    except LedgerError as error:
        text = f"the history lacks the end of this run: {error}"
        observer(Event(Happened.NOTE, "", "", text))


def rehearse(ledger: Ledger, settings: Settings) -> None:
    """Build everything over a ledger that may be in use, and do nothing; raises ConfigError."""
    refuse_misfit(ledger, settings)
    with checking(settings, _engine(ledger, settings, lambda _: None)):
        return


def visiting(settings: Settings) -> Ledger:
    """The configured ledger, to leave a wish in for whoever works with it, now or later."""
    return Ledger.visit(settings.ledger)


@contextmanager
def reading(settings: Settings) -> Iterator[Ledger]:
    """The configured ledger as it is, also while a service writes to it; empty if there is none."""
    if is_there(settings.ledger):
        with Ledger.open(settings.ledger, readonly=True) as ledger:
            yield ledger
        return
    with (
        tempfile.TemporaryDirectory(prefix="kbsync-") as directory,
        Ledger.open(Path(directory) / "ledger.db") as ledger,
    ):
        yield ledger


@contextmanager
def looking(settings: Settings) -> Iterator[Engine]:
    """An engine that only looks, over what `reading` gives."""
    with reading(settings) as ledger:
        yield _engine(ledger, settings, lambda _: None)


def _engine(ledger: Ledger, settings: Settings, observer: Callable[[Event], None]) -> Engine:
    from kbsync.engine.engine import Engine  # noqa: PLC0415 - who only reads the ledger starts sooner

    folders = [folder_of(folder) for folder in settings.folders]
    return Engine(
        ledger,
        lambda: connect(settings, proven=is_proven(ledger, settings)),
        folders,
        instance=settings.instance,
        observer=observer,
        index_timeout=settings.server.index_timeout,
        max_indexing=settings.server.max_indexing,
    )


def _same_instance(ledger: Ledger, settings: Settings) -> None:
    refuse_misfit(ledger, settings)
    if ledger.published("instance") != settings.instance:
        ledger.publish("instance", settings.instance)


def refuse_misfit(ledger: Ledger, settings: Settings) -> None:
    """Raise ConfigError when the ledger's documents bear another instance's or folder's name."""
    known = ledger.published("instance") or settings.instance
    if known != settings.instance and ledger.has_documents():
        raise ConfigError(
            f"instance = {settings.instance!r}, but the ledger {settings.ledger} belongs to"
            f" {known!r}, and its documents are marked so; set instance = {known!r}"
        )
    roots = {str(folder.path): folder.name for folder in settings.folders}
    for old in abandoned(ledger, settings):
        new = roots.get(old.root)
        if new is not None and ledger.with_document(new) == 0:
            raise ConfigError(
                f"folder {new!r} has the path {old.root}, which the ledger knows as folder"
                f" {old.name!r}, and its {old.documents} documents are marked so: they would be"
                f" there twice; set name = {old.name!r}"
            )


def abandoned(ledger: Ledger, settings: Settings) -> list[Abandoned]:
    """Folders that the configuration has no more, and whose documents go on answering."""
    return ledger.abandoned([folder.name for folder in settings.folders])
