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
        yield from tried("hook", hook.name, partial(_told, hook, settings))


def _told(hook: HookSettings, settings: Settings) -> Finding:
    at, who = moment(time.time()) or "", settings.instance
    message = Message(f"kbsync on {who}: a test message of kbsync doctor", "", who, at)
    open_hook(hook, settings).tell(message)
    did = "ran to its end" if hook.workflow else "took a test message"
    return ok("hook", hook.name, did)
