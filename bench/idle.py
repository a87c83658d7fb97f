"""What watching a large tree costs while nothing happens, beside Syncthing on the same tree."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.daemon import (
    PATIENCE,
    configuration,
    cost,
    memory,
    service,
    wait_until,
    wait_until_idle,
    warm,
)
from bench.measure import keep
from bench.server import started
from bench.unchanged import make_tree

_SYNCTHING = """<configuration version="36">
  <folder id="bench" label="bench" path="{tree}" type="sendonly" fsWatcherEnabled="true">
    <device id="{device}"/>
  </folder>
  <device id="{device}" name="bench"/>
  <gui enabled="false"/>
  <options>
    <listenAddress>tcp://127.0.0.1:{port}</listenAddress>
    <globalAnnounceEnabled>false</globalAnnounceEnabled>
    <localAnnounceEnabled>false</localAnnounceEnabled>
    <relaysEnabled>false</relaysEnabled>
    <natEnabled>false</natEnabled>
    <startBrowser>false</startBrowser>
    <urAccepted>-1</urAccepted>
    <autoUpgradeIntervalH>0</autoUpgradeIntervalH>
    <crashReportingEnabled>false</crashReportingEnabled>
    <announceLANAddresses>false</announceLANAddresses>
  </options>
</configuration>
"""


def run(place: Path, count: int, directories: int, seconds: float) -> None:
    """Measure both at the same time, for so many seconds, after each has come to rest."""
    tree = place / "tree"
    make_tree(tree, count, each=count // directories)
    with started(place) as server:
        config = configuration(place, tree, server.url)
        warm(config, server)
        with service(place, config) as ours, _syncthing(place, tree) as theirs:
            pids = {"kbsync run": ours} | ({"syncthing": theirs} if theirs else {})
            for pid in pids.values():
                wait_until_idle(pid)
            figures = _watched(pids, seconds)
    title = f"idle service, {count} files in {directories} directories"
    print(f"\n{title}, {seconds:.0f} s")
    for name, figure in figures.items():
        print(f"  {name:<28} " + ", ".join(f"{key} {value}" for key, value in figure.items()))
    keep(title, figures)


def _watched(pids: Mapping[str, int], seconds: float) -> dict[str, dict[str, float]]:
    before = {name: cost(pid) for name, pid in pids.items()}
    time.sleep(seconds)
    figures = {}
    for name, pid in pids.items():
        share, wakes = cost(pid).since(before[name])
        resident, peak = memory(pid)
        figures[name] = {
            "percent_of_a_core": round(share * 100, 4),
            "wakes_a_second": round(wakes, 1),
            "resident_mb": round(resident / 1e6, 1),
            "peak_mb": round(peak / 1e6, 1),
        }
    return figures


@contextmanager
def _syncthing(place: Path, tree: Path) -> Iterator[int | None]:
    """Syncthing alone in the world, with the tree as its one folder; None where there is none."""
    if shutil.which("syncthing") is None:
        print("syncthing is not installed (Debian: apt install syncthing)")
        yield None
        return
    home, log = place / "syncthing", place / "syncthing.log"
    environ = {**os.environ, "STMONITORED": "yes", "HOME": str(place)}
    generate = ["syncthing", "generate", f"--home={home}"]
    subprocess.run(generate, check=True, capture_output=True, env=environ)
    device = subprocess.run(
        ["syncthing", f"--home={home}", "--device-id"],
        check=True,
        capture_output=True,
        text=True,
        env=environ,
    ).stdout.strip()
    text = _SYNCTHING.format(tree=tree, device=device, port=_free_port())
    (home / "config.xml").write_text(text)
    (tree / ".stfolder").mkdir()
    command = ["syncthing", "serve", f"--home={home}", "--no-browser"]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environ)
    try:
        wait_until(
            lambda: "Completed initial scan" in log.read_text(), "syncthing's first scan", most=3600
        )
        yield process.pid
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
