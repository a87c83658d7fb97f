"""Whether each hook can tell somebody: the only check that others notice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from kbsync.commands.doctor.findings import Finding, ok, tried
from kbsync.config import HookSettings, Settings
from kbsync.engine.overview import moment
from kbsync.hooks import Message, open_hook


def told(settings: Settings) -> Iterator[Finding]:
    """Send a test message through each hook."""
    for hook in settings.hooks:
        yield from tried("hook", hook.way, partial(_told, hook, settings.instance))


def _told(hook: HookSettings, instance: str) -> Finding:
    at = moment(time.time()) or ""
    open_hook(hook).tell(
        Message(f"kbsync on {instance}: a test message of kbsync doctor", "", instance, at)
    )
    return ok("hook", hook.way, "took a test message")
