"""How `kbsync status` looks: a table of the folders, and below it what a person has to know."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from kbsync.commands.status_facts import View, told_of
from kbsync.commands.terminal import line
from kbsync.engine import Event, Happened
from kbsync.engine.overview import moment
from kbsync.ledger import Kept, Trouble
from kbsync.log import printable
from kbsync.model import State

#: So many files of a folder with one and the same reason are told in one line.
_ALIKE = 4
#: A wait of so many seconds is told.
_WORTH_A_WORD = 10

#: Each part of a bar: its states, its sign in colour and without, and its style.
_PARTS = (
    (("completed",), "█", "#", "green"),
    (("sending", "indexing"), "█", "=", "blue"),
    (("pending",), "░", "-", "blue"),
    (("failed",), "█", "!", "red"),
)
_BAR = (8, 24)
_TITLES = ("searchable", "waiting", "under way", "failed", "not sent")
_STYLES = ("green", "blue", "blue", "red", "")
#: What the terminal must be wide enough for.
_FOR_TABLE, _FOR_SCANNED, _FOR_WATCHED, _FOR_BARS, _FOR_NEXT = 60, 72, 84, 100, 116


def show(view: View, console: Console) -> None:
    """Print it; long lines stay whole, for whoever greps."""
    for above in _top(view):
        console.print(above, soft_wrap=True)
    for part in _folders(view.rows, console.width, bars=console.is_terminal):
        console.print(part)
    for note in _notes(view):
        console.print(note, soft_wrap=True)


def screen(view: View, width: int, height: int) -> RenderableType:
    """The same for a whole screen, and at its end what happens now."""
    top, notes = list(_top(view)), list(_notes(view))
    room = height - len(top) - len(view.rows) - 4
    events = [_event(event) for event in view.events[: max(3, room - len(notes) - 1)]]
    room -= len(events) + 1
    if len(notes) > room > 0:
        rest = len(notes) - room + 1
        notes = [*notes[: room - 1], Text(f"and {rest} more; see `kbsync status`", style="dim")]
    lines: list[RenderableType] = [
        *top,
        Text(),
        *_folders(view.rows, width, bars=True),
        Text(),
        *notes,
        Text(),
        *events,
    ]
    for each in lines:
        if isinstance(each, Text):
            each.no_wrap, each.overflow = True, "ellipsis"
    return Group(*lines)


def _top(view: View) -> Iterator[Text]:
    yield Text(_server_line(view.server))
    yield Text(_service_line(view.service))
    page = (view.service or {}).get("http", {})
    if page.get("problem"):
        yield Text(f"page: {page['problem']}", style="magenta")
    elif page.get("url"):
        yield Text(f"page: {page['url']}")


def _server_line(server: Mapping[str, Any]) -> str:
    match server["reachable"]:
        case True:
            word = "answers"
        case False:
            word = f"does not answer: {server.get('error')}"
        case _:
            word = str(server.get("error", "not asked"))
    return f"server {server['base_url']} ({server['api_style']}): {word}"


def _service_line(service: Mapping[str, Any] | None) -> str:
    if service is None:
        return "service: not running"
    problem = service.get("problem")
    return f"service: running as process {service.get('pid')}{f', {problem}' if problem else ''}"


def _folders(rows: Sequence[Mapping[str, Any]], width: int, *, bars: bool) -> list[RenderableType]:
    """A table, or where it would have to lose columns, a line for each folder."""
    if width >= _FOR_TABLE:
        return [_table(rows, width, bars=bars)]
    return [Text(f"{row['name']}: {_in_words(row['counts'])}") for row in rows]


def _in_words(counts: Mapping[str, int]) -> str:
    told = [
        f"{count:,} {title}"
        for title, count in zip(_TITLES, _numbers(counts), strict=True)
        if count
    ]
    return ", ".join(told) or "nothing yet"


def _numbers(counts: Mapping[str, int]) -> tuple[int, ...]:
    """What the ledger counts, as `_TITLES` calls it."""
    return (
        counts["completed"],
        counts["pending"],
        counts["sending"] + counts["indexing"],
        counts["failed"],
        counts["skipped"],
    )


def _table(rows: Sequence[Mapping[str, Any]], width: int, *, bars: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    bars = bars and width >= _FOR_BARS
    watched, scanned, upcoming = (
        width >= least for least in (_FOR_WATCHED, _FOR_SCANNED, _FOR_NEXT)
    )
    table.add_column("folder", overflow="fold", min_width=10)
    if bars:
        table.add_column("", min_width=_BAR[0])
    for title in _TITLES:
        table.add_column(title, justify="right", no_wrap=True)
    if watched:
        table.add_column("watched")
    if scanned:
        table.add_column("scanned")
    if upcoming:
        table.add_column("next")
    for row in rows:
        counts = row["counts"]
        cells = list(map(_count, _numbers(counts), _STYLES))
        bar = [_Bar(counts)] if bars else []
        if watched:
            cells.append(Text(_watched(row)))
        if scanned:
            cells.append(Text(_ago(row["last_scan"])))
        if upcoming:
            cells.append(Text(_next(row["next_scan"])))
        table.add_row(Text(str(row["name"])), *bar, *cells)
    return table


def _count(count: int, style: str) -> Text:
    return Text(f"{count:,}", style=style if count else "dim")


class _Bar:
    """What part of a folder's files is searchable, under way, waiting, and failed."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = [sum(counts[state] for state in states) for states, *_ in _PARTS]

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(*_BAR)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, coloured = min(options.max_width, _BAR[1]), console.color_system is not None
        blocks = coloured and not options.ascii_only
        for length, (_, block, letter, style) in zip(
            shares(self._counts, width), _PARTS, strict=True
        ):
            yield Segment((block if blocks else letter) * length, Style.parse(style))


