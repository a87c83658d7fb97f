"""`kbsync doctor`: try every part and say what to do about each finding."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import click

from kbsync.commands.doctor.examination import examined
from kbsync.commands.doctor.findings import Finding, Result
from kbsync.commands.doctor.report import write_report
from kbsync.commands.options import as_json, config_option

WRONG, TROUBLED, UNREACHABLE = 2, 3, 5

_CONFIGURED = frozenset({"configuration", "key", "ledger fit"})

_SERVED = frozenset(
    {
        "server",
        "version",
        "clock",
        "api",
        "application",
        "dataset",
        "model",
        "processing",
        "documents",
        "owner",
    }
)

_LOOKS = {
    Result.OK: ("✓", "+", "green"),
    Result.WARN: ("!", "!", "yellow"),
    Result.FAIL: ("✗", "x", "red"),
    Result.SKIP: ("-", "-", "bright_black"),
}

_WIDTH = 18


@click.command(name="doctor")
@config_option
@click.option("--hooks", is_flag=True, help="Send a test message through each of [[hooks]], too.")
@click.option(
    "--user",
    metavar="NAME",
    help="As root: look at the folders with the rights of this user, such as nobody.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write versions, settings, findings and history there, without keys and names.",
)
@as_json
@click.pass_context
def command(
    ctx: click.Context,
    config: Path | None,
    hooks: bool,
    user: str | None,
    report: Path | None,
    as_json: bool,
) -> int:
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
    for finding in examined(config or ctx.obj, hooks=hooks, user=user):
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print_sum(findings)
    if report is not None:
        write_report(report, findings, config or ctx.obj)
        click.echo(f"{report}: read it before you attach it to anything", err=True)
    return exit_code(findings)


def exit_code(findings: Iterable[Finding]) -> int:
    """What the failures come to: the first cause that a person has to mend."""
    failed = {finding.check for finding in findings if finding.result is Result.FAIL}
    if failed & _CONFIGURED:
        return WRONG
    if failed & _SERVED:
        return UNREACHABLE
    return TROUBLED if failed else 0


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
