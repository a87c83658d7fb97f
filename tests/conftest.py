"""What the tests tell of themselves at the end, gathered from the processes that ran them."""

from __future__ import annotations

from typing import Protocol

import pytest
from hypothesis import HealthCheck, settings

from tests.seams import TRIED

# The same examples each time: what is found must be found by whoever changed something, and not by
# a machine that was busy with something else.
settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


class Worker(Protocol):
    """A process of tests that has ended, as pytest-xdist describes it."""

    workeroutput: dict[str, dict[str, int]]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands over its counts."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["tried"] = dict(TRIED)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Worker) -> None:
    """The counts of a worker; one that was killed has none."""
    TRIED.update(getattr(node, "workeroutput", {}).get("tried", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How much was tried, where a number says more than a dot."""
    if TRIED:
        told = ", ".join(f"{count:,} {what}" for what, count in sorted(TRIED.items()))
        terminalreporter.write_line(f"tried: {told}")
