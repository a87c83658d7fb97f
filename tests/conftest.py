"""What the tests tell of themselves at the end."""

from __future__ import annotations

import pytest

from tests.seams import TRIED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How much was tried, where a number says more than a dot."""
    if TRIED:
        told = ", ".join(f"{count:,} {what}" for what, count in sorted(TRIED.items()))
        terminalreporter.write_line(f"tried: {told}")
