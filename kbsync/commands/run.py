"""`kbsync run`: the background service."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from kbsync.commands.options import config_option
from kbsync.config import Settings, load
from kbsync.log import get_logger, setup
from kbsync.service import Asked, Daemon, Notifier


@click.command(name="run")
@config_option
def command(config: Path | None) -> int:
    """Keep the datasets equal to the folders until stopped: watch, rescan, send, follow.

    SIGHUP reads the configuration again (a wrong one is refused and the old one kept), SIGTERM
    and Ctrl-C stop after the documents under way, a second one at once.

    Example: kbsync run --config /etc/kbsync/config.toml
    """
    asked = Asked()
    asked.take_signals()
    config = config or click.get_current_context().obj
    settings = load(config)
    Daemon(partial(load, config), _use, asked, Notifier()).run(settings)
    return 0


def _use(settings: Settings) -> None:
    """Log as these settings say, and with what they warn of."""
    setup(settings.log.level, settings.log.format, sys.stderr, secrets=settings.secrets)
    for warning in settings.warnings:
        get_logger().warning(warning)
