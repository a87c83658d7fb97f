"""How a run is followed: bars on a terminal, plain lines elsewhere, nothing for machines."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from types import TracebackType
from typing import Protocol, Self

import click

from kbsync.engine import Event, Happened, Survey
from kbsync.log import printable
from kbsync.model import Key
from kbsync.plurals import counted

_STYLES = {
    Happened.SENT: ("sent", "blue"),
    Happened.INDEXED: ("indexed", "green"),
    Happened.MOVED: ("moved", "cyan"),
    Happened.UNCHANGED: ("same", None),
    Happened.DELETED: ("deleted", "yellow"),
    Happened.SHELVED: ("shelved", "yellow"),
    Happened.RETURNED: ("returned", "green"),
    Happened.FAILED: ("failed", "red"),
    Happened.POSTPONED: ("later", "yellow"),
    Happened.STUCK: ("stuck", "yellow"),
    Happened.SKIPPED: ("skipped", None),
    Happened.UNKNOWN: ("unknown", "red"),
    Happened.HELD: ("held", "magenta"),
    Happened.NOTE: ("note", "cyan"),
    Happened.MENDED: ("mended", "red"),
    Happened.ADOPTED: ("adopted", "cyan"),
    Happened.DRIFT: ("drift", "magenta"),
    Happened.RESTORED: ("restored", "green"),
    Happened.TOLD: ("told", "cyan"),
    Happened.UNTOLD: ("not told", "red"),
}

#: Shown even while bars tell the rest: what a person may have to act on.
_NOTABLE = frozenset(
    {Happened.FAILED, Happened.SKIPPED, Happened.UNKNOWN, Happened.HELD, Happened.NOTE}
    | {Happened.STUCK, Happened.ADOPTED, Happened.DRIFT, Happened.UNTOLD}
)
_TROUBLES = frozenset({Happened.FAILED, Happened.POSTPONED, Happened.UNKNOWN})
_NAME_WIDTH = 40
_QUIET = frozenset({Happened.FAILED, Happened.UNKNOWN, Happened.HELD, Happened.UNTOLD})


class Tally:
    """What happened in each folder, counted; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[Happened]] = {}
        self.told: set[Key] = set()

    def add(self, event: Event) -> None:
        """Count one event, and remember whose trouble it told."""
        with self._lock:
            if event.happened in _TROUBLES:
                self.told.add(Key(event.folder, event.path))
            self._counts.setdefault(event.folder, Counter())[event.happened] += 1

    def of(self, folder: str) -> Counter[Happened]:
        """The counts of one folder."""
        with self._lock:
            return Counter(self._counts.get(folder, Counter()))

    def total(self, *kinds: Happened) -> int:
        """How often these happened in all folders."""
        with self._lock:
            return sum(counts[kind] for counts in self._counts.values() for kind in kinds)


class Follower(Protocol):
    """Somebody who is told how a run goes."""

    tally: Tally

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def event(self, event: Event) -> None:
        """Something happened."""
        ...

    def surveyed(self, survey: Survey) -> None:
        """A folder was looked at."""
        ...


class Silent:
    """Counts and prints nothing: the result is printed as JSON."""

    def __init__(self) -> None:
        self.tally = Tally()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def event(self, event: Event) -> None:
        """Count it; that the ledger was mended is said to whoever watches, on the other stream."""
        self.tally.add(event)
        if event.happened is Happened.MENDED:
            self._alert(f"kbsync: {event.text}")

    def surveyed(self, survey: Survey) -> None:
        """Print nothing."""

    def _alert(self, text: str) -> None:
        click.echo(text, err=True)


class Lines(Silent):
    """One line for each event, for logs and pipes."""

    def __init__(self, *, quiet: bool) -> None:
        super().__init__()
        self._shown = _QUIET if quiet else frozenset(Happened) - {Happened.MENDED}

    def event(self, event: Event) -> None:
        """Count it and print it."""
        super().event(event)
        if event.happened in self._shown:
            self._print(line(event))

    def surveyed(self, survey: Survey) -> None:
        """Say what was found."""
        if self._shown is not _QUIET:
            changes = len(survey.plan.applicable)
            name = survey.folder.name
            self._print(f"{name}: {counted(survey.present, 'file')} seen, {changes} to look into")

    def _print(self, text: str) -> None:
        try:
            click.echo(text)
        except BrokenPipeError:
            # Whoever read has seen enough, as `| head` does; the run goes on.
            self._shown = frozenset()


class Bars(Silent):
    """Two progress bars and, above them, what needs a person."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(file=sys.stdout),
            transient=True,
        )
        self._looking = self._progress.add_task("looking", total=None, note="")
        self._work = self._progress.add_task("sending", total=0, note="", visible=False)
        self._index = self._progress.add_task("indexing", total=0, note="", visible=False)
        self._planned = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def event(self, event: Event) -> None:
        """Count it, move the bars, and print it if it matters."""
        super().event(event)
        if event.happened in _NOTABLE:
            self._print(line(event))
        sent = self.tally.total(Happened.SENT)
        done = (Happened.UNCHANGED, Happened.DELETED, Happened.SHELVED, Happened.RETURNED)
        rest = self.tally.total(*done)
        indexed = self.tally.total(Happened.INDEXED)
        failed = self.tally.total(Happened.FAILED)
        self._progress.update(self._work, completed=sent + rest, note=f"last: {_short(event)}")
        note = f"[red]{failed} failed[/]" if failed else ""
        self._progress.update(self._index, total=max(sent, indexed), completed=indexed, note=note)

    def _alert(self, text: str) -> None:
        self._print(click.style(text, fg="red"))

    def _print(self, text: str) -> None:
        """Print above the bars, whole: whoever copies a path wants no line break in it."""
        from rich.text import Text

        self._progress.console.print(Text.from_ansi(text), soft_wrap=True)

    def surveyed(self, survey: Survey) -> None:
        """Make the bars as long as the work is."""
        self._planned += len(survey.plan.applicable) - sum(
            1 for change in survey.plan.changes if type(change).__name__ == "Skip"
        )
        self._progress.update(self._looking, visible=False)
        self._progress.update(self._work, total=self._planned, visible=self._planned > 0)
        self._progress.update(self._index, visible=self._planned > 0)


def follower(*, as_json: bool, quiet: bool) -> Follower:
    """The right one for where the output goes."""
    if as_json:
        return Silent()
    if sys.stdout.isatty() and not quiet:
        return Bars()
    return Lines(quiet=quiet)


def line(event: Event) -> str:
    """An event as one line."""
    word, colour = _STYLES[event.happened]
    where = f"{event.folder}/{printable(event.path)}" if event.path else event.folder
    told = ": ".join(filter(None, (where, printable(event.text))))
    return f"{click.style(f'{word:<8}', fg=colour)} {told}"


def _short(event: Event) -> str:
    """A file's name for the bars, which read brackets as markup."""
    from rich.markup import escape

    name = printable(event.path).rpartition("/")[2]
    return escape(name if len(name) <= _NAME_WIDTH else name[: _NAME_WIDTH - 1] + "…")
