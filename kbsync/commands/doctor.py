"""`kbsync doctor`: try every part and say what to do about each finding."""

from __future__ import annotations

import json
import re
import socket
import ssl
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import click

from kbsync import __version__, naming
from kbsync.assembly import abandoned, checking, connect, looking, refuse_misfit
from kbsync.backend.interface import Backend
from kbsync.commands import doctor_checks as here
from kbsync.commands.doctor_checks import Finding, Result, Walk, fail, ok, parted, skip, warn
from kbsync.commands.options import as_json
from kbsync.commands.status import told_of
from kbsync.config import FolderSettings, ServerSettings, Settings
from kbsync.engine import Verdict
from kbsync.errors import ConfigError, Denied, KbsyncError, LedgerError, Unavailable
from kbsync.log import printable, scrubbed
from kbsync.model import Dataset, Remote

T = TypeVar("T")

#: Seconds that the walk through one folder, and the wait for one answer, may take.
PATIENCE: Final = 10.0

WRONG, TROUBLED, UNREACHABLE = 2, 3, 5

_CONFIGURED = frozenset({"configuration", "key", "ledger fit"})
_SERVED = frozenset({"server", "version", "clock", "api", "dataset", "processing", "documents"})
_LOOKS = {
    Result.OK: ("✓", "+", "green"),
    Result.WARN: ("!", "!", "yellow"),
    Result.FAIL: ("✗", "x", "red"),
    Result.SKIP: ("-", "-", "bright_black"),
}
_WIDTH = 18
_SKEW, _SLOW = 60.0, 2.0
_MOST_LISTED = 1000
_OLDEST = (1, 7)
_REDIRECT, _SUCCESS = 3, 200
_NAMED = {"User-Agent": f"kbsync/{__version__}"}

LEDGER_CHECKS: Mapping[str, Callable[[Path], Finding]] = {
    "ledger directory": here.ledger_directory,
    "ledger file system": here.ledger_file_system,
    "ledger space": here.ledger_space,
    "ledger": here.ledger_opens,
    "ledger lock": here.ledger_free,
}
WALK_CHECKS: Mapping[str, Callable[[FolderSettings, Walk], Finding]] = {
    "files": here.folder_files,
    "patterns": here.folder_patterns,
}


@click.command(name="doctor")
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    help="Configuration file; else $KBSYNC_CONFIG, ./kbsync.toml, the user's, the system's.",
)
@as_json
@click.pass_context
def command(ctx: click.Context, config: Path | None, as_json: bool) -> int:
    """Try every part - configuration, key, ledger, server, datasets, folders, answers.

    Nothing is changed; questions of [[checks]] are put to the datasets or to the application.

    Each line is one check; below it, unless all is well, is what to do about it.

    \b
    Exit codes: 0  nothing is in the way
                2  the configuration is wrong
                5  the server, the key or a dataset
                3  something else: a folder, the ledger

    Example: kbsync doctor --config /etc/kbsync/config.toml
    """  # noqa: D301 - click looks for the character \b
    findings = []
    for finding in examined(config or ctx.obj):
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print_sum(findings)
    return exit_code(findings)


def exit_code(findings: Iterable[Finding]) -> int:
    """What the failures come to: the first cause that a person has to mend."""
    failed = {finding.check for finding in findings if finding.result is Result.FAIL}
    if failed & _CONFIGURED:
        return WRONG
    if failed & _SERVED:
        return UNREACHABLE
    return TROUBLED if failed else 0


def examined(explicit: Path | None) -> Iterator[Finding]:
    """Every finding as it is made, without the key and without anything that harms a terminal."""
    settings, found = here.configuration(explicit)
    if settings is None:
        yield from (_shown(finding, ()) for finding in found)
        return
    secrets = settings.secrets
    yield from (_shown(finding, secrets) for finding in [*found, *_machine(settings, explicit)])
    for finding in _others(settings):
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
    yield from _tried("key", "-", partial(here.key, settings, explicit))
    for name, check in LEDGER_CHECKS.items():
        yield from _tried(name, str(settings.ledger), partial(check, settings.ledger))
    yield from _tried("ledger fit", str(settings.ledger), partial(_fit, settings))


