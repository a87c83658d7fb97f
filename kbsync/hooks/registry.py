"""From settings to a hook."""

from __future__ import annotations

from collections.abc import Callable

from kbsync.config import HookSettings
from kbsync.hooks.command import Command
from kbsync.hooks.interface import Hook


def _webhook(settings: HookSettings) -> Hook:
    from kbsync.hooks.web import Webhook  # noqa: PLC0415 - httpx only when needed

    return Webhook(settings.target)


def _heartbeat(settings: HookSettings) -> Hook:
    from kbsync.hooks.web import Heartbeat  # noqa: PLC0415

    return Heartbeat(settings.target)


def _notify(settings: HookSettings) -> Hook:
    from kbsync.hooks.apprise import Notify  # noqa: PLC0415 - an extra

    return Notify(settings.target)


_WAYS: dict[str, Callable[[HookSettings], Hook]] = {
    "command": lambda settings: Command(settings.command),
    "webhook": _webhook,
    "notify": _notify,
    "heartbeat": _heartbeat,
}


def open_hook(settings: HookSettings) -> Hook:
    """The way that the settings name."""
    return _WAYS[settings.way](settings)