def shares(counts: Sequence[int], width: int) -> list[int]:
    """How many of `width` places each count gets: each that is not zero at least one, if it can."""
    total = sum(counts)
    if not total:
        return [0] * len(counts)
    lengths = [max(1, count * width // total) if count else 0 for count in counts]
    lengths[lengths.index(max(lengths))] += width - sum(lengths)
    return lengths


def _watched(row: Mapping[str, Any]) -> str:
    lost = row["lost_events"]
    return str(row["watch"] or "-") + (f", {lost} overflows" if lost else "")


def _notes(view: View) -> Iterator[Text]:
    for row in view.rows:
        yield from _folder_notes(row)
    for text, trouble in _gathered(view.troubles, every=view.every):
        word, style = ("failed", "red") if trouble.state is State.FAILED else ("waiting", "yellow")
        yield Text.assemble((f"{word:<8} ", style), text)
    for text, _ in _gathered(view.skipped, every=view.every):
        yield Text.assemble((f"{'skipped':<8} ", "dim"), text)
    for refusal in dict.fromkeys(view.refusals):
        yield Text.assemble(("refused  ", "red"), f"at the last run: {printable(refusal)}")
    for folder in view.abandoned:
        yield Text.assemble(("left     ", "magenta"), told_of(folder))
    for hook in (view.service or {}).get("hooks", ()):
        yield Text.assemble(("not told ", "magenta"), printable(hook))
    for check in view.checks:
        if not check["passed"]:
            question, reason = printable(str(check["question"])), printable(str(check["reason"]))
            yield Text.assemble(("check    ", "magenta"), f'"{question}": {reason}')


def _folder_notes(row: Mapping[str, Any]) -> Iterator[Text]:
    name, trash, drift, held = row["name"], row["trash"], row["drift"], row["held"]
    if row["watch_problem"]:
        yield Text(f"watch: {name}: {row['watch_problem']}", style="yellow")
    if row["oldest_pending_seconds"] >= _WORTH_A_WORD:
        yield Text(f"waiting: {name}: the oldest for {_lasting(row['oldest_pending_seconds'])}")
    if trash["count"]:
        next_purge = f"; next purge {trash['next_purge']}" if trash["next_purge"] else ""
        yield Text(f"out of service: {name}: {trash['count']}{next_purge}")
    if drift["findings"]:
        when = _ago(drift["last_audit"])
        text = f"drift: {name}: {drift['findings']} not as agreed, {when}"
        yield Text(f"{text}; see `kbsync audit {name}`", style="magenta")
    if held:
        way_out = f"; `kbsync approve {name}` shows and releases them"
        text = f"held: {name}: {held['reason']}{'' if held['rule'] == 'root' else way_out}"
        yield Text(text, style="magenta")


def _gathered(entries: Iterable[Trouble], *, every: bool) -> Iterator[tuple[str, Trouble]]:
    """One line for each file, or for many files of a folder with the same reason."""
    alike: dict[tuple[str, State, str], list[Trouble]] = {}
    for entry in entries:
        alike.setdefault((entry.key.folder, entry.state, entry.reason), []).append(entry)
    for some in alike.values():
        if len(some) < _ALIKE or every:
            yield from ((_one(entry), entry) for entry in some)
        else:
            first = _one(some[0], f" and {len(some) - 1:,} more")
            yield f"{first}; --every lists them", some[0]


def _one(entry: Trouble, others: str = "") -> str:
    path = f"{entry.key.folder}/{printable(entry.key.path)}"
    due = f" (next try {moment(entry.next_try)})" if entry.next_try else ""
    return f"{path}{others}: {printable(entry.reason)}{due}"


def _event(event: Kept) -> Text:
    told = line(Event(Happened(event.happened), *event.key, event.text))
    at = datetime.fromtimestamp(event.at, UTC).astimezone()
    return Text.from_ansi(f"{at:%H:%M:%S} {told}")


def _ago(when: object) -> str:
    if not isinstance(when, str):
        return "never"
    return f"{_lasting(time.time() - datetime.fromisoformat(when).timestamp())} ago"


def _next(when: object) -> str:
    """When a folder is scanned next, where a service does so."""
    if not isinstance(when, str):
        return "-"
    return f"in {_lasting(datetime.fromisoformat(when).timestamp() - time.time())}"


def _lasting(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