def _fit(settings: Settings) -> list[Finding]:
    """Whether the ledger's documents are those of the folders that are configured."""
    check, file = "ledger fit", str(settings.ledger)
    try:
        with looking(settings) as engine, closing(engine):
            left = abandoned(engine.ledger, settings)
            refuse_misfit(engine.ledger, settings)
    except ConfigError as error:
        return [fail(check, file, *parted(str(error), "correct the configuration"))]
    except LedgerError:
        return [skip(check, file, "the ledger cannot be read")]
    doubts = [warn(check, file, *parted(told_of(one), "")) for one in left]
    return doubts or [ok(check, file, "is of these folders")]


def _others(settings: Settings) -> Iterator[Finding]:
    """The server, then each folder with its dataset, then what all folders need together."""
    backend = yield from _server(settings)
    try:
        watched = []
        for folder in settings.folders:
            walk = yield from _folder(folder)
            yield from _dataset(backend, folder)
            if walk is not None and folder.watch in {"auto", "native"}:
                watched.append(walk)
        yield from _tried("watches", "kbsync run", partial(here.watches, watched))
        if settings.checks and backend is None:
            yield skip("answers", "-", "not asked")
        elif settings.checks:
            yield from _tried("answers", "-", partial(_answers, settings))
    finally:
        if backend is not None:
            backend.close()


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


def _tried(
    check: str, subject: str, work: Callable[[], Finding | list[Finding]]
) -> Iterator[Finding]:
    found = _attempted(check, subject, work)
    yield from found if isinstance(found, list) else [found]


def _attempted(check: str, subject: str, work: Callable[[], T]) -> T | Finding:
    """What the work gives, or a failure of this check, whatever went wrong."""
    try:
        return work()
    except KbsyncError as error:
        return fail(check, subject, *parted(str(error), _usual_remedy(error)))
    except OSError as error:
        said = f"{error.filename or subject}: {error.strerror or error}"
        return fail(check, subject, said, f"see what user {here.user()} may do")
    except Exception as error:  # noqa: BLE001 - one broken check must not hide the others
        said = f"the check itself failed: {type(error).__name__}: {error}"
        return fail(check, subject, said, "please report this defect of kbsync")


def _usual_remedy(error: KbsyncError) -> str:
    """What to do where the error's text does not end with it."""
    match error:
        case Unavailable():
            return "try again a little later; if it stays so, look at the server's log"
        case Denied():
            return "correct server.base_url: Dify's API address, such as https://dify.example/v1"
        case ConfigError():
            return "correct it in the configuration"
        case _:
            return "look at the server's log"


def _skipped(names: Iterable[str], subject: str, why: str) -> Iterator[Finding]:
    for name in names:
        yield skip(name, subject, why)


def _server(settings: Settings) -> Generator[Finding, None, Backend | None]:
    """Ask the server without the key, then with it; gives the backend when that went well."""
    url = settings.server.url
    greeting = _attempted("server", url, partial(greeted, settings.server))
    if isinstance(greeting, Finding):
        yield greeting
        yield from _skipped([*GREETING_CHECKS, "api"], url, "not asked")
        return None
    yield reached(url, greeting, _proxy(settings.server))
    for name, check in GREETING_CHECKS.items():
        yield from _tried(name, url, partial(check, url, greeting))
    backend = _attempted("api", url, partial(connect, _impatient(settings)))
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


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a server says without a key; `seconds` is how long it took, `now` our clock then."""

    status: int
    seconds: float
    now: float
    headers: Mapping[str, str]

    @property
    def is_page(self) -> bool:
        """True for a page for people; servers up to 1.10 answer this address with one, a 404."""
        is_html = "html" in self.headers.get("content-type", "")
        return is_html and self.status == _SUCCESS and "x-version" not in self.headers


def greeted(server: ServerSettings) -> Greeting:
    """One GET of the API's first page, without the key; raises Unavailable."""
    import httpx

    try:
        verify = _context(server)
        timeout = min(server.timeout, PATIENCE)
        begun = time.monotonic()
        with (
            httpx.Client(verify=verify, timeout=timeout, headers=_NAMED) as client,
            client.stream("GET", f"{server.url}/") as answer,
        ):
            seconds = time.monotonic() - begun
            return Greeting(answer.status_code, seconds, time.time(), answer.headers)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Unavailable(_why(error, server)) from error


def _context(server: ServerSettings) -> ssl.SSLContext | bool:
    if not server.base_url.startswith("https:") or not server.verify_tls:
        return False
    return ssl.create_default_context(cafile=server.ca_file)


