"""The metrics, as a service with one folder shows them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from kbsync.web import metrics as source

_INTRODUCTION = """\
# Metrics

`kbsync run` serves them at `/metrics` of `http.listen`. [Operating](../operating.md) has rules for
Prometheus and a dashboard for Grafana that use them.

| metric | labels | |
|---|---|---|
"""

_FAMILIES = {
    "Counter": "_total",
    "CounterMetricFamily": "_total",
    "GaugeMetricFamily": "",
    "Histogram": "",
    "InfoMetricFamily": "_info",
    "gauge": "",
}


def metrics() -> str:
    """The page."""
    rows = (f"| `{name}` | {labels} | {text} |" for name, labels, text in sorted(_found()))
    return (
        _INTRODUCTION
        + "\n".join(rows)
        + "\n\nBeside them are the `process_…` metrics of the service itself.\n"
    )


def _found() -> Iterator[tuple[str, str, str]]:
    tree = ast.parse(Path(source.__file__).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        suffix = _FAMILIES.get(node.func.id)
        told = [str(one.value) for one in node.args if isinstance(one, ast.Constant)]
        if suffix is not None and len(told) > 1:
            yield f"{told[0]}{suffix}", _labels(node), told[1]


def _labels(node: ast.Call) -> str:
    lists = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "labels")]
    names = [
        str(name.value)
        for one in lists
        if isinstance(one, ast.List)
        for name in one.elts
        if isinstance(name, ast.Constant)
    ]
    is_gauge_of_folders = isinstance(node.func, ast.Name) and node.func.id == "gauge"
    return ", ".join(names or (["folder"] if is_gauge_of_folders else []))
