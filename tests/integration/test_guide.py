"""The guide: it builds without a warning, and its made pages and the alerts know all there is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kbsync.cli import COMMANDS
from kbsync.model import State
from tools.guide.commands import commands
from tools.guide.messages import messages
from tools.guide.metrics import metrics
from tools.guide.settings import SECTIONS, settings

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "deploy"


def test_it_builds_strictly(tmp_path: Path) -> None:
    """No page is missing, no link leads nowhere, and nothing is loaded from another site."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path)],
        cwd=PROJECT, capture_output=True, text=True, check=False,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    page = (tmp_path / "reference/settings.html").read_text()
    assert 'id="folders-trash_days"' in page
    loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)"', page)
    assert loaded == []


def test_every_setting_has_its_entry() -> None:
    """Each field of the model has a heading of its own, a text, and an example."""
    page = settings()
    for section, model in SECTIONS.items():
        below = {name.rpartition(".")[2] for name in SECTIONS if name.rpartition(".")[0] == section}
        for name in set(model.model_fields) - below:
            anchor = "-".join(filter(None, [section.replace(".", "-"), name]))
            entry = re.search(
                rf"### `{name}` {{ #{anchor} }}\n\n(.*?)\n\ndefault: ", page, re.DOTALL
            )
            assert entry is not None, anchor
            assert len(entry[1]) > len("default"), anchor
    assert 'default: `"auto"` · one of `"auto"`, `"native"`, `"poll"`, `"off"`' in page
    assert "default: `15MiB`" in page


def test_every_command_has_its_entry() -> None:
    """Each command has its usage, its options and an example."""
    page = commands()
    for name in COMMANDS:
        entry = page.partition(f"## kbsync {name} {{ #{name} }}")[2].partition("\n## ")[0]
        assert f"kbsync {name}" in entry
        assert "$ kbsync" in entry, name
        assert "| `-h, --help` |" in entry


def test_messages_are_read_from_the_source() -> None:
    """A message has what happened and what to do, wherever it is raised."""
    page = messages()
    for happened, remedy in (
        ("dataset … is a knowledge pipeline", "use a general knowledge base"),
        ("FILE: SETTING must be a duration such as", ""),
        ("the server has no embedding model", "set one up in Dify"),
        ("… refused the API key (…)", "use a dataset key"),
    ):
        line = next(line for line in page.splitlines() if line.startswith(f"| {happened}"))
        assert remedy in line.split(" | ")[1]


def test_every_state_is_explained() -> None:
    """The page of states has a row for each of the ledger's and of the status page's words."""
    page = (PROJECT / "docs/states.md").read_text()
    words = (PROJECT / "kbsync/web/static/words.js").read_text()
    kinds = re.findall(r'^  (\w+): \["([^"]+)"', words.partition("KINDS = {")[2], re.MULTILINE)
    assert {state.value for state in State} <= {kind for kind, _ in kinds}
    for kind, word in kinds:
        assert f"| `{kind}` | {word} |" in page
    rules = re.findall(r'Hold\(folder, "(\w+)"', (PROJECT / "kbsync/holds.py").read_text())
    assert len(rules) > 4
    for rule in rules:
        assert f"`{rule}`" in page.partition("## Held")[2]


@pytest.mark.parametrize("name", ["prometheus-rules.yaml", "grafana-dashboard.json"])
def test_alerts_and_dashboard_ask_for_what_there_is(name: str) -> None:
    """They name metrics that the service has, and only those; the guide explains each alert."""
    known = set(re.findall(r"^\| `(kbsync_\w+)` ", metrics(), re.MULTILINE))
    assert len(known) > 10
    asked = set(re.findall(r"\bkbsync_\w+", (DEPLOY / name).read_text()))
    assert {one.removesuffix("_bucket") for one in asked} <= known
    if name.endswith(".json"):
        board = json.loads((DEPLOY / name).read_text())
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
        return
    operating = (PROJECT / "docs/operating.md").read_text()
    (group,) = yaml.safe_load((DEPLOY / name).read_text())["groups"]
    for rule in group["rules"]:
        assert f"| `{rule['alert']}` |" in operating


#: By alert, a series that sets it off, minute by minute, and one of the same name that does not.
ALARMING = {
    "KbsyncDown": ('up{job="kbsync"}', "0x60", "1x60"),
    "KbsyncUnhealthy": ("kbsync_healthy", "0x60", "0 0 1x60"),
    "KbsyncNotInSync": ('kbsync_last_success_timestamp_seconds{folder="f"}', "0x600", "0+60x600"),
    "KbsyncOldestPending": ('kbsync_oldest_pending_age_seconds{folder="f"}', "0+60x120", "600x120"),
    "KbsyncFailedDocuments": ('kbsync_documents{folder="f",state="failed"}', "2x60", "0x60"),
    "KbsyncDeletionsHeld": ('kbsync_held_deletions{folder="f"}', "3x60", "0x60"),
    "KbsyncDrift": ('kbsync_drift_findings{folder="f"}', "1x60", "0x60"),
    "KbsyncServerRefuses": ('kbsync_requests_total{kind="list",status="403"}', "0+20x60", "0x60"),
}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool, of Prometheus")
def test_the_alerts_go_off(tmp_path: Path) -> None:
    """Each alert goes off at what it is for, and not at what is well, as Prometheus reckons."""
    rules = DEPLOY / "prometheus-rules.yaml"
    (group,) = yaml.safe_load(rules.read_text())["groups"]
    assert [rule["alert"] for rule in group["rules"]] == list(ALARMING)
    tests = []
    for alert, (series, bad, good) in ALARMING.items():
        for values, goes_off in ((bad, True), (good, False)):
            minutes = 420 if alert == "KbsyncNotInSync" else 100 if "Oldest" in alert else 59
            when = f"ALERTS{{alertname={alert!r},alertstate='firing'}}"
            expected: dict[str, object] = {"expr": f"count({when})", "eval_time": f"{minutes}m"}
            expected["exp_samples"] = [{"labels": "{}", "value": 1}] if goes_off else []
            inputs = [{"series": series, "values": values}]
            if alert == "KbsyncServerRefuses":
                well = 'kbsync_requests_total{kind="list",status="200"}'
                inputs.append({"series": well, "values": "0+20x60"})
            test: dict[str, object] = {
                "interval": "1m",
                "input_series": inputs,
                "promql_expr_test": [expected],
            }
            tests.append(test | {"name": f"{alert} {goes_off}"})
    file = tmp_path / "alerts.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(rules)], "tests": tests}))
    done = subprocess.run(
        ["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