def _why(error: Exception, server: ServerSettings) -> str:
    """What happened and, after the last semicolon, what to do."""
    host = urlsplit(server.base_url).netloc
    if proxy := _proxy(server):
        return (
            f"{host} cannot be reached through the proxy that {proxy} names: {_words(error)};"
            f" correct {proxy}, or except {host} from it with the variable no_proxy"
        )
    match _root_of(error):
        case socket.gaierror():
            return f"the name of {host} is not known here (DNS); correct server.base_url"
        case ConnectionRefusedError():
            return f"nothing listens at {host}; start the server, or correct server.base_url"
        case ssl.SSLCertVerificationError() as cause:
            return (
                f"the certificate of {host} is not trusted: {cause.verify_message};"
                " put the certificate that signed it into a file and set server.ca_file to it"
            )
        case ssl.SSLError() as cause:
            return (
                f"{host} does not speak TLS as it should: {_words(cause)};"
                " is it http:// instead of https://, or is server.ca_file no certificate?"
            )
        case TimeoutError():
            return (
                f"{host} did not answer within {min(server.timeout, PATIENCE):g} s;"
                " look whether it runs, and whether a firewall or a proxy is between"
            )
        case cause:
            return f"{host}: {_words(cause)}; look whether the server runs"


def _proxy(server: ServerSettings) -> str | None:
    """The variable whose proxy is between us and the server; its value may hold a password."""
    address = urlsplit(server.base_url)
    if proxy_bypass(address.hostname or ""):
        return None
    known = getproxies()
    name = next((name for name in (address.scheme, "all") if known.get(name)), None)
    return name and f"{name}_proxy"


def _words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return str(error) or type(error).__name__


def _root_of(error: BaseException) -> BaseException:
    below = error.__cause__ or error.__context__
    return error if below is None else _root_of(below)


def reached(url: str, greeting: Greeting, proxy: str | None = None) -> Finding:
    """Whether it is this address that answers, how fast, and by which way."""
    way = f", through the proxy that {proxy} names" if proxy else ""
    found = f"answers in {greeting.seconds * 1000:.0f} ms{way}"
    target = greeting.headers.get("location", "")
    if greeting.status // 100 == _REDIRECT and target.rstrip("/") != url:
        said = f"sends everybody on to {target}"
        remedy = f'set server.base_url = "{target.rstrip("/")}"'
        return fail("server", url, said, remedy)
    if greeting.is_page:
        return warn(
            "server",
            url,
            "answers with a web page, as a proxy or another site does",
            "correct server.base_url, or let this machine past the proxy (variable no_proxy)",
        )
    if greeting.seconds > _SLOW:
        remedy = "expect long runs; look at the server's load and at the network"
        return warn("server", url, found, remedy)
    return ok("server", url, found)


def version(url: str, greeting: Greeting) -> Finding:
    """Which Dify it says it is, in the header of every answer."""
    told = greeting.headers.get("x-version")
    if told is None:
        return skip("version", url, "the server does not tell its version")
    known = re.match(r"(\d+)\.(\d+)", told)
    if known and (int(known[1]), int(known[2])) < _OLDEST:
        found = f"Dify {told} is older than what kbsync was tried with"
        return warn("version", url, found, f"update Dify to {_OLDEST[0]}.{_OLDEST[1]} or newer")
    if "x-stand-in" in greeting.headers:
        return ok("version", url, f"kbsync's stand-in, which acts as Dify {told}")
    return ok("version", url, f"Dify {told}")


def clock(url: str, greeting: Greeting) -> Finding:
    """How far apart the clocks are, by the Date header (whole seconds)."""
    try:
        date = parsedate_to_datetime(greeting.headers.get("date", ""))
    except ValueError:
        return skip("clock", url, "the server does not tell its time")
    skew = date.timestamp() - greeting.now
    if abs(skew) <= _SKEW:
        return ok("clock", url, "agrees with this machine's")
    way = "ahead of" if skew > 0 else "behind"
    return warn(
        "clock",
        url,
        f"is {abs(skew):.0f} s {way} this machine's",
        "let both set their clocks by NTP (timedatectl set-ntp true): times in documents and"
        " certificates depend on it",
    )


GREETING_CHECKS: Mapping[str, Callable[[str, Greeting], Finding]] = {
    "version": version,
    "clock": clock,
}


