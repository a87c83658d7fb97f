"""Metrics for Prometheus; the names, units and helps follow what `promtool check metrics` asks."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from kbsync import __version__
from kbsync.engine.overview import Facts
from kbsync.ledger import Kept
from kbsync.web.desk import Desk

disable_created_metrics()  # type: ignore[no-untyped-call]

_LAG = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 4 * 3600, 24 * 3600)


class Metrics:
    """Counts events as they come; everything else is read when it is asked for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._counted = CollectorRegistry()
        self._lag = Histogram(
            "kbsync_event_to_indexed_seconds",
            "Time from finding a file changed to its new version being searchable.",
            ["folder"],
            buckets=_LAG,
            registry=self._counted,
        )
        self._events = Counter(
            "kbsync_events",
            "What happened to documents, by kind, since the service started.",
            ["folder", "happened"],
            registry=self._counted,
        )
        ProcessCollector(registry=self._counted)
        self._in_sync: dict[str, float] = {}

    def see(self, events: Sequence[Kept]) -> None:
        """Count these."""
        for event in events:
            self._events.labels(event.key.folder, event.happened).inc()
            if event.seconds is not None:
                self._lag.labels(event.key.folder).observe(event.seconds)

    def answer(self, status: Facts, accept: str) -> tuple[bytes, str]:
        """The metrics in the form that `accept` asks for, and its media type."""
        encode, media_type = choose_encoder(accept)
        registry = CollectorRegistry()
        registry.register(_Of(self._counted.collect))
        registry.register(_Of(lambda: self._read(status)))
        return encode(registry), media_type

    def _read(self, status: Facts) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "kbsync_build",
            "What runs here.",
            {"version": __version__, "python": platform.python_version()},
        )
        ready = not self._desk.ready(status)
        yield GaugeMetricFamily("kbsync_ready", "1 when all that should be indexed is.", ready)
        healthy = status["problem"] is None
        yield GaugeMetricFamily("kbsync_healthy", "1 when nothing keeps the work up.", healthy)
        yield from self._traffic()
        folders = status["folders"]
        assert isinstance(folders, list)  # noqa: S101 - made by the desk
        yield _documents(folders)
        yield from _of_folders(folders, self._last_success(folders))
        yield self._scans()

    def _traffic(self) -> Iterator[Metric]:
        traffic = self._desk.engine.traffic
        requests = CounterMetricFamily(
            "kbsync_requests", "Answered requests to Dify.", labels=["kind", "status"]
        )
        for (kind, code), count in sorted(traffic.requests.items()):
            requests.add_metric([kind, str(code)], count)
        yield requests
        yield CounterMetricFamily(
            "kbsync_sent_bytes", "Bytes of documents that were sent to Dify.", traffic.sent_bytes
        )

    def _scans(self) -> Metric:
        scans = CounterMetricFamily(
            "kbsync_scans", "Whole scans, by what asked for them.", labels=["folder", "reason"]
        )
        told = self._desk.service().get("scans")
        for (folder, reason), count in sorted(told.items()) if isinstance(told, dict) else ():
            scans.add_metric([folder, reason], count)
        return scans

    def _last_success(self, folders: Iterable[Facts]) -> Mapping[str, float]:
        """When each folder was last seen equal to its dataset, since the service started."""
        now = self._desk.clock()
        self._in_sync |= {
            str(facts["name"]): now for facts in folders if facts["unsettled"] is None
        }
        return self._in_sync


class _Of(Collector):
    """A collector from a function."""

    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterable[Metric]:
        return self._collect()


def _documents(folders: Iterable[Facts]) -> Metric:
    documents = GaugeMetricFamily(
        "kbsync_documents", "Files by folder and state.", labels=["folder", "state"]
    )
    for facts in folders:
        kinds = facts["kinds"]
        assert isinstance(kinds, dict)  # noqa: S101 - made by the desk
        for kind, count in kinds.items():
            documents.add_metric([str(facts["name"]), kind], count)
    return documents


def _of_folders(folders: Sequence[Facts], last_success: Mapping[str, float]) -> Iterator[Metric]:
    """One value for each folder that has it."""

    def gauge(name: str, text: str, values: Mapping[str, float | None]) -> Metric:
        family = GaugeMetricFamily(name, text, labels=["folder"])
        for folder, value in values.items():
            if value is not None:
                family.add_metric([folder], value)
        return family

    by_name = {str(facts["name"]): facts for facts in folders}
    yield gauge(
        "kbsync_oldest_pending_age_seconds",
        "How long the file that has waited longest waits; 0 when none does.",
        {name: _number(facts["oldest_pending_seconds"]) for name, facts in by_name.items()},
    )
    yield gauge(
        "kbsync_held_deletions",
        "Deletions that wait for an approval.",
        {name: _number(_part(facts["held"], "count")) or 0 for name, facts in by_name.items()},
    )
    yield gauge(
        "kbsync_drift_findings",
        "What the last audit found not as agreed, and is not put right.",
        {name: _number(_part(facts["drift"], "findings")) for name, facts in by_name.items()},
    )
    yield gauge(
        "kbsync_last_success_timestamp_seconds",
        "When the folder was last seen equal to its dataset; absent before the first time.",
        last_success,
    )
    lost = CounterMetricFamily(
        "kbsync_lost_events", "Times that the kernel lost events of a folder.", labels=["folder"]
    )
    for name, facts in by_name.items():
        lost.add_metric([name], _number(facts["lost_events"]) or 0)
    yield lost


def _part(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