def _folder(folder: FolderSettings) -> Generator[Finding, None, Walk | None]:
    """Look at a folder on disk; gives what a walk through it counted."""
    root = list(_tried("root", folder.name, partial(here.folder_root, folder)))
    yield from root
    yield from _tried("size limit", folder.name, partial(here.folder_limit, folder))
    if root[0].result is Result.FAIL:
        yield from _skipped(["mount", *WALK_CHECKS], folder.name, "the root cannot be read")
        return None
    yield from _tried("mount", folder.name, partial(here.folder_mount, folder))
    walk = _attempted("files", folder.name, partial(here.walked, folder, PATIENCE))
    if isinstance(walk, Finding):
        yield walk
        return None
    for name, check in WALK_CHECKS.items():
        yield from _tried(name, folder.name, partial(check, folder, walk))
    return walk


def _dataset(backend: Backend | None, folder: FolderSettings) -> Iterator[Finding]:
    if backend is None:
        yield from _skipped(["dataset", *DATASET_CHECKS], folder.name, "the server was not asked")
        return
    dataset = _attempted("dataset", folder.name, partial(resolved, backend, folder))
    if isinstance(dataset, Finding):
        yield dataset
        why = "there is none yet" if dataset.result is Result.OK else "the dataset comes first"
        yield from _skipped(DATASET_CHECKS, folder.name, why)
        return
    yield ok("dataset", folder.name, f"{dataset.name!r} ({dataset.id})")
    for name, check in DATASET_CHECKS.items():
        yield from _tried(name, folder.name, partial(check, backend, dataset, folder))


def resolved(backend: Backend, folder: FolderSettings) -> Dataset | Finding:
    """The folder's dataset, or that the first run makes it; raises BackendError, makes none."""
    try:
        return backend.dataset(folder.dataset)
    except Denied as error:
        # Only the text of a dataset that could be made advises to have it made.
        if not folder.create_dataset or "create_dataset = true" not in str(error):
            raise
    return ok("dataset", folder.name, f"there is no {folder.dataset!r} yet; the first run makes it")


def processing(backend: Backend, dataset: Dataset, folder: FolderSettings) -> Finding:
    """Whether the dataset takes documents indexed as the folder asks."""
    backend.fits(dataset, folder.processing())
    found = f"{folder.indexing_technique}, {folder.doc_form} fit"
    return ok("processing", folder.name, found)


def documents(backend: Backend, dataset: Dataset, folder: FolderSettings) -> Finding:
    """How many documents are kbsync's, by their names, and how many are somebody else's."""
    if not backend.lists:
        # The one question that such a server answers: about a document, here one that is not there.
        backend.progress(dataset.id, [Remote(dataset.id, str(uuid.UUID(int=0)), "")])
        return skip("documents", folder.name, "this server takes the key, but cannot list them")
    if dataset.document_count is None or dataset.document_count > _MOST_LISTED:
        found = f"{dataset.document_count} documents, too many to tell whose each is"
        return ok("documents", folder.name, found)
    ours = [naming.decode(row.name) is not None for row in backend.documents(dataset.id)]
    found = f"{sum(ours)} of kbsync, {len(ours) - sum(ours)} of others, which are left alone"
    return ok("documents", folder.name, found)


DATASET_CHECKS: Mapping[str, Callable[[Backend, Dataset, FolderSettings], Finding]] = {
    "processing": processing,
    "documents": documents,
}


def _print(finding: Finding) -> None:
    mark, plain, colour = _LOOKS[finding.result]
    mark = mark if _encodes(mark) else plain
    said = f"{finding.check:<{_WIDTH}} {finding.subject}: {finding.finding}"
    click.echo(f"{click.style(mark, fg=colour, bold=True)} {said}")
    if finding.remedy and finding.result is not Result.OK:
        click.echo(f"  {'':<{_WIDTH}} {'→' if _encodes('→') else '->'} {finding.remedy}")


def _encodes(sign: str) -> bool:
    try:
        sign.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _print_sum(findings: list[Finding]) -> None:
    counts = Counter(finding.result for finding in findings)
    words = {
        Result.FAIL: "to mend",
        Result.WARN: "to look at",
        Result.SKIP: "not tried",
        Result.OK: "fine",
    }
    told = [f"{counts[result]} {word}" for result, word in words.items() if counts[result]]
    click.echo(f"\n{', '.join(told)}")
